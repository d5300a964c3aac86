//! The key pair of one service.

use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

/// Bytes of an Ed25519 public key.
const PUBLIC_BYTES: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    #[error("not an Ed25519 key created by Overseer")]
    Malformed,
    #[error("the system's random number generator failed")]
    NoRandomness,
}

/// The private half. It stays with its service.
pub struct ServiceKey(Ed25519KeyPair);

impl ServiceKey {
    /// A new key pair as PKCS#8, to be kept in a file of mode 0600 or in memory.
    ///
    /// # Errors
    /// When the system's random number generator failed.
    pub fn generate() -> Result<Vec<u8>, BadKey> {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| BadKey::NoRandomness)?;
        Ok(key.as_ref().to_vec())
    }
    /// # Errors
    /// When the bytes are not such a key.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, BadKey> {
        Ed25519KeyPair::from_pkcs8(bytes).map(Self).map_err(|_| BadKey::Malformed)
    }
    /// The half that the other services are given.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.public_key().as_ref().to_vec())
    }
    #[must_use]
    pub fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.0.sign(text).as_ref().to_vec()
    }
}

/// The public half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// # Errors
    /// When the bytes are not 32, as those of such a key are.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadKey> {
        if bytes.len() == PUBLIC_BYTES { Ok(Self(bytes.to_vec())) } else { Err(BadKey::Malformed) }
    }
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
    #[must_use]
    pub fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(text, signature).is_ok()
    }
}
