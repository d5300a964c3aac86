//! Which service may call which method, and as whom. The one table of it: the gate of every service asks here, and what
//! is not granted here is refused, whatever permission the method asks of people.

use overseer_model::{Permission, ServiceName};

use crate::{Contract, Method, Owner};

/// How a service may call a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// For itself, and for nobody else.
    AsItself,
    /// Only on behalf of a person, whose permission decides.
    ForPerson,
}

const AUTHENTICATE: &str = "/overseer.v1.IdentityService/Authenticate";
/// What the control plane asks and orders for itself; what is a person's there, it has checked and recorded before.
const OF_CONTROL_PLANE: [&str; 5] = [
    "/overseer.v1.InventoryService/LocateResource",
    "/overseer.v1.ChainService/VerifyChain",
    "/overseer.v1.OwnParkedService/ListOwnParked",
    "/overseer.v1.OwnParkedService/ReplayOwnParked",
    "/overseer.v1.OwnParkedService/DropOwnParked",
];

/// The right of `caller` to call `method`; `None` for what it may not call at all.
#[must_use]
pub fn right(caller: ServiceName, method: &Method) -> Option<Right> {
    match caller {
        ServiceName::Gateway if method.path == AUTHENTICATE => Some(Right::AsItself),
        ServiceName::Gateway => is_a_persons(method).then_some(Right::ForPerson),
        ServiceName::ControlPlane => OF_CONTROL_PLANE.contains(&method.path.as_str()).then_some(Right::AsItself),
        // They take events and call nobody.
        ServiceName::Identity
        | ServiceName::Collector
        | ServiceName::IncidentEngine
        | ServiceName::Executor
        | ServiceName::Notifier => None,
    }
}

/// What people call through the gateway.
fn is_a_persons(method: &Method) -> bool {
    method.permission != Permission::Internal && matches!(method.owner, Owner::One(_))
}

/// The services that may call a method of `owner`.
pub fn callers_of(owner: ServiceName) -> impl Iterator<Item = ServiceName> {
    ServiceName::ALL.into_iter().filter(move |caller| {
        let mut methods = Contract::get().methods().filter(|method| match method.owner {
            Owner::One(service) => service == owner,
            Owner::Every => true,
        });
        methods.any(|method| right(*caller, method).is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_table_names_is_in_the_contract_and_internal() {
        for path in OF_CONTROL_PLANE.into_iter().chain([AUTHENTICATE]) {
            let method = Contract::get().method(path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!(method.permission, Permission::Internal, "{path}");
        }
    }

    #[test]
    fn no_service_approves_configures_or_audits_for_itself() {
        for method in Contract::get().methods() {
            for service in ServiceName::ALL {
                let decides = match method.permission {
                    Permission::Approve | Permission::Configure | Permission::Audit => true,
                    Permission::Public | Permission::Read | Permission::Internal => false,
                };
                assert!(!decides || right(service, method) != Some(Right::AsItself), "{service}: {}", method.path);
            }
        }
    }

    #[test]
    fn every_internal_method_has_a_caller_and_no_person_among_them() {
        for method in Contract::get().methods().filter(|method| method.permission == Permission::Internal) {
            let rights: Vec<_> = ServiceName::ALL.into_iter().filter_map(|service| right(service, method)).collect();
            assert!(!rights.is_empty(), "{} is called by nobody: remove it", method.path);
            assert!(!rights.contains(&Right::ForPerson), "{}", method.path);
        }
    }

    #[test]
    fn only_identitys_callers_reach_identity() {
        let callers: Vec<_> = callers_of(ServiceName::Identity).collect();
        assert_eq!(callers, [ServiceName::ControlPlane, ServiceName::Gateway]);
    }
}
