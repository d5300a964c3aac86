use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use overseer_model::ServiceName::{ControlPlane, Executor, Gateway, Identity, Notifier};
use overseer_model::{Role, ServiceName, Timestamp};

use crate::{ASSERTION_LIFE, CALLER_LIFE, CLOCK_LEEWAY, Credential, Keyring, Person, Refused, ServiceKey, Trust};

const METHOD: &str = "/overseer.v1.PlanService/ApprovePlan";
const MOMENT: Duration = Duration::from_micros(1);

fn keyring(installation: &str) -> Keyring {
    Keyring::in_memory(installation.parse().unwrap()).unwrap()
}

fn of(keyring: &Keyring, service: ServiceName) -> Credential {
    keyring.credential(service).unwrap()
}

fn anna() -> Person {
    Person { name: "ünna\n☃".to_owned(), roles: vec![Role::Viewer, Role::Approver] }
}

#[test]
fn a_call_is_its_signers_for_one_method_of_one_service_and_one_short_time() {
    let (house, now) = (keyring("home"), Timestamp::now());
    let token = of(&house, Gateway).call(ControlPlane, METHOD, now);
    let there = of(&house, ControlPlane);
    let seen = |audience, method, at| there.trust().caller(token.as_str(), audience, method, at);
    assert_eq!(seen(ControlPlane, METHOD, now), Ok(Gateway));
    assert_eq!(seen(Executor, METHOD, now), Err(Refused::Audience));
    assert_eq!(seen(ControlPlane, "/overseer.v1.PlanService/DenyPlan", now), Err(Refused::Audience));
    let end = now + CALLER_LIFE + CLOCK_LEEWAY;
    assert_eq!(seen(ControlPlane, METHOD, end - MOMENT), Ok(Gateway));
    assert_eq!(seen(ControlPlane, METHOD, end), Err(Refused::Expired));
    assert_eq!(seen(ControlPlane, METHOD, now - CLOCK_LEEWAY), Ok(Gateway));
    assert_eq!(seen(ControlPlane, METHOD, now - CLOCK_LEEWAY - MOMENT), Err(Refused::Expired));
}

#[test]
fn a_person_is_who_identity_says_and_for_a_short_time() {
    let (house, now) = (keyring("home"), Timestamp::now());
    let assertion = of(&house, Identity).assert(anna(), now);
    let seen = |at| of(&house, ControlPlane).trust().person(assertion.as_str(), at);
    assert_eq!(seen(now), Ok(anna()));
    let end = now + ASSERTION_LIFE + CLOCK_LEEWAY;
    assert_eq!(seen(end - MOMENT), Ok(anna()));
    assert_eq!(seen(end), Err(Refused::Expired));
    assert_eq!(seen(now - CLOCK_LEEWAY - MOMENT), Err(Refused::Expired));
}

#[test]
fn no_service_but_identity_can_assert_a_person() {
    let (house, now) = (keyring("home"), Timestamp::now());
    for service in ServiceName::ALL.into_iter().filter(|service| *service != Identity) {
        let forged = of(&house, service).assert(anna(), now);
        let seen = of(&house, ControlPlane).trust().person(forged.as_str(), now);
        assert_eq!(seen, Err(Refused::Signature { service: Identity }), "{service}");
    }
}

#[test]
fn what_another_installation_signed_counts_for_nothing_even_with_copied_keys() {
    let (house, away, now) = (keyring("home"), keyring("away"), Timestamp::now());
    let trust = of(&house, ControlPlane);
    let call = of(&away, Gateway).call(ControlPlane, METHOD, now);
    let caller = |text: &str| trust.trust().caller(text, ControlPlane, METHOD, now);
    assert_eq!(caller(call.as_str()), Err(Refused::Signature { service: Gateway }));

    let pkcs8 = ServiceKey::generate().unwrap();
    let key = || ServiceKey::from_pkcs8(&pkcs8).unwrap();
    let keys = HashMap::from([(Identity, key().public())]);
    let in_installation = |name: &str| {
        let trust = Arc::new(Trust::new(name.parse().unwrap(), keys.clone()));
        Credential::new(Identity, key(), trust)
    };
    let (original, clone) = (in_installation("home"), in_installation("clone"));
    let assertion = clone.assert(anna(), now);
    assert_eq!(original.trust().person(assertion.as_str(), now), Err(Refused::Audience));
    let call = clone.call(ControlPlane, METHOD, now);
    assert_eq!(original.trust().caller(call.as_str(), ControlPlane, METHOD, now), Err(Refused::Audience));
}

#[test]
fn a_service_whose_public_key_is_not_there_is_named() {
    let now = Timestamp::now();
    let trust = Trust::new("home".parse().unwrap(), HashMap::new());
    let call = of(&keyring("home"), Notifier).call(ControlPlane, METHOD, now);
    let refused = trust.caller(call.as_str(), ControlPlane, METHOD, now);
    assert_eq!(refused, Err(Refused::UnknownKey { service: Notifier }));
    assert_eq!(trust.person("a.b", now), Err(Refused::UnknownKey { service: Identity }));
}

#[test]
fn an_assertion_is_no_callers_token_and_the_reverse() {
    let (house, now) = (keyring("home"), Timestamp::now());
    let identity = of(&house, Identity);
    let call = identity.call(ControlPlane, METHOD, now);
    assert_eq!(identity.trust().person(call.as_str(), now), Err(Refused::Signature { service: Identity }));
    let assertion = identity.assert(anna(), now);
    let refused = identity.trust().caller(assertion.as_str(), ControlPlane, METHOD, now);
    assert_eq!(refused, Err(Refused::Malformed));
}

#[test]
fn any_changed_byte_is_refused() {
    let (house, now) = (keyring("home"), Timestamp::now());
    let trust = of(&house, ControlPlane);
    let call = of(&house, Gateway).call(ControlPlane, METHOD, now).as_str().to_owned();
    let assertion = of(&house, Identity).assert(anna(), now).as_str().to_owned();
    for text in [&call, &assertion] {
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(trust.trust().caller(&changed, ControlPlane, METHOD, now).is_err(), "byte {at}");
            assert!(trust.trust().person(&changed, now).is_err(), "byte {at}");
        }
    }
    for odd in ["", ".", "a", "a.b.c", &"a".repeat(10_000)] {
        assert!(trust.trust().caller(odd, ControlPlane, METHOD, now).is_err());
        assert!(trust.trust().person(odd, now).is_err());
    }
}
