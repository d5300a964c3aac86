//! From an incident to what should be done about it: pure.

use overseer_contract::v1::Detector;
use overseer_model::{Digest, Fingerprint, IncidentId, PlanId, ResourceRef, StepId, Timestamp};

use crate::plan::{self, History, Plan, PlanState, Refusal, Step, StepState};
use crate::playbook::{self, PastAction, Proposal, Situation};
use crate::policy::{self, Decision};
use crate::targets::Target;
use crate::validate::validate;

/// Plans for one incident, the first and three more.
const MOST_PLANS: usize = 4;

/// An incident as its events tell it.
#[derive(Clone, Debug)]
pub struct Incident {
    pub id: IncidentId,
    pub trouble: Fingerprint,
    pub detector: Detector,
    pub resource: ResourceRef,
}

/// What follows from an incident.
#[derive(Debug, PartialEq, Eq)]
pub enum Assessment {
    /// A plan is under way, a person said no, or there were enough.
    Nothing,
    /// This plan is kept and told: it waits for approval, or it is rejected with its reason.
    New(Box<Plan>),
    /// The active plan was made for another target: it is void.
    Supersede(PlanId),
}

#[must_use]
pub fn assess(
    incident: &Incident,
    target: Target,
    plans: &[Plan],
    past: Vec<PastAction>,
    now: Timestamp,
) -> Assessment {
    if let Some(active) = plans.iter().find(|plan| plan.state.is_active()) {
        let same = Target::There(active.target) == target && active.target_id == incident.resource.id;
        return if same || active.state == PlanState::Running {
            Assessment::Nothing
        } else {
            Assessment::Supersede(active.id)
        };
    }
    let said = |state| plans.iter().any(|plan| plan.state == state);
    if said(PlanState::Cancelled) || said(PlanState::Rejected) || said(PlanState::InDoubt) || plans.len() >= MOST_PLANS
    {
        return Assessment::Nothing;
    }
    let Target::There(target) = target else { return Assessment::Nothing };
    let situation = Situation {
        incident: incident.id,
        trouble: incident.trouble,
        detector: incident.detector,
        resource: incident.resource.clone(),
        target,
        past,
    };
    let Some(proposal) = playbook::propose(&situation) else { return Assessment::Nothing };
    let refusal = validate(&situation, &proposal).err();
    Assessment::New(Box::new(make(&situation, proposal, refusal, now)))
}

fn make(situation: &Situation, proposal: Proposal, refusal: Option<Refusal>, now: Timestamp) -> Plan {
    let Proposal { playbook, title, actions } = proposal;
    let rejected = refusal.is_some();
    let steps = actions
        .into_iter()
        .zip(1..)
        .map(|(action, position)| {
            let risk = action.risk();
            let state = match (rejected, policy::decide(&action, risk)) {
                (true, Decision::NeedsApproval) => StepState::Void,
                (false, Decision::NeedsApproval) => StepState::AwaitingApproval,
            };
            Step { id: StepId::fresh(), position, state, action, risk, attempt: 0, history: History::default() }
        })
        .collect();
    let mut plan = Plan {
        id: PlanId::fresh(),
        incident: situation.incident,
        trouble: situation.trouble,
        site: situation.resource.site.clone(),
        state: if rejected { PlanState::Rejected } else { PlanState::Ready },
        digest: Digest::of(&[]),
        title,
        playbook: playbook.to_owned(),
        policy_version: policy::VERSION.to_owned(),
        target_id: situation.resource.id.clone(),
        target: situation.target,
        refusal,
        steps,
        created_at: now,
        updated_at: now,
    };
    plan.digest = plan::digest(&plan);
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::RefusalCode;
    use overseer_model::Verdict;

    use crate::plan::tests::{plan, resource};

    fn incident() -> Incident {
        Incident {
            id: IncidentId::fresh(),
            trouble: Fingerprint(Digest::of(b"trouble")),
            detector: Detector::RestartLoop,
            resource: resource(),
        }
    }

    fn there() -> Target {
        Target::There(Fingerprint(Digest::of(b"target")))
    }

    fn in_state(state: PlanState) -> Plan {
        Plan { state, ..plan(1) }
    }

    fn assessed(target: Target, plans: &[Plan]) -> Assessment {
        assess(&incident(), target, plans, Vec::new(), Timestamp::from_micros(9))
    }

    #[test]
    fn a_new_incident_gets_one_plan_that_waits_for_approval() {
        let Assessment::New(plan) = assessed(there(), &[]) else { panic!("no plan") };
        assert_eq!(plan.state, PlanState::Ready);
        assert_eq!(plan.digest, plan::digest(&plan));
        assert_eq!(assessed(there(), &[*plan]), Assessment::Nothing);
    }

    #[test]
    fn a_ready_plan_for_another_target_is_superseded_and_a_running_one_is_left() {
        let ready = in_state(PlanState::Ready);
        let id = ready.id;
        assert_eq!(assessed(Target::Gone, &[ready]), Assessment::Supersede(id));
        assert_eq!(assessed(Target::Gone, &[in_state(PlanState::Running)]), Assessment::Nothing);
    }

    #[test]
    fn nothing_more_is_proposed_after_a_no_or_without_end() {
        for state in [PlanState::Cancelled, PlanState::Rejected, PlanState::InDoubt] {
            assert_eq!(assessed(there(), &[in_state(state)]), Assessment::Nothing);
        }
        let expired = vec![in_state(PlanState::Expired); MOST_PLANS];
        assert_eq!(assessed(there(), &expired), Assessment::Nothing);
        assert!(matches!(assessed(there(), &expired[1..]), Assessment::New(_)));
        assert_eq!(assessed(Target::Gone, &[]), Assessment::Nothing);
    }

    #[test]
    fn what_failed_before_is_told_as_a_rejected_plan() {
        let past = vec![PastAction {
            template: "restart_resource".into(),
            target: Fingerprint(Digest::of(b"target")),
            verdict: Verdict::Failed,
            step: "stp_1".into(),
        }];
        let failed = [in_state(PlanState::Failed)];
        let assessment = assess(&incident(), there(), &failed, past, Timestamp::from_micros(9));
        let Assessment::New(plan) = assessment else { panic!("nothing told") };
        assert_eq!((plan.state, plan.steps[0].state), (PlanState::Rejected, StepState::Void));
        assert_eq!(plan.refusal.unwrap().code, RefusalCode::FailedBefore);
    }
}
