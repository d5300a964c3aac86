use overseer_model::{IncidentId, ResourceRef};
use proptest::prelude::*;

use super::*;
use crate::step::Resolution;

pub fn resource() -> ResourceRef {
    ResourceRef { key: "home/docker://local/c1".parse().unwrap(), name: "web".into() }
}

pub fn fingerprint(text: &str) -> Fingerprint {
    Fingerprint(Digest::of(text.as_bytes()))
}

pub fn plan(steps: u32) -> Plan {
    let now = Timestamp::from_micros(1);
    let mut plan = Plan {
        id: PlanId::fresh(),
        subject: Subject::Incident(IncidentId::fresh()),
        trouble: Some(fingerprint("trouble")),
        state: PlanState::Ready,
        digest: Digest::of(b""),
        title: "restart web".into(),
        playbook: "restart".into(),
        policy_version: "guide-1".into(),
        refusal: None,
        steps: (1..=steps)
            .map(|position| Step {
                id: StepId::fresh(),
                position,
                state: StepState::AwaitingApproval,
                action: Action::RestartResource { target: resource() },
                risk: Risk::D2,
                target: fingerprint("target"),
                preconditions: Vec::new(),
                approval: None,
                attempt: 0,
                history: History::default(),
            })
            .collect(),
        created_at: now,
        updated_at: now,
    };
    plan.digest = digest(&plan);
    plan
}

/// The plan with every step approved at `now`, good for 15 minutes.
pub fn approved(steps: u32, now: Timestamp) -> Plan {
    let mut plan = plan(steps);
    for step in plan.steps.clone() {
        plan = advance(&plan, step.id, StepEvent::Approved, now).unwrap();
        plan.steps[step.position as usize - 1].approval = Some(Approval {
            id: ApprovalId::fresh(),
            plan_digest: plan.digest,
            action: step.action,
            target: step.target,
            policy_version: plan.policy_version.clone(),
            approver: "token:admin".into(),
            approved_at: now,
            valid: Duration::from_secs(900),
            nonce: "n".into(),
        });
    }
    plan
}

/// The plan after its step at `position` went the whole way to `verdict`.
pub fn carried_out(plan: &Plan, position: u32, verdict: Verdict, now: Timestamp) -> Plan {
    let id = plan.steps[position as usize - 1].id;
    let events = [StepEvent::Dispatched, StepEvent::Begun, StepEvent::Acted, StepEvent::Verified(verdict)];
    events.into_iter().fold(plan.clone(), |plan, event| advance(&plan, id, event, now).unwrap())
}

/// The step that the dispatcher would send now.
fn next_to_dispatch(plan: &Plan) -> Option<&Step> {
    under_way(plan).filter(|step| step.state == StepState::Approved)
}

fn any_event() -> impl Strategy<Value = StepEvent> {
    prop::sample::select(vec![
        StepEvent::Approved,
        StepEvent::Denied,
        StepEvent::Dispatched,
        StepEvent::Begun,
        StepEvent::Acted,
        StepEvent::Verified(Verdict::Passed),
        StepEvent::Verified(Verdict::Failed),
        StepEvent::Verified(Verdict::Inconclusive),
        StepEvent::Returned,
        StepEvent::Failed,
        StepEvent::InDoubt,
        StepEvent::Resolved(Resolution::Done),
        StepEvent::Resolved(Resolution::NotDone),
        StepEvent::ApprovalEnded,
        StepEvent::Voided,
    ])
}

proptest! {
    #[test]
    fn nothing_is_dispatched_unapproved_or_before_its_turn(
        events in prop::collection::vec((0..3_usize, any_event()), 0..60)
    ) {
        let now = Timestamp::from_micros(2);
        let mut plan = plan(3);
        let mut approved = [false; 3];
        for (at, event) in events {
            let step = plan.steps[at].id;
            let earlier_passed = plan.steps[..at].iter().all(|step| step.state == StepState::Passed);
            if event == StepEvent::Dispatched && next_to_dispatch(&plan).map(|step| step.id) != Some(step) {
                continue;
            }
            let Some(next) = advance(&plan, step, event, now) else { continue };
            approved[at] |= event == StepEvent::Approved;
            if event == StepEvent::Dispatched {
                prop_assert!(approved[at] && earlier_passed);
            }
            prop_assert!(!plan.steps[at].state.is_final(), "a final state was left");
            prop_assert_eq!(digest(&plan), digest(&next));
            let in_doubt = next.steps.iter().any(|step| step.state == StepState::InDoubt);
            let moves = next.steps.iter().any(|step| !step.state.is_final());
            prop_assert_eq!(next.state.is_active(), moves && !in_doubt);
            if next.state == PlanState::Succeeded {
                prop_assert!(next.steps.iter().all(|step| step.state == StepState::Passed));
            }
            plan = next;
        }
    }
}

#[test]
fn the_digest_covers_target_action_preconditions_and_policy() {
    let plan = plan(1);
    let changes: [fn(&mut Plan); 5] = [
        |plan| plan.steps[0].target = fingerprint("another"),
        |plan| {
            let key = "home/docker://local/c2".parse().unwrap();
            plan.steps[0].action = Action::RestartResource { target: ResourceRef { key, ..resource() } };
        },
        |plan| plan.steps[0].action = Action::StopResource { target: resource() },
        |plan| plan.steps[0].preconditions = vec![Precondition::State { any_of: vec![] }],
        |plan| plan.policy_version = "assist-1".into(),
    ];
    for change in changes {
        let mut other = plan.clone();
        change(&mut other);
        assert_ne!(digest(&plan), digest(&other));
    }
}

#[test]
fn a_bad_step_voids_what_follows() {
    let now = Timestamp::from_micros(2);
    let plan = plan(2);
    let first = plan.steps[0].id;
    let denied = advance(&plan, first, StepEvent::Denied, now).unwrap();
    assert_eq!(denied.state, PlanState::Cancelled);
    assert_eq!(denied.steps[1].state, StepState::Void);
}

#[test]
fn only_a_plan_whose_every_step_passed_succeeded() {
    let now = Timestamp::from_micros(2);
    let first = carried_out(&approved(2, now), 1, Verdict::Passed, now);
    assert_eq!((first.state, first.steps[1].state), (PlanState::Running, StepState::Approved));
    assert_eq!(carried_out(&first, 2, Verdict::Passed, now).state, PlanState::Succeeded);
    assert_eq!(carried_out(&first, 2, Verdict::Failed, now).state, PlanState::Failed);
}

#[test]
fn an_approval_runs_from_the_turn_of_its_step() {
    let second = |n: i64| Timestamp::from_micros(n * 1_000_000);
    let plan = approved(2, second(0));
    assert_eq!(plan.approval_ends(&plan.steps[0]), Some(second(900)));
    assert_eq!(plan.approval_ends(&plan.steps[1]), None);
    let later = carried_out(&plan, 1, Verdict::Passed, second(2_000));
    assert_eq!(later.approval_ends(&later.steps[1]), Some(second(2_900)));
}

#[test]
fn what_follows_a_step_in_doubt_waits_for_what_a_person_says() {
    let now = Timestamp::from_micros(2);
    let plan = approved(2, now);
    let first = plan.steps[0].id;
    let sent = advance(&plan, first, StepEvent::Dispatched, now).unwrap();
    let doubt = advance(&sent, first, StepEvent::InDoubt, now).unwrap();
    assert_eq!((doubt.state, doubt.steps[1].state), (PlanState::InDoubt, StepState::Approved));
    assert_eq!(next_to_dispatch(&doubt), None);
    let done = advance(&doubt, first, StepEvent::Resolved(Resolution::Done), now).unwrap();
    assert_eq!(done.state, PlanState::Running);
    assert_eq!(next_to_dispatch(&done).map(|step| step.position), Some(2));
    let not_done = advance(&doubt, first, StepEvent::Resolved(Resolution::NotDone), now).unwrap();
    assert_eq!((not_done.state, not_done.steps[1].state), (PlanState::Failed, StepState::Void));
}
