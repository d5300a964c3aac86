//! The half of a provider that looks: what there is, what happens, and what is logged. It holds nothing that can change
//! anything.

mod logs;

use std::fmt;

use async_trait::async_trait;
use futures::stream::BoxStream;
pub use logs::{LONGEST_LINE, LogEnd, LogError, LogLine, LogPosition, LogStart, LogStream, LogTime, Logs};
use overseer_model::{Capability, Fingerprint, Health, ResourceRef, ResourceState, RestartRule, Source, Timestamp};

/// One resource as the platform tells it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub resource: ResourceRef,
    /// Digest of what makes this exact target: its immutable id, image and time of creation.
    pub fingerprint: Fingerprint,
    pub image: String,
    /// Compose project and service, or the name: the same across re-created containers.
    pub workload: String,
    pub rule: RestartRule,
    pub health: Health,
    pub witness: Witness,
    /// Of the last run; `None` while it runs and before it ever did.
    pub exit_code: Option<i32>,
    /// What its platform can do with it.
    pub capabilities: Vec<Capability>,
}

/// What tells one run of a resource from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witness {
    pub state: ResourceState,
    /// `None` when it never ran.
    pub started_at: Option<Timestamp>,
    /// Restarts by the platform itself.
    pub restart_count: u32,
}

/// What the platform's event stream said, at the platform's own time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// Its name is empty when the platform did not say it.
    pub resource: ResourceRef,
    pub at: Timestamp,
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Created,
    Started,
    /// Somebody asked the platform to end it; an exit follows.
    StopRequested,
    Exited {
        code: i32,
    },
    /// Somebody asked for a restart, and it is done.
    RestartRequested,
    OomKilled,
    Paused,
    Unpaused,
    Health(Health),
    Renamed,
    Removed,
}

#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    #[error("the engine at `{place}` does not answer: start it, or correct DOCKER_HOST")]
    Unreachable {
        place: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("there is no such {what}")]
    NotFound { what: NotFound },
    /// An answer that lacks what it must have. Nothing may be concluded from it.
    #[error("the engine's answer lacks `{field}`")]
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

/// Looks at one platform.
#[async_trait]
pub trait Observe: Send + Sync {
    /// What it looks at: the provider's configured instance.
    fn source(&self) -> &Source;

    /// Everything there is. A partial answer is an error, so that absence means absence.
    async fn list(&self) -> Result<Vec<Snapshot>, ObserveError>;

    /// One resource by its immutable id.
    async fn look(&self, id: &str) -> Result<Snapshot, ObserveError>;

    /// What happens from now on, and first, when `since` is given, what the platform still remembers since then
    /// (included; what is at that very time may repeat). Ends when the connection does.
    async fn follow(
        &self,
        since: Option<Timestamp>,
    ) -> Result<BoxStream<'static, Result<Happening, ObserveError>>, ObserveError>;

    /// What the platform remembers of one resource between two times.
    async fn history(&self, id: &str, from: Timestamp, until: Timestamp) -> Result<Vec<Happening>, ObserveError>;
}
