//! What was observed, one statement at a time.

use serde::{Deserialize, Serialize};

use crate::{FactId, Health, ResourceRef, ResourceState, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactSource {
    /// The platform's event stream.
    Event,
    /// A full listing, which repairs what a broken stream missed.
    Listing,
    /// A look at one resource after an event.
    Inspection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitCause {
    /// The program ended by itself.
    Own,
    /// Somebody asked the platform to stop it.
    Requested,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterExit {
    /// The platform will start it again.
    Restarts,
    /// The platform leaves it down.
    StaysDown,
    /// Not known yet; a look at the resource follows.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observation {
    State(ResourceState),
    Health(Health),
    /// Restarts by the platform since the container was made.
    RestartCount(u32),
    Exit {
        code: i32,
        cause: ExitCause,
        after: AfterExit,
    },
    Start,
    OomKill,
}

/// One observation of one resource. `sequence` is its place in the collector's own order, from 1, without gaps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    pub id: FactId,
    pub sequence: u64,
    pub resource: ResourceRef,
    pub observed_at: Timestamp,
    pub source: FactSource,
    pub observation: Observation,
}
