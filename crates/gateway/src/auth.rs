//! Who calls: the token of `Authorization: Bearer <token>`, as the identity service knows it, and nothing else of
//! the request. What it answers is an assertion that the called service verifies for itself.
//!
//! A token that was good is taken as good for a moment without asking again, so a revocation holds after that moment.
//! The token itself is not kept.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap, header};
use overseer_contract::v1::identity_service_client::IdentityServiceClient;
use overseer_contract::v1::{AuthenticateRequest, AuthenticateResponse};
use overseer_model::{Actor, Digest, ServiceName, Timestamp};
use overseer_runtime::{Assertion, Code, Problem, actor, actor_may};

use crate::answer::Refusal;
use crate::config::GatewayConfig;
use crate::limit::Limiter;
use crate::way::{Ways, unavailable};

/// Source: a revocation takes effect within one second, also for live events, which look again after as long.
pub(crate) const REMEMBER: Duration = Duration::from_millis(500);
/// Most tokens remembered at once.
const REMEMBERED: usize = 1024;
/// Longer than any token that is issued.
const LONGEST_TOKEN: usize = 512;
const ASK_WITHIN: Duration = Duration::from_secs(5);

/// Recognises callers. Clones share what they remember.
#[derive(Clone)]
pub(crate) struct Auth(Arc<Inner>);

struct Inner {
    ways: Ways,
    known: Mutex<HashMap<Digest, CachedCaller>>,
    requests: Limiter<Digest>,
    wrong_tokens: Limiter<IpAddr>,
}

struct CachedCaller {
    caller: Caller,
    until: Instant,
}

/// On whose behalf a request is forwarded.
#[derive(Clone)]
pub(crate) enum Caller {
    /// Of methods that need nobody to be known.
    Anonymous,
    Person {
        actor: Actor,
        assertion: Assertion,
    },
}

impl Caller {
    pub(crate) fn actor(&self) -> &Actor {
        match self {
            Self::Anonymous => &Actor::Anonymous,
            Self::Person { actor, .. } => actor,
        }
    }
}

/// What a request shows of its caller.
#[derive(Clone)]
pub(crate) struct Credential {
    token: Option<String>,
    address: Option<IpAddr>,
}

impl Credential {
    /// Takes the token out of the headers, so that it goes no further.
    pub(crate) fn take(headers: &mut HeaderMap, extensions: &Extensions) -> Self {
        let token = bearer(headers);
        headers.remove(header::AUTHORIZATION);
        let address = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| network(address.ip()));
        Self { token, address }
    }
}

/// The one token; several, or one that cannot be one, are none.
fn bearer(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let fits = (1..=LONGEST_TOKEN).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case("bearer") && fits).then(|| token.to_owned())
}

/// Whoever has one IPv6 address has its whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

impl Auth {
    pub(crate) fn new(ways: Ways, config: &GatewayConfig) -> Self {
        Self(Arc::new(Inner {
            ways,
            known: Mutex::default(),
            requests: Limiter::new(config.requests_per_s, config.requests_burst),
            wrong_tokens: Limiter::new(config.wrong_tokens_per_s, config.wrong_tokens_burst),
        }))
    }

    /// The caller, when it may call the method at `path`.
    pub(crate) async fn admit(&self, credential: &Credential, path: &str) -> Result<Caller, Refusal> {
        if actor_may(&Actor::Anonymous, path).is_ok() {
            return Ok(Caller::Anonymous);
        }
        let caller = self.caller(credential).await?;
        actor_may(caller.actor(), path)?;
        Ok(caller)
    }

    /// Whoever has this token.
    pub(crate) async fn caller(&self, credential: &Credential) -> Result<Caller, Refusal> {
        let Some(token) = &credential.token else { return Err(nobody().into()) };
        let (digest, now) = (Digest::of(token.as_bytes()), Instant::now());
        let caller = match self.remembered(digest, now) {
            Some(caller) => caller,
            None => {
                let caller = self.ask(token, credential.address, now).await?;
                self.remember(digest, &caller, now);
                caller
            }
        };
        if self.0.requests.take(digest, now) {
            Ok(caller)
        } else {
            Err(Refusal::too_often("too many requests with this token"))
        }
    }

    async fn ask(&self, token: &str, address: Option<IpAddr>, now: Instant) -> Result<Caller, Refusal> {
        let wrong_tokens = &self.0.wrong_tokens;
        if address.is_some_and(|address| !wrong_tokens.has(&address, now)) {
            return Err(Refusal::too_often("too many invalid tokens from this address"));
        }
        let mut identity = IdentityServiceClient::new(self.0.ways.peers.to(ServiceName::Identity));
        let asked = identity.authenticate(AuthenticateRequest { token: token.to_owned() });
        let answer = tokio::time::timeout(ASK_WITHIN, asked).await.map_err(|_| unavailable())?;
        let problem = match answer {
            Ok(answer) => return self.verified(answer.into_inner()),
            Err(status) => Problem::from_status(&status),
        };
        // Only a token that identity does not know is the caller's fault.
        if problem.code != Code::Unauthenticated {
            return Err(unavailable().into());
        }
        metrics::counter!("overseer_gateway_wrong_tokens_total").increment(1);
        if let Some(address) = address {
            wrong_tokens.take(address, now);
        }
        Err(nobody().into())
    }

    /// The gateway, too, believes identity's signature only.
    fn verified(&self, answer: AuthenticateResponse) -> Result<Caller, Refusal> {
        let AuthenticateResponse { assertion } = answer;
        match self.0.ways.peers.credential().trust().person(&assertion, Timestamp::now()) {
            Ok(person) => Ok(Caller::Person { actor: actor(person), assertion: Assertion::from_wire(assertion) }),
            Err(refused) => {
                tracing::error!(error = &refused as &dyn std::error::Error, "identity assertion not valid");
                Err(unavailable().into())
            }
        }
    }

    fn remembered(&self, digest: Digest, now: Instant) -> Option<Caller> {
        let known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&digest).filter(|known| now < known.until).map(|known| known.caller.clone())
    }

    /// `asked` is when the question was put: the answer may be as old as that.
    fn remember(&self, digest: Digest, caller: &Caller, asked: Instant) {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.retain(|_, known| asked < known.until);
        }
        if known.len() < REMEMBERED {
            known.insert(digest, CachedCaller { caller: caller.clone(), until: asked + REMEMBER });
        }
    }
}

/// The same for a missing and for a wrong token.
fn nobody() -> Problem {
    Problem::new(Code::Unauthenticated, "missing or invalid token", "send `Authorization: Bearer <token>`")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn one_token_is_a_token_and_everything_else_is_none() {
        let read = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
            }
            Credential::take(&mut headers, &Extensions::new()).token
        };
        assert_eq!(read(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(read(&["bearer abc"]).as_deref(), Some("abc"));
        for bad in [&[][..], &["abc"], &["Basic abc"], &["Bearer "], &["Bearer a b"], &["Bearer a", "Bearer b"]] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_address_of_version_6_counts_as_its_network() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:0:0:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
