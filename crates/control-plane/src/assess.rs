//! From an incident to what should be done about it: pure.

use overseer_contract::v1::Detector;
use overseer_model::{Digest, Fingerprint, IncidentId, PlanId, ResourceRef, StepId, Subject, Timestamp};
use overseer_templates::{preconditions, template_of};
use serde::{Deserialize, Serialize};

use crate::plan::{self, History, Plan, PlanState, Step};
use crate::playbook::{self, PastAction, Proposal, Situation};
use crate::policy::{self, Decision, Request};
use crate::refusal::Refusal;
use crate::step::StepState;
use crate::targets::Target;
use crate::validate::validate;

/// Plans for one incident, the first and three more.
const MOST_PLANS: usize = 4;

/// An open incident as its events tell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    pub id: IncidentId,
    pub trouble: Fingerprint,
    /// The number of the contract's enum.
    pub detector: i32,
    pub resource: ResourceRef,
}

impl Incident {
    fn detector(&self) -> Detector {
        Detector::try_from(self.detector).unwrap_or(Detector::Unspecified)
    }
}

/// What follows from an incident.
#[derive(Debug, PartialEq, Eq)]
pub enum Assessment {
    /// A plan is under way, a person said no, there were enough, or the target is not known well enough.
    Nothing,
    /// This plan is stored and announced: it waits for approval, or it is rejected with its reason.
    New(Box<Plan>),
    /// The active plan was made for another target: it is void.
    Supersede(PlanId),
}

/// What an assessment follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The incident was detected or goes on.
    Incident,
    /// Something about its resource changed. By itself that is no trouble: it can only complete what an assessment
    /// waited for, or void a plan.
    Target,
}

#[must_use]
pub fn assess(
    trigger: Trigger,
    incident: &Incident,
    target: &Target,
    plans: &[Plan],
    past: Vec<PastAction>,
    now: Timestamp,
) -> Assessment {
    if let Some(active) = plans.iter().find(|plan| plan.state.is_active()) {
        return if active.state == PlanState::Ready && is_for_another(active, incident, target) {
            Assessment::Supersede(active.id)
        } else {
            Assessment::Nothing
        };
    }
    let ended = |state| plans.iter().any(|plan| plan.state == state);
    let enough = ended(PlanState::Cancelled) || ended(PlanState::InDoubt) || plans.len() >= MOST_PLANS;
    if enough || (trigger == Trigger::Target && !plans.is_empty()) {
        return Assessment::Nothing;
    }
    let Target::Present(record) = target else { return Assessment::Nothing };
    let situation = Situation {
        incident: incident.id,
        trouble: incident.trouble,
        detector: incident.detector(),
        resource: incident.resource.clone(),
        target: record.clone(),
        past,
    };
    let Some(proposal) = playbook::propose(&situation) else { return Assessment::Nothing };
    let plan = make(&situation, proposal, now);
    // A refusal is told once; what it says would change it is tried at each occurrence.
    if plan.state == PlanState::Rejected && ended(PlanState::Rejected) {
        return Assessment::Nothing;
    }
    Assessment::New(Box::new(plan))
}

/// Whether the incident's resource is not the one that the plan's steps were made for.
fn is_for_another(plan: &Plan, incident: &Incident, target: &Target) -> bool {
    let mut on_it = plan.steps.iter().filter(|step| step.action.target().key == incident.resource.key).peekable();
    on_it.peek().is_none() || on_it.any(|step| target.differs_from(step.target))
}

/// What stands against a proposal; `None` when nothing does.
fn refusal(situation: &Situation, proposal: &Proposal) -> Option<Refusal> {
    if let Err(refusal) = validate(situation, proposal) {
        return Some(refusal);
    }
    let subject = Subject::Incident(situation.incident);
    proposal.actions.iter().find_map(|action| {
        match policy::decide(&Request { subject, action, risk: template_of(action).risk }) {
            // Until there is a mode in which steps run by themselves, what may run waits for a person as well.
            Decision::Allow | Decision::NeedsApproval(_) => None,
            Decision::Deny(refusal) => Some(refusal),
        }
    })
}

fn make(situation: &Situation, proposal: Proposal, now: Timestamp) -> Plan {
    let refusal = refusal(situation, &proposal);
    let Proposal { playbook, title, actions } = proposal;
    let (state, step_state) = match refusal {
        Some(_) => (PlanState::Rejected, StepState::Void),
        None => (PlanState::Ready, StepState::AwaitingApproval),
    };
    let step = |(action, position)| Step {
        id: StepId::fresh(),
        position,
        state: step_state,
        risk: template_of(&action).risk,
        target: situation.target.fingerprint,
        preconditions: preconditions(&action),
        action,
        approval: None,
        attempt: 0,
        history: History::default(),
    };
    let mut plan = Plan {
        id: PlanId::fresh(),
        subject: Subject::Incident(situation.incident),
        trouble: Some(situation.trouble),
        state,
        digest: Digest::of(&[]),
        title,
        playbook: playbook.to_owned(),
        policy_version: policy::VERSION.to_owned(),
        refusal,
        steps: actions.into_iter().zip(1..).map(step).collect(),
        created_at: now,
        updated_at: now,
    };
    plan.digest = plan::digest(&plan);
    plan
}

#[cfg(test)]
mod tests {
    use overseer_model::{Capability, TemplateName, Verdict};

    use super::*;
    use crate::plan::tests::{fingerprint, plan, resource};
    use crate::refusal::RefusalCode;
    use crate::targets::TargetRecord;

    fn incident() -> Incident {
        Incident {
            id: IncidentId::fresh(),
            trouble: fingerprint("trouble"),
            detector: Detector::RestartLoop.into(),
            resource: resource(),
        }
    }

    fn present(fingerprint: Fingerprint) -> Target {
        let capabilities = vec![Capability::Restart];
        Target::Present(TargetRecord { fingerprint, capabilities, started_by_request_at: None })
    }

    fn same() -> Target {
        present(fingerprint("target"))
    }

    fn in_state(state: PlanState) -> Plan {
        Plan { state, ..plan(1) }
    }

    fn assessed(target: &Target, plans: &[Plan]) -> Assessment {
        assess(Trigger::Incident, &incident(), target, plans, Vec::new(), Timestamp::from_micros(9))
    }

    fn failed_before() -> Vec<PastAction> {
        vec![PastAction {
            template: TemplateName::RestartResource,
            resource: resource().key,
            target: fingerprint("target"),
            verdict: Verdict::Failed,
            finished_at: Timestamp::from_micros(8),
            step: "stp_1".into(),
        }]
    }

    #[test]
    fn a_new_incident_gets_one_plan_that_waits_for_approval() {
        let Assessment::New(plan) = assessed(&same(), &[]) else { panic!("no plan") };
        assert_eq!(plan.state, PlanState::Ready);
        assert_eq!(plan.digest, plan::digest(&plan));
        assert_eq!(plan.steps[0].target, fingerprint("target"));
        assert_eq!(assessed(&same(), &[*plan]), Assessment::Nothing);
    }

    #[test]
    fn a_ready_plan_for_another_target_is_superseded_and_a_running_one_is_left() {
        let ready = in_state(PlanState::Ready);
        let superseded = Assessment::Supersede(ready.id);
        assert_eq!(assessed(&Target::Gone, std::slice::from_ref(&ready)), superseded);
        assert_eq!(assessed(&present(fingerprint("a new image")), std::slice::from_ref(&ready)), superseded);
        let key = "home/docker://local/c2".parse().unwrap();
        let joined = Incident { resource: ResourceRef { key, ..resource() }, ..incident() };
        let now = Timestamp::from_micros(9);
        let plans = std::slice::from_ref(&ready);
        assert_eq!(assess(Trigger::Incident, &joined, &same(), plans, Vec::new(), now), superseded);
        assert_eq!(assessed(&Target::Gone, &[in_state(PlanState::Running)]), Assessment::Nothing);
    }

    #[test]
    fn a_target_of_which_nothing_is_known_voids_no_plan_and_gets_none() {
        assert_eq!(assessed(&Target::Unknown, &[in_state(PlanState::Ready)]), Assessment::Nothing);
        assert_eq!(assessed(&Target::Unknown, &[]), Assessment::Nothing);
    }

    #[test]
    fn nothing_more_is_proposed_after_a_no_or_without_end() {
        for state in [PlanState::Cancelled, PlanState::InDoubt] {
            assert_eq!(assessed(&same(), &[in_state(state)]), Assessment::Nothing);
        }
        let expired = vec![in_state(PlanState::Expired); MOST_PLANS];
        assert_eq!(assessed(&same(), &expired), Assessment::Nothing);
        assert!(matches!(assessed(&same(), &expired[1..]), Assessment::New(_)));
        assert_eq!(assessed(&Target::Gone, &[]), Assessment::Nothing);
    }

    #[test]
    fn what_failed_before_is_told_once_as_a_rejected_plan() {
        let (incident, now) = (incident(), Timestamp::from_micros(9));
        let mut plans = vec![in_state(PlanState::Failed)];
        let assessment = assess(Trigger::Incident, &incident, &same(), &plans, failed_before(), now);
        let Assessment::New(plan) = assessment else { panic!("nothing told") };
        assert_eq!((plan.state, plan.steps[0].state), (PlanState::Rejected, StepState::Void));
        assert_eq!(plan.refusal.as_ref().unwrap().code, RefusalCode::FailedBefore);
        plans.push(*plan);
        let again = assess(Trigger::Incident, &incident, &same(), &plans, failed_before(), now);
        assert_eq!(again, Assessment::Nothing);
        // What the refusal says would change it: a person restarted it by hand, and it fails again.
        let capabilities = vec![Capability::Restart];
        let by_hand = Target::Present(TargetRecord {
            fingerprint: fingerprint("target"),
            capabilities,
            started_by_request_at: Some(now),
        });
        let assessed = |trigger| assess(trigger, &incident, &by_hand, &plans, failed_before(), now);
        assert!(matches!(assessed(Trigger::Incident), Assessment::New(plan) if plan.state == PlanState::Ready));
        assert_eq!(assessed(Trigger::Target), Assessment::Nothing, "a restart by hand is no trouble");
    }

    #[test]
    fn a_plan_waits_until_its_target_is_known_and_not_for_the_next_crash() {
        let assessed =
            |target| assess(Trigger::Target, &incident(), &target, &[], Vec::new(), Timestamp::from_micros(9));
        assert_eq!(assessed(Target::Unknown), Assessment::Nothing);
        assert!(matches!(assessed(same()), Assessment::New(_)));
    }
}
