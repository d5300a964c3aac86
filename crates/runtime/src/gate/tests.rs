//! Each service's credential on each method of the contract, alone and with a person's assertion; and everything that
//! looks like a credential and is none.

use std::time::Duration;

use overseer_contract::Owner;
use overseer_credentials::{ASSERTION_LIFE, CALLER_LIFE, CLOCK_LEEWAY, Keyring};
use overseer_model::Role;

use super::*;

const APPROVE: &str = "/overseer.v1.PlanService/ApprovePlan";
const LIST_AUDIT: &str = "/overseer.v1.AuditService/ListAudit";
const VERIFY_CHAIN: &str = "/overseer.v1.ChainService/VerifyChain";

struct House {
    keyring: Keyring,
    now: Timestamp,
}

impl House {
    fn new() -> Self {
        Self { keyring: Keyring::in_memory("test".parse().unwrap()).unwrap(), now: Timestamp::now() }
    }

    fn credential(&self, service: ServiceName) -> Credential {
        self.keyring.credential(service).unwrap()
    }

    fn assertion(&self, roles: &[Role]) -> String {
        let person = Person { name: "ünï\n☃".to_owned(), roles: roles.to_vec() };
        self.credential(ServiceName::Identity).assert(person, self.now).as_str().to_owned()
    }

    /// The answer of `owner`'s gate to these headers.
    fn ask(&self, owner: ServiceName, path: &str, headers: &[(&'static str, &str)]) -> Result<Actor, Code> {
        self.ask_at(self.now, owner, path, headers)
    }

    fn ask_at(
        &self,
        at: Timestamp,
        owner: ServiceName,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Actor, Code> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        admit(&self.credential(owner), path, &map, at).map_err(|problem| problem.code)
    }

    fn token(&self, caller: ServiceName, owner: ServiceName, path: &str) -> String {
        self.credential(caller).call(owner, path, self.now).as_str().to_owned()
    }

    fn call(&self, caller: ServiceName, path: &str, assertion: Option<&str>) -> Result<Actor, Code> {
        let owner = owner(path);
        let token = self.token(caller, owner, path);
        let caller = (CALLER_HEADER, token.as_str());
        match assertion {
            None => self.ask(owner, path, &[caller]),
            Some(assertion) => self.ask(owner, path, &[caller, (ASSERTION_HEADER, assertion)]),
        }
    }
}

fn owner(path: &str) -> ServiceName {
    match Contract::get().method(path).unwrap().owner {
        Owner::One(service) => service,
        Owner::Every => ServiceName::Executor,
    }
}

fn user(roles: &[Role]) -> Actor {
    Actor::User { name: "ünï\n☃".to_owned(), roles: roles.to_vec() }
}

const EVERYTHING: [Role; 4] = [Role::Viewer, Role::Operator, Role::Approver, Role::Admin];

/// What each service may call for itself, written out beside the table that says so.
fn calls_for_itself(service: ServiceName, path: &str) -> bool {
    matches!(
        (service, path),
        (ServiceName::Gateway, "/overseer.v1.IdentityService/Authenticate")
            | (
                ServiceName::ControlPlane,
                "/overseer.v1.InventoryService/LocateResource"
                    | VERIFY_CHAIN
                    | "/overseer.v1.OwnParkedService/ListOwnParked"
                    | "/overseer.v1.OwnParkedService/ReplayOwnParked"
                    | "/overseer.v1.OwnParkedService/DropOwnParked"
            )
    )
}

#[test]
fn each_service_calls_for_itself_exactly_what_the_table_grants() {
    let house = House::new();
    for method in Contract::get().methods() {
        for service in ServiceName::ALL {
            let got = house.call(service, &method.path, None);
            let public = service == ServiceName::Gateway && method.permission == Permission::Public;
            let expected = match (calls_for_itself(service, &method.path), right(service, method)) {
                (true, _) => Ok(Actor::Service(service)),
                (false, _) if public => Ok(Actor::Anonymous),
                (false, Some(_)) => Err(Code::Unauthenticated),
                (false, None) => Err(Code::Forbidden),
            };
            assert_eq!(got, expected, "{service} {}", method.path);
        }
    }
}

#[test]
fn only_the_gateway_speaks_for_a_person_and_only_where_the_person_may() {
    let house = House::new();
    for roles in [&[][..], &[Role::Viewer], &[Role::Operator], &[Role::Approver], &[Role::Admin], &EVERYTHING] {
        let assertion = house.assertion(roles);
        for method in Contract::get().methods() {
            for service in ServiceName::ALL {
                let got = house.call(service, &method.path, Some(&assertion));
                let may = user(roles).may(method.permission) && service == ServiceName::Gateway;
                let expected = if may { Ok(user(roles)) } else { Err(Code::Forbidden) };
                assert_eq!(got, expected, "{service} {} {roles:?}", method.path);
            }
        }
    }
}

#[test]
fn an_assertion_without_the_credential_of_a_service_is_refused() {
    let house = House::new();
    let assertion = house.assertion(&EVERYTHING);
    for method in Contract::get().methods() {
        let got = house.ask(owner(&method.path), &method.path, &[(ASSERTION_HEADER, &assertion)]);
        assert_eq!(got, Err(Code::Unauthenticated), "{}", method.path);
        assert_eq!(house.ask(owner(&method.path), &method.path, &[]), Err(Code::Unauthenticated));
    }
}

#[test]
fn a_viewer_a_stranger_and_a_service_do_not_approve() {
    let house = House::new();
    let gateway = |assertion: Option<&str>| house.call(ServiceName::Gateway, APPROVE, assertion);
    assert_eq!(gateway(Some(&house.assertion(&[Role::Approver]))), Ok(user(&[Role::Approver])));
    assert_eq!(gateway(Some(&house.assertion(&[Role::Viewer, Role::Admin]))), Err(Code::Forbidden));
    assert_eq!(gateway(None), Err(Code::Unauthenticated));
    for path in [APPROVE, LIST_AUDIT] {
        assert_eq!(house.call(ServiceName::Notifier, path, None), Err(Code::Forbidden));
        // Not even with the assertion of somebody who may.
        assert_eq!(house.call(ServiceName::Notifier, path, Some(&house.assertion(&EVERYTHING))), Err(Code::Forbidden));
    }
}

#[test]
fn a_credential_that_is_late_foreign_or_altered_is_refused() {
    let house = House::new();
    let (gateway, there) = (ServiceName::Gateway, ServiceName::ControlPlane);
    let assertion = house.assertion(&[Role::Approver]);
    let token = house.token(gateway, there, APPROVE);
    let ask = |at, token: &str, assertion: &str| {
        house.ask_at(at, there, APPROVE, &[(CALLER_HEADER, token), (ASSERTION_HEADER, assertion)])
    };
    assert_eq!(ask(house.now, &token, &assertion), Ok(user(&[Role::Approver])));
    assert_eq!(ask(house.now + CALLER_LIFE + CLOCK_LEEWAY, &token, &assertion), Err(Code::Unauthenticated));
    // A fresh call with the assertion of a minute ago.
    let later = house.now + ASSERTION_LIFE + CLOCK_LEEWAY;
    let fresh = house.credential(gateway).call(there, APPROVE, later).as_str().to_owned();
    assert_eq!(ask(later, &fresh, &assertion), Err(Code::Unauthenticated));
    assert_eq!(ask(later - Duration::from_micros(1), &fresh, &assertion), Ok(user(&[Role::Approver])));

    // For another service, and for another method.
    let elsewhere = house.token(gateway, ServiceName::Collector, APPROVE);
    assert_eq!(ask(house.now, &elsewhere, &assertion), Err(Code::Unauthenticated));
    let deny = house.token(gateway, there, "/overseer.v1.PlanService/DenyPlan");
    assert_eq!(ask(house.now, &deny, &assertion), Err(Code::Unauthenticated));

    // Of keys that are not this house's.
    let stranger = House::new();
    assert_eq!(ask(house.now, &stranger.token(gateway, there, APPROVE), &assertion), Err(Code::Unauthenticated));
    assert_eq!(ask(house.now, &token, &stranger.assertion(&EVERYTHING)), Err(Code::Unauthenticated));
    // Signed by the gateway itself instead of identity.
    let person = Person { name: "admin".to_owned(), roles: EVERYTHING.to_vec() };
    let forged = house.credential(gateway).assert(person, house.now);
    assert_eq!(ask(house.now, &token, forged.as_str()), Err(Code::Unauthenticated));

    let altered = |text: &str| text.replacen(|c: char| c != 'A', "A", 1);
    assert_eq!(ask(house.now, &altered(&token), &assertion), Err(Code::Unauthenticated));
    assert_eq!(ask(house.now, &token, &altered(&assertion)), Err(Code::Unauthenticated));
    for odd in ["", ".", "ü", "a.b"] {
        assert_eq!(ask(house.now, odd, &assertion), Err(Code::Unauthenticated), "{odd}");
        assert_eq!(ask(house.now, &token, odd), Err(Code::Unauthenticated), "{odd}");
    }
}

#[test]
fn two_of_a_credential_are_none_and_no_other_header_names_an_actor() {
    let house = House::new();
    let (token, assertion) =
        (house.token(ServiceName::Gateway, ServiceName::ControlPlane, APPROVE), house.assertion(&EVERYTHING));
    let ask = |headers: &[(&'static str, &str)]| house.ask(ServiceName::ControlPlane, APPROVE, headers);
    let (caller, person) = ((CALLER_HEADER, token.as_str()), (ASSERTION_HEADER, assertion.as_str()));
    assert_eq!(ask(&[caller, caller, person]), Err(Code::Unauthenticated));
    assert_eq!(ask(&[caller, person, person]), Err(Code::Unauthenticated));
    let actor = r#"{"User":{"name":"admin","roles":["approver"]}}"#;
    assert_eq!(ask(&[caller, ("overseer-actor", actor)]), Err(Code::Unauthenticated));
}

#[test]
fn a_method_that_is_not_of_the_contract_is_not_found() {
    let house = House::new();
    let path = "/overseer.v1.PlanService/Other";
    let token = house.token(ServiceName::Gateway, ServiceName::ControlPlane, path);
    assert_eq!(house.ask(ServiceName::ControlPlane, path, &[(CALLER_HEADER, &token)]), Err(Code::NotFound));
}
