//! Who may do what.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The services of the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceName {
    Collector,
    IncidentEngine,
    ControlPlane,
    Executor,
    Notifier,
    Gateway,
    Identity,
}

impl ServiceName {
    pub const ALL: [Self; 7] = [
        Self::Identity,
        Self::Collector,
        Self::IncidentEngine,
        Self::ControlPlane,
        Self::Executor,
        Self::Notifier,
        Self::Gateway,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Collector => "collector",
            Self::IncidentEngine => "incident-engine",
            Self::ControlPlane => "control-plane",
            Self::Executor => "executor",
            Self::Notifier => "notifier",
            Self::Gateway => "gateway",
            Self::Identity => "identity",
        }
    }
    /// The name where only letters and `_` are allowed: schemas, files, durable consumers.
    #[must_use]
    pub const fn snake(self) -> &'static str {
        match self {
            Self::Collector => "collector",
            Self::IncidentEngine => "incident_engine",
            Self::ControlPlane => "control_plane",
            Self::Executor => "executor",
            Self::Notifier => "notifier",
            Self::Gateway => "gateway",
            Self::Identity => "identity",
        }
    }
}
impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Viewer,
    Operator,
    Approver,
    Admin,
}

/// What a method of the contract asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    Public,
    Read,
    Approve,
    Audit,
    Configure,
    /// Only Overseer's own services.
    Internal,
}

impl Role {
    /// Whether this role alone gives `permission`. An admin has no right to approve by being admin.
    #[must_use]
    pub const fn grants(self, permission: Permission) -> bool {
        match (self, permission) {
            (_, Permission::Public | Permission::Read)
            | (Self::Approver, Permission::Approve)
            | (Self::Admin, Permission::Audit | Permission::Configure) => true,
            (Self::Viewer | Self::Operator | Self::Admin, Permission::Approve)
            | (Self::Viewer | Self::Operator | Self::Approver, Permission::Audit | Permission::Configure)
            | (_, Permission::Internal) => false,
        }
    }
}

/// Who calls, as the credential says. Nothing in a request can name an actor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// A method that needs nobody to be known.
    Anonymous,
    /// Somebody with a token.
    User { name: String, roles: Vec<Role> },
    /// One of Overseer's own services, for itself. What it may call is a table of the contract (`contract::right`).
    Service(ServiceName),
}

impl Actor {
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        match self {
            Self::Anonymous | Self::Service(_) => permission == Permission::Public,
            Self::User { roles, .. } => {
                permission == Permission::Public || roles.iter().any(|role| role.grants(permission))
            }
        }
    }
}
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::User { name, .. } => f.write_str(name),
            Self::Service(name) => write!(f, "service:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_cannot_approve_and_a_user_is_never_inside() {
        let service = Actor::Service(ServiceName::Gateway);
        assert!(!service.may(Permission::Approve));
        assert!(!service.may(Permission::Configure));
        assert!(!service.may(Permission::Internal) && !service.may(Permission::Read));
        let everything =
            Actor::User { name: "a".into(), roles: vec![Role::Viewer, Role::Operator, Role::Approver, Role::Admin] };
        assert!(everything.may(Permission::Approve));
        assert!(!everything.may(Permission::Internal));
        assert!(!Actor::Anonymous.may(Permission::Read));
        assert!(!Actor::User { name: "b".into(), roles: vec![Role::Admin] }.may(Permission::Approve));
        for role in [Role::Viewer, Role::Operator, Role::Approver, Role::Admin] {
            let one = Actor::User { name: "d".into(), roles: vec![role] };
            assert_eq!(one.may(Permission::Configure), role == Role::Admin);
        }
        assert!(!Actor::User { name: "c".into(), roles: vec![] }.may(Permission::Read));
    }
}
