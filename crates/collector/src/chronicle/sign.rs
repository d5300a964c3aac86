//! The site's signature under a Log Summary Document: Ed25519 over its bytes.

use std::fmt::Write;

use ring::signature::{Ed25519KeyPair, KeyPair};

/// Its key never leaves the collector.
pub struct Signer(Ed25519KeyPair);

/// A document as it was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    pub document: String,
    /// Hexadecimal, as is the key.
    pub signature: String,
    pub public_key: String,
}

impl Signer {
    /// From 32 random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Option<Self> {
        Ed25519KeyPair::from_seed_unchecked(seed).ok().map(Self)
    }

    pub fn sign(&self, document: String) -> Signed {
        let signature = hex(self.0.sign(document.as_bytes()).as_ref());
        Signed { document, signature, public_key: hex(self.0.public_key().as_ref()) }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
