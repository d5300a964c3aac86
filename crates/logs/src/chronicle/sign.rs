//! The site's signature under a Log Summary Document: Ed25519 over its bytes.

use std::fmt::Write;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

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

impl Signed {
    /// Whether the document is as it was signed with this key.
    #[must_use]
    pub fn holds(&self) -> bool {
        let (Some(signature), Some(key)) = (unhex(&self.signature), unhex(&self.public_key)) else { return false };
        UnparsedPublicKey::new(&ED25519, key).verify(self.document.as_bytes(), &signature).is_ok()
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |at: usize| text.get(at..at + 2).and_then(|byte| u8::from_str_radix(byte, 16).ok());
    (0..text.len()).step_by(2).map(digit).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_holds_as_it_was_signed() {
        let signed = Signer::from_seed(&[7; 32]).unwrap().sign("{}".to_owned());
        assert!(signed.holds());
        let other = Signer::from_seed(&[8; 32]).unwrap().sign("{}".to_owned());
        for wrong in [
            Signed { document: "{ }".to_owned(), ..signed.clone() },
            Signed { public_key: other.public_key, ..signed.clone() },
            Signed { signature: other.signature, ..signed.clone() },
            Signed { signature: "0é".to_owned(), ..signed.clone() },
            Signed { public_key: String::new(), ..signed },
        ] {
            assert!(!wrong.holds(), "{wrong:?}");
        }
    }
}
