//! The key behind the marks.

use ring::hmac;

/// Makes the same secret recognisable without telling it: a mark carries the first 32 bits of HMAC-SHA-256 under this
/// key. It can be neither printed nor read back. Keep it as long as the marks are to be compared, and away from them:
/// with the key, a guessed secret can be confirmed.
pub struct CorrelationKey(hmac::Key);

impl CorrelationKey {
    /// From 32 random bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    pub(crate) fn tag(&self, secret: &[u8]) -> impl Iterator<Item = u8> + use<> {
        let tag = hmac::sign(&self.0, secret);
        let mut first = [0; 4];
        first.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        first.into_iter()
    }
}
