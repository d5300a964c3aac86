//! What is watched and acted on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{BadId, Site};

/// A kind of platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    Docker,
    Proxmox,
}

impl Provider {
    pub const ALL: [Self; 2] = [Self::Docker, Self::Proxmox];

    /// The scheme of the text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Proxmox => "proxmox",
        }
    }
    /// The kind that the text form leaves out: what the platform is about.
    #[must_use]
    pub const fn usual_kind(self) -> ResourceKind {
        match self {
            Self::Docker => ResourceKind::Container,
            Self::Proxmox => ResourceKind::Vm,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    Container,
    Vm,
}

impl ResourceKind {
    pub const ALL: [Self; 2] = [Self::Container, Self::Vm];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Vm => "vm",
        }
    }
}

/// The configured name of one instance of a provider: one engine, one cluster. Lower-case letters, digits and `-`, at
/// most 32.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Instance(Site);

impl Default for Instance {
    /// The one instance of a provider that was configured without a name.
    fn default() -> Self {
        Self(Site::local())
    }
}
impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl FromStr for Instance {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        text.parse().map(Self).map_err(|_| BadId { expected: "instance: 1 to 32 of a-z, 0-9 and -" })
    }
}
impl TryFrom<String> for Instance {
    type Error = BadId;
    fn try_from(text: String) -> Result<Self, BadId> {
        text.parse()
    }
}
impl From<Instance> for String {
    fn from(instance: Instance) -> String {
        instance.0.into()
    }
}

/// Where resources come from: one configured instance of one provider.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Source {
    pub provider: Provider,
    #[serde(default)]
    pub instance: Instance,
}

/// The platform's own immutable id of one resource, never used again for another. 1 to 512 printable ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlatformId(String);

impl PlatformId {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for PlatformId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl FromStr for PlatformId {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        Self::try_from(text.to_owned())
    }
}
impl TryFrom<String> for PlatformId {
    type Error = BadId;
    fn try_from(text: String) -> Result<Self, BadId> {
        let fits = (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(text)) } else { Err(BadId { expected: "platform id: 1 to 512 printable ASCII characters" }) }
    }
}
impl From<PlatformId> for String {
    fn from(id: PlatformId) -> String {
        id.0
    }
}

/// Identifies one resource everywhere. Its text is `SITE/PROVIDER://INSTANCE/ID`, or `…/INSTANCE/KIND/ID` for a kind
/// that is not the provider's usual one; without the site it is the resource's [`Uri`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceKey {
    pub site: Site,
    #[serde(flatten)]
    pub uri: Uri,
}

/// Identifies one resource of one site: `docker://INSTANCE/ID`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Uri {
    #[serde(flatten)]
    pub source: Source,
    pub kind: ResourceKind,
    pub id: PlatformId,
}

impl Uri {
    #[must_use]
    pub fn at(self, site: Site) -> ResourceKey {
        ResourceKey { site, uri: self }
    }
}
impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source: Source { provider, instance }, kind, id } = self;
        write!(f, "{}://{instance}/", provider.as_str())?;
        // An id with a slash is told from a kind by always naming the kind.
        if *kind != provider.usual_kind() || id.as_str().contains('/') {
            write!(f, "{}/", kind.as_str())?;
        }
        id.fmt(f)
    }
}
impl FromStr for Uri {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        const BAD: BadId = BadId { expected: "PROVIDER://INSTANCE/ID, for example docker://local/4f5ea1" };
        let (scheme, rest) = text.split_once("://").ok_or(BAD)?;
        let provider = Provider::ALL.into_iter().find(|provider| provider.as_str() == scheme).ok_or(BAD)?;
        let (instance, rest) = rest.split_once('/').ok_or(BAD)?;
        let (kind, id) = match rest.split_once('/') {
            None => (provider.usual_kind(), rest),
            Some((kind, id)) => (ResourceKind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or(BAD)?, id),
        };
        let source = Source { provider, instance: instance.parse().map_err(|_| BAD)? };
        Ok(Self { source, kind, id: id.parse().map_err(|_| BAD)? })
    }
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.site, self.uri)
    }
}
impl FromStr for ResourceKey {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = BadId { expected: "SITE/PROVIDER://INSTANCE/ID, for example home/docker://local/4f5ea1" };
        let (site, uri) = text.split_once('/').ok_or(bad.clone())?;
        Ok(Self { site: site.parse().map_err(|_| bad)?, uri: uri.parse()? })
    }
}

/// One thing on one platform: its key, and its name for people, which is the platform's untrusted text and identifies
/// nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ResourceRef {
    #[serde(flatten)]
    pub key: ResourceKey,
    pub name: String,
}

impl ResourceRef {
    #[must_use]
    pub fn site(&self) -> &Site {
        &self.key.site
    }
    /// The platform's own id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.key.uri.id.as_str()
    }
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.key.uri.source
    }
}

/// What a look-up of a resource answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    Present,
    /// A complete answer of the authoritative source says that it is no more.
    Gone,
    /// Not listed yet, of another site, or its source is unreachable. It decides nothing.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceState {
    Created,
    Running,
    Paused,
    /// The engine waits before it starts it again.
    Restarting,
    Exited,
    Removed,
    /// The platform could not say.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It has no health check.
    Unchecked,
    Starting,
    Healthy,
    Unhealthy,
}

/// When the engine itself starts a container again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartRule {
    Never,
    /// Gives up after `most` restarts; `None` never gives up.
    OnFailure {
        most: Option<u32>,
    },
    Always,
    UnlessStopped,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> ResourceKey {
        text.parse().unwrap()
    }

    #[test]
    fn a_vm_and_a_container_of_one_name_and_id_are_two() {
        let container = key("home/docker://local/web");
        let vm = key("home/proxmox://local/web");
        assert_ne!(container, vm);
        assert_ne!(container, key("home/docker://other/web"));
        assert_ne!(container, key("away/docker://local/web"));
        assert_eq!(key("home/proxmox://pve/container/101").uri.kind, ResourceKind::Container);
    }

    #[test]
    fn a_text_that_is_no_key_is_refused() {
        for bad in [
            "",
            "home",
            "docker://local/abc",
            "home/docker://local/",
            "home/docker://local",
            "home/docker:///abc",
            "home/podman://local/abc",
            "home/docker://local/pod/abc",
            "home/docker://local/a b",
            "home/docker://UP/abc",
        ] {
            assert!(bad.parse::<ResourceKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn json_of_a_reference_without_an_instance_is_of_the_unnamed_one() {
        let json = r#"{"site":"home","provider":"docker","kind":"container","id":"c1","name":"web"}"#;
        let read: ResourceRef = serde_json::from_str(json).unwrap();
        assert_eq!(read.key, key("home/docker://local/c1"));
        let again: ResourceRef = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
        assert_eq!(again, read);
    }

    proptest! {
        #[test]
        fn every_key_reads_back_from_its_text(
            provider in 0..Provider::ALL.len(), kind in 0..ResourceKind::ALL.len(),
            instance in "[a-z0-9-]{1,32}", id in "[!-~]{1,40}"
        ) {
            let source = Source { provider: Provider::ALL[provider], instance: instance.parse().unwrap() };
            let uri = Uri { source, kind: ResourceKind::ALL[kind], id: id.parse().unwrap() };
            let key = uri.at("home".parse().unwrap());
            prop_assert_eq!(key.to_string().parse::<ResourceKey>(), Ok(key));
        }
    }
}
