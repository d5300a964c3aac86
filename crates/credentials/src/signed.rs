//! The compact form of what is signed, `base64url(claims).base64url(signature)`, and what every set of claims shares.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use overseer_model::{ServiceName, Timestamp};
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{PublicKey, ServiceKey};

/// The version of the claims that this build writes and reads.
pub(crate) const VERSION: u32 = 1;
/// How far the clocks of two machines may be apart.
pub const CLOCK_LEEWAY: Duration = Duration::from_secs(15);
/// Longer than anything that is signed here.
const LONGEST: usize = 4096;

/// What a signature is for. It is signed as well, so that neither can be shown as the other.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Caller,
    Assertion,
}

impl Purpose {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Caller => "overseer caller\n",
            Self::Assertion => "overseer assertion\n",
        }
    }
}

/// Why a credential counts for nothing. Told to the log; a caller learns only that it is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the service credential is missing")]
    Missing,
    #[error("the credential cannot be parsed")]
    Malformed,
    #[error("the credential has version {version}; this build knows {VERSION}")]
    Version { version: u32 },
    #[error("public key of `{service}` not found: copy its .pub file into the key folder, then restart")]
    UnknownKey { service: ServiceName },
    #[error("the credential is not signed by `{service}`")]
    Signature { service: ServiceName },
    #[error("the credential is for another service, method or installation")]
    Audience,
    #[error("the credential has expired or is not valid yet: compare the machines' clocks")]
    Expired,
}

/// Signs claims.
pub(crate) fn seal(key: &ServiceKey, purpose: Purpose, claims: &impl Serialize) -> String {
    // Plain data with string keys always has a JSON.
    let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).unwrap_or_default());
    let signature = key.sign(&signed_text(purpose, &body));
    format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Text that was signed, taken apart. Nothing in it is believed yet.
pub(crate) struct Unverified<'a> {
    body: &'a str,
    signature: Vec<u8>,
    json: Vec<u8>,
}

impl<'a> Unverified<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, Refused> {
        if text.len() > LONGEST {
            return Err(Refused::Malformed);
        }
        let (body, signature) = text.split_once('.').ok_or(Refused::Malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::Malformed);
        Ok(Self { body, signature: decode(signature)?, json: decode(body)? })
    }

    /// Who says to have signed it, which decides only whose key is tried.
    pub(crate) fn claimed_service(&self) -> Result<ServiceName, Refused> {
        #[derive(Deserialize)]
        struct Claimed {
            service: ServiceName,
        }
        let claimed: Claimed = serde_json::from_slice(&self.json).map_err(|_| Refused::Malformed)?;
        Ok(claimed.service)
    }

    /// The claims, once `key` is found to have signed them for this purpose.
    pub(crate) fn verify<C: DeserializeOwned>(
        self,
        key: &PublicKey,
        signer: ServiceName,
        purpose: Purpose,
    ) -> Result<C, Refused> {
        if !key.has_signed(&signed_text(purpose, self.body), &self.signature) {
            return Err(Refused::Signature { service: signer });
        }
        let Versioned { version } = serde_json::from_slice(&self.json).map_err(|_| Refused::Malformed)?;
        if version != VERSION {
            return Err(Refused::Version { version });
        }
        serde_json::from_slice(&self.json).map_err(|_| Refused::Malformed)
    }
}

fn signed_text(purpose: Purpose, body: &str) -> Vec<u8> {
    [purpose.prefix(), body].concat().into_bytes()
}

/// What every version of the claims begins with.
#[derive(Deserialize)]
struct Versioned {
    #[serde(default)]
    version: u32,
}

/// Whether claims are good now, and were not made to last longer than they may.
pub(crate) fn good_at(issued: Timestamp, expires: Timestamp, life: Duration, now: Timestamp) -> Result<(), Refused> {
    let good = issued <= now + CLOCK_LEEWAY && now < expires + CLOCK_LEEWAY && expires <= issued + life;
    if good { Ok(()) } else { Err(Refused::Expired) }
}
