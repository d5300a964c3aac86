//! The address of an engine, and a new client for it. Shared with the half that acts.

use std::fmt;
use std::str::FromStr;

use bollard::Docker;
use bollard::errors::Error;

const DEFAULT: &str = "unix:///var/run/docker.sock";

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid Docker address `{got}`: expected unix:///path/to/docker.sock or tcp://host:port")]
pub struct BadHost {
    pub got: String,
}

/// Where an engine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host(String);

/// How an engine is reached.
pub(crate) enum Place<'h> {
    Socket(&'h str),
    /// Host and port.
    Address(&'h str),
}

impl Host {
    pub(crate) fn place(&self) -> Place<'_> {
        if let Some(file) = self.0.strip_prefix("unix://") {
            return Place::Socket(file);
        }
        let rest = self.0.split_once("://").map_or(self.0.as_str(), |(_, rest)| rest);
        Place::Address(rest.trim_end_matches('/'))
    }
}

/// Empty means `DOCKER_HOST`, or else the usual socket.
impl FromStr for Host {
    type Err = BadHost;
    fn from_str(text: &str) -> Result<Self, BadHost> {
        let text = match text {
            "" => std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()).unwrap_or(DEFAULT.to_owned()),
            given => given.to_owned(),
        };
        let known = ["unix://", "tcp://", "http://"]
            .iter()
            .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
        if known { Ok(Self(text)) } else { Err(BadHost { got: text }) }
    }
}
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A new client that speaks the engine's version of the API. It asks the engine, so it fails when there is none; the
/// caller sets the deadline.
///
/// # Errors
/// When the engine does not answer.
pub async fn connect(host: &Host) -> Result<Docker, Error> {
    Docker::connect_with_host(&host.0)?.negotiate_version().await
}

/// Whether this can be a container's id or name. Anything else would change the path of the request.
#[must_use]
pub fn is_id(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_sockets_and_tcp_only() {
        for good in ["unix:///run/docker.sock", "tcp://127.0.0.1:2375", "http://engine:2375"] {
            assert_eq!(good.parse::<Host>().unwrap().to_string(), good);
        }
        for bad in ["/run/docker.sock", "ssh://host", "unix://", "engine:2375"] {
            assert!(bad.parse::<Host>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_id_cannot_leave_its_place_in_the_path() {
        assert!(is_id(&"a".repeat(64)));
        for bad in ["", ".", "../info", "a/b", "a?x=1", "a%2f", "é"] {
            assert!(!is_id(bad), "{bad}");
        }
    }
}
