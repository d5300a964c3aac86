//! The half of a provider that acts. Only the executor may depend on it, and each method takes a [`Permit`] by value:
//! one permit, one effect.

use std::time::Duration;

use async_trait::async_trait;
use overseer_permit::Permit;

/// How a call that changes something ended.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// The platform was not reached. Nothing was asked of it.
    #[error("the platform is unreachable; nothing was requested")]
    NotReached,
    /// The platform said no, and did nothing.
    #[error("the platform rejected the request: {reason}")]
    Refused { reason: String },
    /// No answer came, or half of one. Whether something changed has to be looked up.
    #[error("the platform did not answer in time; the outcome is unknown")]
    Unknown {
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

/// The longest that a platform is given to end a program before it is killed, and the deadline of the whole call.
pub const STOP_GRACE: Duration = Duration::from_secs(10);
pub const DEADLINE: Duration = Duration::from_secs(30);

#[async_trait]
pub trait Act: Send + Sync {
    /// Does what the permit allows, once. Never retried by the transport.
    async fn carry_out(&self, permit: Permit) -> Result<(), ActError>;
}
