//! The closed set of things that Overseer can do. A parameter is typed; no command, address or free text fits in. What
//! is known of each template stands in one table, the crate `templates`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ResourceRef, ResourceState};

/// One known action on one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    RestartResource { target: ResourceRef },
    StartResource { target: ResourceRef },
    StopResource { target: ResourceRef },
}

impl Action {
    #[must_use]
    pub const fn target(&self) -> &ResourceRef {
        match self {
            Self::RestartResource { target } | Self::StartResource { target } | Self::StopResource { target } => target,
        }
    }
    #[must_use]
    pub const fn template(&self) -> TemplateName {
        match self {
            Self::RestartResource { .. } => TemplateName::RestartResource,
            Self::StartResource { .. } => TemplateName::StartResource,
            Self::StopResource { .. } => TemplateName::StopResource,
        }
    }
}

/// A template by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplateName {
    RestartResource,
    StartResource,
    StopResource,
}

impl TemplateName {
    pub const ALL: [Self; 3] = [Self::RestartResource, Self::StartResource, Self::StopResource];

    /// As the contract, policies and histories write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RestartResource => "restart_resource",
            Self::StartResource => "start_resource",
            Self::StopResource => "stop_resource",
        }
    }
}
impl fmt::Display for TemplateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a platform can do with a resource, as its adapter declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    Restart,
    Start,
    Stop,
}

/// What must be true of a step's target right before the step acts, beside that it is still the same target. Checked by
/// the control plane before it signs a ticket, and by the executor before its intent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precondition {
    /// The target is in one of these states.
    State { any_of: Vec<ResourceState> },
}

impl Precondition {
    #[must_use]
    pub fn holds(&self, state: ResourceState) -> bool {
        match self {
            Self::State { any_of } => any_of.contains(&state),
        }
    }
}

/// How much an action can hurt: `D1` only reads, `D2` interrupts and heals by itself, `D3` changes what stays, `D4`
/// destroys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Risk {
    D1,
    D2,
    D3,
    D4,
}

impl Risk {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::D1 => "D1",
            Self::D2 => "D2",
            Self::D3 => "D3",
            Self::D4 => "D4",
        }
    }
}
