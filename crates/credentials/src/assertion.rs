//! On whose behalf a call is made: a person, as the identity service knew it a moment ago.

use std::fmt;
use std::time::Duration;

use overseer_model::{Role, ServiceName, Timestamp};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::signed::{Purpose, Refused, Unverified, VERSION, good_at, seal};
use crate::{Installation, PublicKey, ServiceKey};

/// How long an assertion is good. The gateway asks for another twice a second, so a revocation holds sooner.
pub const ASSERTION_LIFE: Duration = Duration::from_secs(60);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AssertionClaims {
    version: u32,
    id: Uuid,
    subject: String,
    #[serde(deserialize_with = "roles_known")]
    roles: Vec<Role>,
    /// The installation whose services may believe it.
    installation: Installation,
    issued: Timestamp,
    expires: Timestamp,
}

/// A role that this build does not know gives nothing, and takes nothing from the others.
fn roles_known<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Role>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Named {
        Known(Role),
        Unknown(IgnoredAny),
    }
    let named = Vec::<Named>::deserialize(input)?;
    let known = |named| match named {
        Named::Known(role) => Some(role),
        Named::Unknown(IgnoredAny) => None,
    };
    Ok(named.into_iter().filter_map(known).collect())
}

/// Somebody with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    pub roles: Vec<Role>,
}

/// A person's name and roles, signed by the identity service.
#[derive(Clone, PartialEq, Eq)]
pub struct Assertion(String);

/// An assertion is authority while it lives; it is not printed.
impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assertion(..)")
    }
}

impl Assertion {
    #[must_use]
    pub fn from_wire(text: String) -> Self {
        Self(text)
    }
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn sign(key: &ServiceKey, installation: &Installation, person: Person, now: Timestamp) -> Self {
        let Person { name, roles } = person;
        let claims = AssertionClaims {
            version: VERSION,
            id: Uuid::now_v7(),
            subject: name,
            roles,
            installation: installation.clone(),
            issued: now,
            expires: now + ASSERTION_LIFE,
        };
        Self(seal(key, Purpose::Assertion, &claims))
    }
}

pub(crate) fn verify(
    text: &str,
    key: &PublicKey,
    installation: &Installation,
    now: Timestamp,
) -> Result<Person, Refused> {
    let AssertionClaims { version: _, id: _, subject, roles, installation: meant_for, issued, expires } =
        Unverified::parse(text)?.verify(key, ServiceName::Identity, Purpose::Assertion)?;
    if meant_for != *installation {
        return Err(Refused::Audience);
    }
    good_at(issued, expires, ASSERTION_LIFE, now)?;
    Ok(Person { name: subject, roles })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_of_a_newer_version_is_passed_over_and_an_unknown_claim_is_refused() {
        let key = ServiceKey::from_pkcs8(&ServiceKey::generate().unwrap()).unwrap();
        let installation: Installation = "home".parse().unwrap();
        let now = Timestamp::now();
        let mut claims = serde_json::json!({
            "version": VERSION, "id": Uuid::now_v7(), "subject": "anna", "roles": ["viewer", "gardener", {"a": 1}],
            "installation": "home", "issued": now, "expires": now + ASSERTION_LIFE,
        });
        let read = |claims: &serde_json::Value| {
            verify(&seal(&key, Purpose::Assertion, claims), &key.public(), &installation, now)
        };
        assert_eq!(read(&claims), Ok(Person { name: "anna".to_owned(), roles: vec![Role::Viewer] }));
        claims["expires"] = serde_json::json!(now + ASSERTION_LIFE + Duration::from_secs(1));
        assert_eq!(read(&claims), Err(Refused::Expired), "it lasts longer than it may");
        claims["expires"] = claims["issued"].clone();
        claims["only"] = serde_json::json!("reading");
        assert_eq!(read(&claims), Err(Refused::Malformed));
        claims["version"] = serde_json::json!(VERSION + 1);
        assert_eq!(read(&claims), Err(Refused::Version { version: VERSION + 1 }));
    }
}
