//! One resource as its platform reports it at one moment: a core that every kind has, and a closed set of details that
//! only one kind has.

use overseer_model::{Capability, Fingerprint, Health, ResourceRef, ResourceState, RestartRule, Timestamp};
use serde::{Deserialize, Serialize};

/// One resource as the platform reports it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub resource: ResourceRef,
    pub traits: Traits,
    pub health: Health,
    pub witness: Witness,
    /// Of the last run; `None` while it runs, before it ever did, and for kinds that have none.
    pub exit_code: Option<i32>,
}

/// What does not change from run to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traits {
    /// Digest of what makes this exact target: its immutable id, image and time of creation.
    pub fingerprint: Fingerprint,
    /// Compose project and service, or the name: the same across re-created containers.
    pub workload: String,
    /// What its platform can do with it, as the adapter declares it.
    pub capabilities: Vec<Capability>,
    pub details: Details,
}

/// What only one kind of resource has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Details {
    Container(ContainerDetails),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerDetails {
    /// As it was named when the container was created.
    pub image: String,
    pub rule: RestartRule,
    /// How long its engine lets it end by itself when it is stopped, in seconds; `None` is the engine's default.
    pub stop_timeout_s: Option<u32>,
}

/// What tells one run of a resource from the next. Its time is the platform's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witness {
    pub state: ResourceState,
    /// `None` when it never ran.
    pub started_at: Option<Timestamp>,
    /// Restarts by the platform itself.
    pub restart_count: u32,
}
