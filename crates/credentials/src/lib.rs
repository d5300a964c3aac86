//! Who may speak for whom. Each service has an Ed25519 key pair and signs a short-lived token for each call that it makes;
//! the identity service signs a short-lived assertion of the person on whose behalf a call is made. Both are verified with
//! public keys only: nothing that a service holds lets it speak for another service or for a person.
//!
//! What remains within the short life: who reads a call on its way can send the same method to the same service again.
//! Two machines therefore need an encrypted network between them, as long as the services speak HTTP without TLS.

mod assertion;
mod caller;
mod installation;
mod key;
mod keyring;
mod signed;
#[cfg(test)]
mod tests;

pub use assertion::{ASSERTION_LIFE, Assertion, Person};
pub use caller::{CALLER_LIFE, CallerToken};
pub use installation::Installation;
pub use key::{BadKey, PublicKey, ServiceKey};
pub use keyring::{Credential, Keyring, Trust};
pub use signed::{CLOCK_LEEWAY, Refused};
