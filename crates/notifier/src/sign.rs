//! Signatures of Standard Webhooks, symmetric: `v1,base64(hmac_sha256(secret, "<id>.<seconds>.<body>"))`.
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use overseer_runtime::Secret;
use ring::hmac;

const PREFIX: &str = "whsec_";

/// The secret shared with one receiver. Not printed.
#[derive(Clone)]
pub struct SigningKey(hmac::Key);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it does not hold `whsec_` and the base64 of 24 to 64 bytes: make one with `echo whsec_$(head -c 32 /dev/urandom | base64)`"
)]
pub struct BadSigningKey;

impl SigningKey {
    /// # Errors
    /// When the text is not of the form that Standard Webhooks gives to symmetric secrets.
    pub fn read(text: &Secret) -> Result<Self, BadSigningKey> {
        let encoded = text.expose().strip_prefix(PREFIX.as_bytes()).ok_or(BadSigningKey)?;
        let bytes = BASE64.decode(encoded).map_err(|_| BadSigningKey)?;
        if !(24..=64).contains(&bytes.len()) {
            return Err(BadSigningKey);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The value of the header `webhook-signature`. `id` must not hold a full stop.
    #[must_use]
    pub fn sign(&self, id: &str, seconds: i64, body: &str) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{seconds}.").as_bytes());
        context.update(body.as_bytes());
        format!("v1,{}", BASE64.encode(context.sign()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<SigningKey, BadSigningKey> {
        SigningKey::read(&Secret::new(text.as_bytes().to_vec()))
    }

    /// The vector of the reference libraries.
    #[test]
    fn signs_as_the_reference_libraries_do() {
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn takes_a_secret_of_24_to_64_bytes_and_nothing_else() {
        for (length, fits) in [(0, false), (23, false), (24, true), (64, true), (65, false)] {
            assert_eq!(key(&format!("whsec_{}", BASE64.encode(vec![7; length]))).is_ok(), fits, "{length}");
        }
        let bare = BASE64.encode([7; 32]);
        for bad in [bare.as_str(), "whsec_", "whsec_###", &format!("whsk_{bare}")] {
            assert!(key(bad).is_err(), "{bad}");
        }
    }
}
