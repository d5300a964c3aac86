//! What a platform's event stream reports.

use overseer_model::{Health, ResourceRef, Timestamp};
use serde::{Deserialize, Serialize};

/// One event, at the platform's own time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformEvent {
    /// Its name is empty when the platform did not say it.
    pub resource: ResourceRef,
    pub at: Timestamp,
    pub kind: PlatformEventKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlatformEventKind {
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
