//! Tickets and permits. The control plane signs a ticket for one attempt of one step; the executor verifies it and
//! gets a [`Permit`], which nothing else can make and each effect consumes.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use overseer_credentials::{BadKey, PublicKey, ServiceKey};
use overseer_model::{
    Action, ApprovalId, Fingerprint, PlanId, Precondition, ResourceState, Site, StepId, Subject, Timestamp,
};
use serde::{Deserialize, Serialize};

/// How long a ticket is good after it was signed.
pub const TICKET_LIFE: Duration = Duration::from_secs(60);

/// The version of the claims that this build writes and reads. An executor declines any other: it cannot know what it
/// would be doing.
pub const CLAIMS_VERSION: u32 = 2;

/// What one ticket allows: this attempt of this step, on this exact target, once, until it expires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    pub version: u32,
    pub site: Site,
    pub step: StepId,
    pub plan: PlanId,
    pub subject: Subject,
    /// From 1. The ledger takes each (step, attempt) once.
    pub attempt: u32,
    pub action: Action,
    pub target: Fingerprint,
    pub preconditions: Vec<Precondition>,
    pub approval: ApprovalId,
    pub approved_by: String,
    pub expires: Timestamp,
    /// Single use.
    pub nonce: String,
}

/// A signed ticket as it travels: `base64url(claims).base64url(signature)`.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket(String);

impl Ticket {
    #[must_use]
    pub fn from_wire(text: String) -> Self {
        Self(text)
    }
    #[must_use]
    pub fn into_wire(self) -> String {
        self.0
    }
}
/// A ticket is authority while it lives; it is not printed.
impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(..)")
    }
}

/// Why a ticket gives no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the ticket cannot be parsed")]
    Malformed,
    #[error("the ticket has version {version}; this executor knows {CLAIMS_VERSION}")]
    Version { version: u32 },
    #[error("the ticket is not signed by the control plane")]
    Signature,
    #[error("the ticket is for another site")]
    OtherSite,
    #[error("the ticket has expired")]
    Expired,
    #[error("the target is not the one that was approved")]
    TargetDrift,
    #[error("the target's state does not allow the step")]
    Precondition,
}

/// A target right before the act, as the platform shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub fingerprint: Fingerprint,
    pub state: ResourceState,
}

/// The control plane's half.
pub struct Signer(ServiceKey);

impl Signer {
    /// A new key pair: the private half as PKCS#8, to be kept in a file of mode 0600.
    ///
    /// # Errors
    /// When the system's random number generator failed.
    pub fn generate() -> Result<Vec<u8>, BadKey> {
        ServiceKey::generate()
    }
    /// # Errors
    /// When the bytes are not such a key.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, BadKey> {
        ServiceKey::from_pkcs8(bytes).map(Self)
    }
    /// The half that the executor is given.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.0.public()
    }
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> Ticket {
        // Plain data with string keys always has a JSON.
        let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).unwrap_or_default());
        let signature = self.0.sign(body.as_bytes());
        Ticket(format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The executor's half.
pub struct Verifier {
    key: PublicKey,
    site: Site,
}

impl Verifier {
    #[must_use]
    pub const fn new(key: PublicKey, site: Site) -> Self {
        Self { key, site }
    }

    /// What the ticket says, once its signature, version and site are found right. It allows nothing yet.
    ///
    /// # Errors
    /// When it cannot be parsed, is not the control plane's, or is of another version or site.
    pub fn read(&self, ticket: &Ticket) -> Result<Claims, Refused> {
        let (body, signature) = ticket.0.split_once('.').ok_or(Refused::Malformed)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Refused::Malformed)?;
        if !self.key.has_signed(body.as_bytes(), &signature) {
            return Err(Refused::Signature);
        }
        let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| Refused::Malformed)?;
        let Versioned { version } = serde_json::from_slice(&body).map_err(|_| Refused::Malformed)?;
        if version != CLAIMS_VERSION {
            return Err(Refused::Version { version });
        }
        let claims: Claims = serde_json::from_slice(&body).map_err(|_| Refused::Malformed)?;
        if claims.site != self.site || *claims.action.target().site() != self.site {
            return Err(Refused::OtherSite);
        }
        Ok(claims)
    }

    /// A permit for one effect, when the ticket is good now and the target is still the approved one.
    ///
    /// # Errors
    /// As [`Verifier::read`], and when it has expired, the target is another, or a precondition does not hold.
    pub fn verify(&self, ticket: &Ticket, target: Target, now: Timestamp) -> Result<Permit, Refused> {
        let claims = self.read(ticket)?;
        if now >= claims.expires {
            return Err(Refused::Expired);
        }
        if claims.target != target.fingerprint {
            return Err(Refused::TargetDrift);
        }
        if !claims.preconditions.iter().all(|precondition| precondition.holds(target.state)) {
            return Err(Refused::Precondition);
        }
        Ok(Permit { claims })
    }
}

/// What every version of the claims begins with.
#[derive(Deserialize)]
struct Versioned {
    #[serde(default)]
    version: u32,
}

/// The right to one effect. Only [`Verifier::verify`] makes one; it can be neither copied nor made from parts.
#[derive(Debug)]
pub struct Permit {
    claims: Claims,
}

impl Permit {
    #[must_use]
    pub fn action(&self) -> &Action {
        &self.claims.action
    }
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }
}

#[cfg(test)]
mod tests {
    use overseer_model::{Digest, IncidentId, ResourceRef};

    use super::*;

    fn claims(now: Timestamp) -> Claims {
        let site: Site = "home".parse().unwrap();
        let target = ResourceRef { key: "home/docker://local/c1".parse().unwrap(), name: "web".into() };
        Claims {
            version: CLAIMS_VERSION,
            site,
            step: StepId::fresh(),
            plan: PlanId::fresh(),
            subject: Subject::Incident(IncidentId::fresh()),
            attempt: 1,
            action: Action::RestartResource { target },
            target: Fingerprint(Digest::of(b"c1")),
            preconditions: vec![Precondition::State { any_of: vec![ResourceState::Exited] }],
            approval: ApprovalId::fresh(),
            approved_by: "token:admin".into(),
            expires: now + TICKET_LIFE,
            nonce: "n".into(),
        }
    }

    fn down(claims: &Claims) -> Target {
        Target { fingerprint: claims.target, state: ResourceState::Exited }
    }

    fn pair() -> (Signer, Verifier) {
        let signer = Signer::from_pkcs8(&Signer::generate().unwrap()).unwrap();
        let verifier = Verifier::new(signer.public_key(), "home".parse().unwrap());
        (signer, verifier)
    }

    #[test]
    fn a_good_ticket_gives_a_permit_until_it_expires_and_for_its_target_only() {
        let ((signer, verifier), now) = (pair(), Timestamp::now());
        let claims = claims(now);
        let ticket = signer.sign(&claims);
        let down = down(&claims);
        assert_eq!(verifier.verify(&ticket, down, now).unwrap().claims(), &claims);
        assert_eq!(verifier.verify(&ticket, down, claims.expires).unwrap_err(), Refused::Expired);
        let other = Target { fingerprint: Fingerprint(Digest::of(b"c2")), ..down };
        assert_eq!(verifier.verify(&ticket, other, now).unwrap_err(), Refused::TargetDrift);
        let up = Target { state: ResourceState::Running, ..down };
        assert_eq!(verifier.verify(&ticket, up, now).unwrap_err(), Refused::Precondition);
    }

    #[test]
    fn a_ticket_of_a_version_that_is_not_known_is_told_from_a_forged_one() {
        let ((signer, verifier), now) = (pair(), Timestamp::now());
        let next = Claims { version: CLAIMS_VERSION + 1, ..claims(now) };
        let version = CLAIMS_VERSION + 1;
        assert_eq!(verifier.read(&signer.sign(&next)).unwrap_err(), Refused::Version { version });
    }

    #[test]
    fn a_ticket_of_another_key_or_site_or_with_any_changed_byte_gives_none() {
        let ((signer, verifier), now) = (pair(), Timestamp::now());
        let claims = claims(now);
        let (stranger, _) = pair();
        assert_eq!(verifier.read(&stranger.sign(&claims)).unwrap_err(), Refused::Signature);
        let away = Verifier::new(signer.public_key(), "away".parse().unwrap());
        assert_eq!(away.read(&signer.sign(&claims)).unwrap_err(), Refused::OtherSite);

        let wire = signer.sign(&claims).into_wire();
        for at in 0..wire.len() {
            let mut bytes = wire.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = Ticket::from_wire(String::from_utf8(bytes).unwrap());
            assert!(verifier.read(&changed).is_err(), "byte {at}");
        }
    }
}
