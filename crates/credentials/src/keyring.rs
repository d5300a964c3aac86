//! The keys of one process: what it trusts, and what its services sign with.

use std::collections::HashMap;
use std::sync::Arc;

use overseer_model::{ServiceName, Timestamp};

use crate::assertion::{self, Assertion, Person};
use crate::caller::{self, CallerToken, Expected};
use crate::{BadKey, Installation, PublicKey, Refused, ServiceKey};

/// The public keys that a process believes, and the name of its installation.
pub struct Trust {
    installation: Installation,
    keys: HashMap<ServiceName, PublicKey>,
}

impl Trust {
    #[must_use]
    pub fn new(installation: Installation, keys: HashMap<ServiceName, PublicKey>) -> Self {
        Self { installation, keys }
    }

    fn key_of(&self, service: ServiceName) -> Result<&PublicKey, Refused> {
        self.keys.get(&service).ok_or(Refused::UnknownKey { service })
    }

    /// The service that makes this call of `method` at `audience`.
    ///
    /// # Errors
    /// When the token is not signed by the service that it names, or is not for this call at this time.
    pub fn caller(
        &self,
        token: &str,
        audience: ServiceName,
        method: &str,
        now: Timestamp,
    ) -> Result<ServiceName, Refused> {
        let expected = Expected { installation: &self.installation, audience, method, now };
        caller::verify(token, &expected, |service| self.key_of(service))
    }

    /// The person whom the identity service asserts.
    ///
    /// # Errors
    /// When the identity service did not sign it, or not for this installation and time.
    pub fn person(&self, assertion: &str, now: Timestamp) -> Result<Person, Refused> {
        assertion::verify(assertion, self.key_of(ServiceName::Identity)?, &self.installation, now)
    }
}

/// What one service proves itself with, and what it believes of others. Clones share it.
#[derive(Clone)]
pub struct Credential {
    service: ServiceName,
    key: Arc<ServiceKey>,
    trust: Arc<Trust>,
}

impl Credential {
    #[must_use]
    pub fn new(service: ServiceName, key: ServiceKey, trust: Arc<Trust>) -> Self {
        Self { service, key: Arc::new(key), trust }
    }
    #[must_use]
    pub fn service(&self) -> ServiceName {
        self.service
    }
    #[must_use]
    pub fn trust(&self) -> &Trust {
        &self.trust
    }
    /// The token for one call.
    #[must_use]
    pub fn call(&self, audience: ServiceName, method: &str, now: Timestamp) -> CallerToken {
        CallerToken::sign(&self.key, (self.service, audience), &self.trust.installation, method, now)
    }
    /// Asserts a person. Nobody believes it of any service but identity.
    #[must_use]
    pub fn assert(&self, person: Person, now: Timestamp) -> Assertion {
        Assertion::sign(&self.key, &self.trust.installation, person, now)
    }
}

/// Credentials of all services at once, made anew and kept in memory: for services that share a process.
pub struct Keyring(HashMap<ServiceName, Credential>);

impl Keyring {
    /// # Errors
    /// When the system's random number generator failed.
    pub fn in_memory(installation: Installation) -> Result<Self, BadKey> {
        let mut pairs = Vec::new();
        for service in ServiceName::ALL {
            pairs.push((service, ServiceKey::from_pkcs8(&ServiceKey::generate()?)?));
        }
        let keys = pairs.iter().map(|(service, key)| (*service, key.public())).collect();
        let trust = Arc::new(Trust::new(installation, keys));
        let credential = |(service, key)| (service, Credential::new(service, key, trust.clone()));
        Ok(Self(pairs.into_iter().map(credential).collect()))
    }

    /// The same from credentials that were read.
    #[must_use]
    pub fn of(credentials: Vec<Credential>) -> Self {
        Self(credentials.into_iter().map(|credential| (credential.service, credential)).collect())
    }

    /// `None` for a service that has no key here.
    #[must_use]
    pub fn credential(&self, service: ServiceName) -> Option<Credential> {
        self.0.get(&service).cloned()
    }
}
