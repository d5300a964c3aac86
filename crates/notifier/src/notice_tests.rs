//! The payloads, word for word.

use overseer_contract::to_timestamp;
use overseer_model::Timestamp;
use serde_json::{Value, json};

use super::*;

const AT: Timestamp = Timestamp::from_micros(1_795_237_443_120_000);
const INCIDENT: &str = "inc_019a0000-0000-7000-8000-000000000001";
const PLAN: &str = "pln_019a0000-0000-7000-8000-000000000002";
const STEP: &str = "stp_019a0000-0000-7000-8000-000000000003";

fn resource(name: &str) -> Option<v1::ResourceRef> {
    Some(v1::ResourceRef {
        site: "home".into(),
        provider: v1::Provider::Docker.into(),
        kind: v1::ResourceKind::Container.into(),
        id: "abc".into(),
        name: name.into(),
        instance: "local".into(),
    })
}

fn incident(name: &str) -> v1::Incident {
    v1::Incident {
        id: INCIDENT.into(),
        resource: resource(name),
        detector: v1::Detector::RestartLoop.into(),
        severity: v1::Severity::Critical.into(),
        state: v1::IncidentState::Open.into(),
        outcome: v1::Outcome::Pending.into(),
        fingerprint: "f".into(),
        title: "panic: secret-from-a-log".into(),
        opened_at: Some(to_timestamp(AT)),
        updated_at: Some(to_timestamp(AT)),
        resolved_at: None,
        occurrences: 3,
    }
}

fn subject() -> Option<v1::Subject> {
    Some(v1::Subject { of: Some(v1::subject::Of::IncidentId(INCIDENT.into())) })
}

fn plan() -> v1::Plan {
    let restart = v1::action::Template::RestartResource(v1::RestartResource { target: resource("web") });
    let step = |position, risk: v1::Risk| v1::Step {
        id: STEP.into(),
        position,
        state: v1::StepState::AwaitingApproval.into(),
        action: Some(v1::Action { template: Some(restart.clone()) }),
        risk: risk.into(),
        ..v1::Step::default()
    };
    v1::Plan {
        id: PLAN.into(),
        subject: subject(),
        state: v1::PlanState::Ready.into(),
        title: "a model's words".into(),
        steps: vec![step(1, v1::Risk::D2), step(2, v1::Risk::D1)],
        ..v1::Plan::default()
    }
}

fn event<P: overseer_contract::EventPayload>(payload: &P) -> Event {
    Event::new("home".parse().unwrap(), "key", AT, None, payload).unwrap()
}

fn told(event: &Event) -> Value {
    let notice = Notice::of(event).unwrap().unwrap();
    let body: Value = serde_json::from_str(&notice.body).unwrap();
    assert_eq!(body["type"], notice.kind.as_str());
    assert_eq!(body["id"], event.id.to_string());
    assert_eq!(body["timestamp"], "2026-11-21T05:04:03.120Z");
    assert_eq!(body.as_object().unwrap().len(), 4);
    body["data"].clone()
}

#[test]
fn an_incident_is_told_in_enums_ids_and_counts() {
    let web = json!({"site": "home", "provider": "docker", "instance": "local", "kind": "container", "id": "abc", "name": "web"});
    let mut data = json!({
        "incident_id": INCIDENT,
        "title": "restart loop of web at home",
        "detector": "restart_loop",
        "severity": "critical",
        "state": "open",
        "outcome": "pending",
        "occurrences": 3,
        "resource": web,
    });
    assert_eq!(told(&event(&v1::IncidentDetected { incident: Some(incident("web")) })), data);

    let state = v1::IncidentState::Resolved.into();
    let outcome = v1::Outcome::Mitigated.into();
    let resolved = v1::Incident { state, outcome, ..incident("web") };
    data["state"] = json!("resolved");
    data["outcome"] = json!("mitigated");
    assert_eq!(told(&event(&v1::IncidentResolved { incident: Some(resolved) })), data);
}

#[test]
fn an_approval_is_asked_for_with_the_highest_risk_and_the_command() {
    let data = json!({
        "incident_id": INCIDENT,
        "plan_id": PLAN,
        "title": "approval required to restart web at home",
        "state": "ready",
        "resource": {
            "site": "home", "provider": "docker", "instance": "local", "kind": "container", "id": "abc", "name": "web"
        },
        "risk": "d2",
        "approve_hint": format!("overseer approve {PLAN}"),
    });
    assert_eq!(told(&event(&v1::ApprovalRequired { plan: Some(plan()) })), data);
}

#[test]
fn a_failed_step_is_told_without_its_detail() {
    let failed = v1::StepFailed {
        step: Some(v1::StepRef {
            step_id: STEP.into(),
            plan_id: PLAN.into(),
            subject: subject(),
            attempt: 2,
            action: None,
        }),
        failure: v1::StepFailure::TargetDrift.into(),
        detail: "the platform's words".into(),
        at: Some(to_timestamp(AT)),
    };
    let data = json!({
        "incident_id": INCIDENT,
        "plan_id": PLAN,
        "step_id": STEP,
        "title": "step failed: target drift",
        "failure": "target_drift",
        "attempt": 2,
    });
    assert_eq!(told(&event(&failed)), data);
}

#[test]
fn a_hostile_name_is_cut_and_cleaned() {
    let name = format!("a\u{1b}[31m\n\u{202e}b{}", "x".repeat(1_000));
    let data = told(&event(&v1::IncidentDetected { incident: Some(incident(&name)) }));
    let shown = data["resource"]["name"].as_str().unwrap();
    assert!(shown.starts_with("a\u{fffd}[31m\u{fffd}\u{fffd}bx"), "{shown}");
    assert_eq!(shown.chars().count(), 255);
}

#[test]
fn an_event_that_means_nothing_is_an_error_and_one_that_is_not_told_is_none() {
    let incident = |change: fn(&mut v1::Incident)| {
        let mut incident = incident("web");
        change(&mut incident);
        Notice::of(&event(&v1::IncidentDetected { incident: Some(incident) }))
    };
    assert!(incident(|_| {}).is_ok());
    let newer = incident(|i| i.detector = 99).unwrap().unwrap();
    assert!(newer.body.contains("unknown of web at home"), "{}", newer.body);
    let newer = incident(|i| i.resource.as_mut().unwrap().kind = 99).unwrap().unwrap();
    assert!(newer.body.contains("\"kind\":\"unknown\""), "{}", newer.body);
    let mut unheard_of = plan();
    unheard_of.steps[0].action = Some(v1::Action { template: None });
    unheard_of.subject = Some(v1::Subject { of: None });
    let asked = Notice::of(&event(&v1::ApprovalRequired { plan: Some(unheard_of) })).unwrap().unwrap();
    assert!(asked.body.contains(&format!("approval required for {PLAN}")), "{}", asked.body);
    assert!(incident(|i| i.resource = None).is_err());
    assert!(incident(|i| i.id = "x".into()).is_err());
    assert!(Notice::of(&event(&v1::IncidentDetected { incident: None })).is_err());
    assert!(Notice::of(&event(&v1::ApprovalRequired { plan: Some(v1::Plan { steps: vec![], ..plan() }) })).is_err());
    let untold = event(&v1::PlanReady { plan: Some(plan()) });
    assert_eq!(Notice::of(&untold).unwrap(), None);
}

#[test]
fn what_is_subscribed_is_what_is_told() {
    // A step in doubt is told as one that failed.
    assert_eq!(KINDS.len(), Kind::ALL.len() + 1);
    for kind in KINDS {
        assert_eq!(kind.stream(), overseer_model::Stream::Events);
    }
}
