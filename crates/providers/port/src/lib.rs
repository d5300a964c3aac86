//! The half of a provider that observes: what there is, what happens, and what is logged. It holds nothing that can change
//! anything.
//!
//! Times of the platform are its own; [`ClockOffset`] turns them into ours.

mod clock;
mod event;
mod logs;
mod record;
mod snapshot;

use std::fmt;

use async_trait::async_trait;
pub use clock::ClockOffset;
pub use event::{PlatformEvent, PlatformEventKind};
use futures::stream::BoxStream;
pub use logs::{LONGEST_LINE, LogError, LogLine, LogPosition, LogStart, LogStream, LogTime, Logs};
use overseer_model::{Source, Timestamp};
pub use record::{Announced, Change, EventCursor, FactDraft, Interpret, Moment, ResourceRecord, Run};
pub use snapshot::{ContainerDetails, Details, Snapshot, Traits, Witness};

#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    #[error("Docker engine at `{place}` unreachable: start it, or correct DOCKER_HOST")]
    Unreachable {
        place: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{what} not found")]
    NotFound { what: NotFound },
    /// An answer that lacks what it must have. Nothing may be concluded from it.
    #[error("the engine's response lacks `{field}`")]
    Partial { field: &'static str },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotFound {
    Container,
}
impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container => f.write_str("container"),
        }
    }
}

/// Observes one platform. Times given and taken are the platform's own.
#[async_trait]
pub trait Observe: Send + Sync {
    /// What it observes: the provider's configured instance.
    fn source(&self) -> &Source;

    /// How far the platform's clock is from ours, as last measured.
    fn clock(&self) -> ClockOffset;

    /// Everything there is. A partial answer is an error, so that absence means absence.
    async fn list(&self) -> Result<Vec<Snapshot>, ObserveError>;

    /// One resource by its immutable id.
    async fn inspect(&self, id: &str) -> Result<Snapshot, ObserveError>;

    /// What happens from now on, and first, when `since` is given, what the platform still remembers since then
    /// (included; what is at that very time may repeat). Ends when the connection does.
    async fn follow(
        &self,
        since: Option<Timestamp>,
    ) -> Result<BoxStream<'static, Result<PlatformEvent, ObserveError>>, ObserveError>;

    /// What the platform remembers of one resource between two times.
    async fn history(&self, id: &str, from: Timestamp, until: Timestamp) -> Result<Vec<PlatformEvent>, ObserveError>;
}
