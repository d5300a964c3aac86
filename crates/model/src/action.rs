//! The closed set of things that Overseer can do. A parameter is typed; no command, address or free text fits in.

use serde::{Deserialize, Serialize};

use crate::ResourceRef;

/// One known action on one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    RestartResource { target: ResourceRef },
}

impl Action {
    #[must_use]
    pub fn target(&self) -> &ResourceRef {
        match self {
            Self::RestartResource { target } => target,
        }
    }
    /// The template's name, as policies and histories know it.
    #[must_use]
    pub fn template(&self) -> &'static str {
        match self {
            Self::RestartResource { .. } => "restart_resource",
        }
    }
    #[must_use]
    pub fn risk(&self) -> Risk {
        match self {
            Self::RestartResource { .. } => Risk::D2,
        }
    }
}

/// How much an action can hurt: `D1` looks only, `D2` interrupts and heals by itself, `D3` changes what stays,
/// `D4` destroys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Risk {
    D1,
    D2,
    D3,
    D4,
}
