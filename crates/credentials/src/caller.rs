//! Which service makes a call. Signed by that service for one method of one other service.

use std::fmt;
use std::time::Duration;

use overseer_model::{ServiceName, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::signed::{Purpose, Refused, Unverified, VERSION, good_at, seal};
use crate::{Installation, PublicKey, ServiceKey};

/// How long the token of a call is good: for the way, not for the work.
pub const CALLER_LIFE: Duration = Duration::from_secs(30);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallerClaims {
    pub version: u32,
    pub id: Uuid,
    /// Whose call it is, and whose key signed.
    pub service: ServiceName,
    pub installation: Installation,
    pub audience: ServiceName,
    /// The gRPC path of the method.
    pub method: String,
    pub issued: Timestamp,
    pub expires: Timestamp,
}

/// Proves to one service that a call of one method comes from another.
#[derive(Clone, PartialEq, Eq)]
pub struct CallerToken(String);

/// A token is authority while it lives; it is not printed.
impl fmt::Debug for CallerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallerToken(..)")
    }
}

impl CallerToken {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn sign(
        key: &ServiceKey,
        (service, audience): (ServiceName, ServiceName),
        installation: &Installation,
        method: &str,
        now: Timestamp,
    ) -> Self {
        let claims = CallerClaims {
            version: VERSION,
            id: Uuid::now_v7(),
            service,
            installation: installation.clone(),
            audience,
            method: method.to_owned(),
            issued: now,
            expires: now + CALLER_LIFE,
        };
        Self(seal(key, Purpose::Caller, &claims))
    }
}

/// What the verifying side expects of a token.
pub(crate) struct Expected<'a> {
    pub installation: &'a Installation,
    pub audience: ServiceName,
    pub method: &'a str,
    pub now: Timestamp,
}

/// The service that signed `text`, when it is good for exactly this call.
pub(crate) fn verify<'k>(
    text: &str,
    expected: &Expected<'_>,
    key_of: impl FnOnce(ServiceName) -> Result<&'k PublicKey, Refused>,
) -> Result<ServiceName, Refused> {
    let unverified = Unverified::parse(text)?;
    let service = unverified.claimed_service()?;
    let CallerClaims { version: _, id: _, service, installation, audience, method, issued, expires } =
        unverified.verify(key_of(service)?, service, Purpose::Caller)?;
    if installation != *expected.installation || audience != expected.audience || method != expected.method {
        return Err(Refused::Audience);
    }
    good_at(issued, expires, CALLER_LIFE, expected.now)?;
    Ok(service)
}
