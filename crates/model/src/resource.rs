//! What is watched and acted on.

use serde::{Deserialize, Serialize};

use crate::Site;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    Docker,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    Container,
}

/// One thing on one platform. `id` identifies it there and never changes; `name` is the platform's untrusted
/// text for people.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ResourceRef {
    pub site: Site,
    pub provider: Provider,
    pub kind: ResourceKind,
    pub id: String,
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceState {
    Created,
    Running,
    Paused,
    /// The engine waits before it starts it again.
    Restarting,
    Exited,
    Removed,
    /// The platform could not say.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It has no health check.
    Unchecked,
    Starting,
    Healthy,
    Unhealthy,
}

/// When the engine itself starts a container again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartRule {
    Never,
    /// Gives up after `most` restarts; `None` never gives up.
    OnFailure {
        most: Option<u32>,
    },
    Always,
    UnlessStopped,
}
