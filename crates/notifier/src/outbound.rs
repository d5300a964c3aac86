//! The only way out of this service. It connects to addresses that its check has seen and nothing else: no proxy, no
//! redirect, names resolved here; what the receiver says is not kept.

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use overseer_model::Timestamp;
use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use serde::Deserialize;
use url::{Host, Url};

use crate::address::{Class, classify};
use crate::sign::SigningKey;

const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// From the first byte of the request to the last of the answer.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A kept connection saves the first notice after a quiet time its handshakes.
const KEEP_IDLE: Duration = Duration::from_secs(300);
/// Finds out that a kept connection is dead before a notice does.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);
/// Read of an answer, so that its connection can be used again; a longer one costs the connection.
const ANSWER_BYTES: usize = 64 * 1024;
/// Of receivers out in the internet. Any other port there is more likely some service that takes no webhooks.
const PUBLIC_PORTS: [u16; 2] = [443, 8443];

/// An address with the secret that it may hold. Not printed.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct WebhookUrl(String);

impl WebhookUrl {
    #[must_use]
    pub const fn new(url: String) -> Self {
        Self(url)
    }
}

/// Where a receiver may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Out in the internet, over https.
    #[default]
    Public,
    /// Where its operator wrote, also when that is inside, and over plain http.
    Declared,
}

impl Reach {
    fn permits(self, class: Class) -> bool {
        class == Class::Public || (self == Self::Declared && class.is_inside())
    }
}

/// Why an address cannot be a receiver's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadReceiver {
    #[error("invalid URL: expected for example https://example.com/hooks/overseer")]
    Malformed,
    #[error("only https is allowed, and http with `reach = \"declared\"`")]
    Scheme,
    #[error("plain http exposes the notice: use https, or set `reach = \"declared\"`")]
    Plain,
    #[error("user and password in the URL are not allowed: remove them")]
    UserInfo,
    #[error("port {0} is neither 443 nor 8443: use one of these, or set `reach = \"declared\"`")]
    Port(u16),
    #[error("its address is {0}: use a public address, or set `reach = \"declared\"`")]
    Address(Class),
}

/// An address that was looked at.
pub(crate) struct Receiver {
    url: Url,
    reach: Reach,
}

impl Receiver {
    pub(crate) fn read(url: &WebhookUrl, reach: Reach) -> Result<Self, BadReceiver> {
        let url = Url::parse(&url.0).map_err(|_| BadReceiver::Malformed)?;
        match (url.scheme(), reach) {
            ("https", _) | ("http", Reach::Declared) => {}
            ("http", Reach::Public) => return Err(BadReceiver::Plain),
            _ => return Err(BadReceiver::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadReceiver::UserInfo);
        }
        let literal = match url.host() {
            None => return Err(BadReceiver::Malformed),
            Some(Host::Domain(_)) => None,
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        };
        if let Some(class) = literal.map(classify).filter(|class| !reach.permits(*class)) {
            return Err(BadReceiver::Address(class));
        }
        let port = url.port_or_known_default().unwrap_or(0);
        if reach == Reach::Public && !PUBLIC_PORTS.contains(&port) {
            return Err(BadReceiver::Port(port));
        }
        Ok(Self { url, reach })
    }
}

/// Why an attempt failed. Without the address, and without anything that the receiver said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the receiver answered {status}")]
    Status { status: u16, retry_after: Option<Duration> },
    #[error("its name resolves to a {0} address: correct it, or set `reach = \"declared\"`")]
    Refused(Class),
    #[error("its name does not resolve")]
    NoSuchName,
    #[error("connection failed: nothing listens there, or its certificate is not trusted")]
    NoConnection,
    #[error("timed out")]
    NoAnswer,
    #[error("connection lost, or the response was not HTTP")]
    Broken,
}

/// One receiver, its connections and its key.
pub(crate) struct Door {
    url: Url,
    key: SigningKey,
    client: Client,
}

impl Door {
    /// # Errors
    /// When the system has no certificates to trust.
    pub(crate) fn open(receiver: Receiver, key: SigningKey) -> Result<Self, String> {
        let Receiver { url, reach } = receiver;
        let mut client = Client::builder()
            .user_agent(concat!("overseer/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .tcp_nodelay(true)
            .tcp_keepalive(TCP_KEEPALIVE)
            .pool_idle_timeout(KEEP_IDLE)
            .dns_resolver(CheckedNames(reach));
        if url.scheme() == "http" {
            // Never used without TLS, and then a container without certificates will do.
            client = client.tls_certs_only([]);
        }
        let client = client.build().map_err(|error| {
            tracing::debug!(error = &error as &dyn Error, "no HTTP client");
            "no certificate authorities found: install the package ca-certificates".to_owned()
        })?;
        Ok(Self { url, key, client })
    }

    /// Posts the body once. `id` is the same for every attempt of one delivery.
    pub(crate) async fn post(&self, id: &str, body: &str, now: Timestamp) -> Result<(), Failure> {
        let seconds = now.micros().div_euclid(1_000_000);
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", self.key.sign(id, seconds, body))
            .body(body.to_owned());
        let answer = request.send().await.map_err(|error| Failure::of(&error))?;
        let (status, retry_after) = (answer.status(), retry_after(answer.headers()));
        drain(answer).await;
        if status.is_success() { Ok(()) } else { Err(Failure::Status { status: status.as_u16(), retry_after }) }
    }
}

impl Failure {
    fn of(error: &reqwest::Error) -> Self {
        let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
        if let Some(Refused(class)) = causes.find_map(|cause| cause.downcast_ref::<Refused>()) {
            return Self::Refused(*class);
        }
        if error.is_timeout() {
            Self::NoAnswer
        } else if error.is_dns() {
            Self::NoSuchName
        } else if error.is_connect() {
            Self::NoConnection
        } else {
            Self::Broken
        }
    }
}

/// Only the form in seconds; a date is rare, and the usual wait serves as well.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn drain(mut answer: reqwest::Response) {
    let mut read = 0;
    while let Ok(Some(part)) = answer.chunk().await {
        read += part.len();
        if read > ANSWER_BYTES {
            return;
        }
    }
}

#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a {0} address")]
struct Refused(Class);

/// Resolves names, and gives only addresses that may be called; the connection is made to these.
struct CheckedNames(Reach);

impl Resolve for CheckedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            // The port is the caller's to set.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(permitted(reach, found)?.into_iter()) as Addrs)
        })
    }
}

fn permitted(reach: Reach, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
    let refused = found.iter().map(|address| classify(address.ip())).find(|class| !reach.permits(*class));
    let kept: Vec<_> = found.into_iter().filter(|address| reach.permits(classify(address.ip()))).collect();
    match (kept.is_empty(), refused) {
        (true, Some(class)) => Err(Refused(class)),
        (true, None) | (false, _) => Ok(kept),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str, reach: Reach) -> Result<(), BadReceiver> {
        Receiver::read(&WebhookUrl::new(url.to_owned()), reach).map(drop)
    }

    #[test]
    fn a_public_receiver_is_https_at_a_public_address_and_a_usual_port() {
        for fine in ["https://example.com/x?y=z", "https://8.8.8.8/", "https://example.com:8443", "HTTPS://EXAMPLE.COM"]
        {
            assert_eq!(read(fine, Reach::Public), Ok(()), "{fine}");
        }
        for (url, problem) in [
            ("example.com", BadReceiver::Malformed),
            ("https://", BadReceiver::Malformed),
            ("https://[fe80::1%25eth0]/", BadReceiver::Malformed),
            ("http://example.com", BadReceiver::Plain),
            ("ftp://example.com", BadReceiver::Scheme),
            ("file:///etc/passwd", BadReceiver::Scheme),
            ("data:text/plain,x", BadReceiver::Scheme),
            ("https://user@example.com", BadReceiver::UserInfo),
            ("https://:pass@example.com", BadReceiver::UserInfo),
            ("https://example.com@10.0.0.1/", BadReceiver::UserInfo),
            ("https://example.com:22", BadReceiver::Port(22)),
        ] {
            assert_eq!(read(url, Reach::Public), Err(problem), "{url}");
        }
    }

    #[test]
    fn an_address_is_seen_through_every_way_of_writing_it() {
        let loopback =
            ["127.0.0.1", "0x7f.1", "2130706433", "0177.0.0.1", "127.1", "１２７.0.0.1", "[::1]", "127.0.0.1."];
        for host in loopback {
            let url = format!("https://{host}/");
            assert_eq!(read(&url, Reach::Public), Err(BadReceiver::Address(Class::Loopback)), "{url}");
            assert_eq!(read(&url, Reach::Declared), Ok(()), "{url}");
        }
        for (host, class) in [
            ("[::ffff:127.0.0.1]", Class::Embedded),
            ("[64:ff9b::7f00:1]", Class::Embedded),
            ("169.254.169.254", Class::LinkLocal),
            ("0", Class::Unspecified),
        ] {
            let url = format!("https://{host}/");
            assert_eq!(read(&url, Reach::Public), Err(BadReceiver::Address(class)), "{url}");
            assert_eq!(read(&url, Reach::Declared), Err(BadReceiver::Address(class)), "{url}");
        }
        assert_eq!(read("http://10.0.0.5:9000/hook", Reach::Declared), Ok(()));
    }

    #[test]
    fn a_name_gives_only_what_may_be_called() {
        let address = |text: &str| SocketAddr::new(text.parse().unwrap(), 0);
        let (public, private) = (address("8.8.8.8"), address("10.0.0.1"));
        assert_eq!(permitted(Reach::Public, vec![private, public]).unwrap(), [public]);
        assert_eq!(permitted(Reach::Declared, vec![private, public]).unwrap(), [private, public]);
        assert_eq!(permitted(Reach::Public, vec![private]).unwrap_err().0, Class::Private);
        assert_eq!(permitted(Reach::Declared, vec![address("169.254.169.254")]).unwrap_err().0, Class::LinkLocal);
    }

    #[test]
    fn retry_after_is_read_in_seconds_only() {
        let read = |text: &'static str| {
            let value = reqwest::header::HeaderValue::from_static(text);
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value)]))
        };
        assert_eq!(read(" 120 "), Some(Duration::from_secs(120)));
        for other in ["-1", "1.5", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "99999999999999999999999"] {
            assert_eq!(read(other), None, "{other}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
