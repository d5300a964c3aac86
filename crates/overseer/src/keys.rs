//! The key files: a pair for each service, and the ticket's pair. Made at the first start, mode 0600, and never made anew
//! over existing ones.

use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use overseer_contract::callers_of;
use overseer_credentials::{Credential, Installation, Keyring, PublicKey, ServiceKey, Trust};
use overseer_model::{ServiceName, Site};
use overseer_permit::{Signer, Verifier};
use overseer_runtime::Secret;
use tokio::time::Instant;

use crate::config::{KeyFiles, make_private};

/// How long a service waits at its start for the public keys of others.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Keys {
    folder: PathBuf,
    signing: PathBuf,
    verify: PathBuf,
}

impl Keys {
    pub fn new(files: &KeyFiles, data_dir: &Path) -> anyhow::Result<Self> {
        let or = |set: &str, usual: PathBuf| if set.is_empty() { usual } else { PathBuf::from(set) };
        let folder = or(&files.folder, data_dir.join("keys"));
        make_private(&folder)?;
        Ok(Self {
            signing: or(&files.ticket_signing_key_file, folder.join("ticket.key")),
            verify: or(&files.ticket_verify_key_file, folder.join("ticket.pub")),
            folder,
        })
    }

    /// The credentials of these services, each with its own key. Waits for the public keys of their callers.
    pub async fn keyring(&self, installation: Installation, services: &[ServiceName]) -> anyhow::Result<Keyring> {
        // All own keys first: others may be waiting for them.
        let own = services.iter().map(|service| Ok((*service, self.own_key(*service)?)));
        let own = own.collect::<anyhow::Result<Vec<_>>>()?;
        let mut public: HashMap<_, _> = own.iter().map(|(service, key)| (*service, key.public())).collect();
        let needed: BTreeSet<_> =
            services.iter().flat_map(|service| callers_of(*service)).chain([ServiceName::Identity]).collect();
        let deadline = Instant::now() + PATIENCE;
        for service in needed.into_iter().filter(|service| !services.contains(service)) {
            public.insert(service, self.public_key(service, deadline).await?);
        }
        let trust = Arc::new(Trust::new(installation, public));
        Ok(Keyring::of(own.into_iter().map(|(service, key)| Credential::new(service, key, trust.clone())).collect()))
    }

    fn own_key(&self, service: ServiceName) -> anyhow::Result<ServiceKey> {
        let (private, public) = (self.file(service, "key"), self.file(service, "pub"));
        make_once(&private, &ServiceKey::generate()?)?;
        let key = ServiceKey::from_pkcs8(&read(&private)?).with_context(|| not_a_key(&private))?;
        make_public(&public, key.public().as_bytes(), &private)?;
        Ok(key)
    }

    async fn public_key(&self, service: ServiceName, deadline: Instant) -> anyhow::Result<PublicKey> {
        let file = self.file(service, "pub");
        let name = service.snake();
        appears(&file, deadline).await.with_context(|| {
            format!("`{}` is missing: start {service} once, or copy its {name}.pub", file.display())
        })?;
        PublicKey::from_bytes(&read(&file)?).with_context(|| not_a_key(&file))
    }

    fn file(&self, service: ServiceName, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", service.snake()))
    }

    /// The password of a service's user at NATS.
    pub fn bus_password(&self, service: ServiceName) -> anyhow::Result<String> {
        let file = self.file(service, "nats");
        make_once(&file, Secret::random()?.expose())?;
        let password = String::from_utf8_lossy(Secret::from_file(&file)?.expose()).into_owned();
        if !password.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            anyhow::bail!("`{}` must hold letters and digits only", file.display());
        }
        Ok(password)
    }

    pub fn signer(&self) -> anyhow::Result<Signer> {
        make_once(&self.signing, &Signer::generate()?)?;
        let signer = Signer::from_pkcs8(&read(&self.signing)?).with_context(|| not_a_key(&self.signing))?;
        make_public(&self.verify, &signer.public_key(), &self.signing)?;
        Ok(signer)
    }

    pub async fn verifier(&self, site: Site) -> anyhow::Result<Verifier> {
        appears(&self.verify, Instant::now() + PATIENCE).await.with_context(|| {
            format!("`{}` is missing: start the control plane once, or copy its ticket.pub", self.verify.display())
        })?;
        Ok(Verifier::new(read(&self.verify)?, site))
    }
}

async fn appears(file: &Path, deadline: Instant) -> anyhow::Result<()> {
    let appears = async {
        while !file.exists() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    Ok(tokio::time::timeout_at(deadline, appears).await?)
}

fn not_a_key(file: &Path) -> String {
    format!("`{}` is not a key made by Overseer", file.display())
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("`{}` cannot be read", file.display()))
}

/// The public half beside the private one.
fn make_public(file: &Path, key: &[u8], private: &Path) -> anyhow::Result<()> {
    make_once(file, key)?;
    if read(file)? != key {
        anyhow::bail!(
            "`{}` does not belong to `{}`: remove the first, it is made anew",
            file.display(),
            private.display()
        );
    }
    Ok(())
}

/// Writes the file whole and only if there is none, whoever else tries at the same time.
fn make_once(file: &Path, content: &[u8]) -> anyhow::Result<()> {
    if file.exists() {
        return Ok(());
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    let make = || -> std::io::Result<()> {
        // A temporary file has mode 0600.
        let mut draft = tempfile::NamedTempFile::new_in(folder)?;
        draft.write_all(content)?;
        draft.as_file().sync_all()?;
        match draft.persist_noclobber(file) {
            Err(taken) if taken.error.kind() != std::io::ErrorKind::AlreadyExists => Err(taken.error),
            Ok(_) | Err(_) => Ok(()),
        }
    };
    make().with_context(|| format!("the key file `{}` cannot be written", file.display()))
}

#[cfg(test)]
mod tests {
    use overseer_model::Timestamp;

    use super::*;

    const METHOD: &str = "/overseer.v1.InventoryService/LocateResource";

    fn keys(folder: &Path) -> Keys {
        let empty = String::new;
        let folder = folder.display().to_string();
        let files = KeyFiles { folder, ticket_signing_key_file: empty(), ticket_verify_key_file: empty() };
        Keys::new(&files, Path::new("/nowhere")).unwrap()
    }

    fn installation() -> Installation {
        "home".parse().unwrap()
    }

    #[tokio::test]
    async fn services_of_several_processes_believe_each_other_by_their_public_files() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (keys(folder.path()), keys(folder.path()));
        // Each waits for the other's.
        let (collector, rest) = tokio::join!(
            one.keyring(installation(), &[ServiceName::Collector]),
            other.keyring(installation(), &[ServiceName::ControlPlane, ServiceName::Gateway, ServiceName::Identity]),
        );
        let (collector, rest) = (collector.unwrap(), rest.unwrap());
        let (there, now) = (collector.credential(ServiceName::Collector).unwrap(), Timestamp::now());
        let call = rest.credential(ServiceName::ControlPlane).unwrap().call(ServiceName::Collector, METHOD, now);
        let seen = there.trust().caller(call.as_str(), ServiceName::Collector, METHOD, now);
        assert_eq!(seen, Ok(ServiceName::ControlPlane));
        assert!(collector.credential(ServiceName::Gateway).is_none(), "the key of another service was read");

        use std::os::unix::fs::PermissionsExt;
        let mode = folder.path().join("collector.key").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test(start_paused = true)]
    async fn a_public_key_that_does_not_come_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = keys(folder.path()).keyring(installation(), &[ServiceName::Collector]).await.err().unwrap();
        assert!(format!("{error:#}").contains(".pub` is missing: start "), "{error:#}");
    }

    #[tokio::test]
    async fn a_public_key_of_another_pair_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let stranger = ServiceKey::from_pkcs8(&ServiceKey::generate().unwrap()).unwrap();
        std::fs::write(folder.path().join("identity.pub"), stranger.public().as_bytes()).unwrap();
        let error = keys(folder.path()).keyring(installation(), &[ServiceName::Identity]).await.err().unwrap();
        assert!(error.to_string().contains("does not belong"), "{error}");
    }
}
