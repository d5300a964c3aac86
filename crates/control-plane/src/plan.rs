//! Plans and steps, their lives, and the digest that an approval binds to.

use overseer_model::{
    Action, ApprovalId, Digest, Fingerprint, IncidentId, PlanId, Risk, Site, StepId, Timestamp, Verdict,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    Rejected,
    Ready,
    Running,
    Succeeded,
    Failed,
    InDoubt,
    Cancelled,
    Expired,
    Superseded,
}

impl PlanState {
    /// Whether something of it may still happen.
    #[must_use]
    pub const fn is_active(self) -> bool {
        match self {
            Self::Ready | Self::Running => true,
            Self::Rejected
            | Self::Succeeded
            | Self::Failed
            | Self::InDoubt
            | Self::Cancelled
            | Self::Expired
            | Self::Superseded => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    AwaitingApproval,
    Approved,
    Dispatched,
    Acting,
    Verifying,
    Passed,
    Failed,
    InDoubt,
    Denied,
    Expired,
    Void,
}

/// What moves a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepEvent {
    Approved,
    Denied,
    Dispatched,
    /// The executor's intent is durable.
    Begun,
    Acted,
    Verified(Verdict),
    /// The ticket came too late and nothing was done; a new one may be signed.
    Returned,
    /// It was refused, or the platform refused it.
    Failed,
    InDoubt,
    /// The approval ended before anything was done.
    ApprovalEnded,
    /// The incident ended, the target changed, or an earlier step did not pass.
    Voided,
}

impl StepState {
    /// The state after `event`; `None` when the event means nothing here. What the executor says may overtake itself,
    /// so a later word of its is taken in each state before the end.
    #[must_use]
    pub const fn after(self, event: StepEvent) -> Option<Self> {
        use StepEvent as E;
        match (self, event) {
            (Self::AwaitingApproval, E::Approved) => Some(Self::Approved),
            (Self::AwaitingApproval, E::Denied) => Some(Self::Denied),
            (Self::AwaitingApproval | Self::Approved, E::Voided) => Some(Self::Void),
            (Self::Approved, E::Dispatched) => Some(Self::Dispatched),
            (Self::Approved, E::ApprovalEnded) => Some(Self::Expired),
            (Self::Dispatched, E::Begun) => Some(Self::Acting),
            (Self::Dispatched | Self::Acting, E::Acted) => Some(Self::Verifying),
            (Self::Dispatched | Self::Acting, E::Returned) => Some(Self::Approved),
            (Self::Dispatched | Self::Acting | Self::Verifying, E::Verified(Verdict::Passed)) => Some(Self::Passed),
            (
                Self::Dispatched | Self::Acting | Self::Verifying,
                E::Verified(Verdict::Failed | Verdict::Inconclusive) | E::Failed,
            ) => Some(Self::Failed),
            (Self::Dispatched | Self::Acting | Self::Verifying, E::InDoubt) => Some(Self::InDoubt),
            (
                Self::AwaitingApproval,
                E::Dispatched
                | E::Begun
                | E::Acted
                | E::Verified(_)
                | E::Returned
                | E::Failed
                | E::InDoubt
                | E::ApprovalEnded,
            )
            | (
                Self::Approved,
                E::Approved | E::Denied | E::Begun | E::Acted | E::Verified(_) | E::Returned | E::Failed | E::InDoubt,
            )
            | (Self::Dispatched, E::Approved | E::Denied | E::Dispatched | E::ApprovalEnded | E::Voided)
            | (Self::Acting, E::Approved | E::Denied | E::Dispatched | E::Begun | E::ApprovalEnded | E::Voided)
            | (
                Self::Verifying,
                E::Approved
                | E::Denied
                | E::Dispatched
                | E::Begun
                | E::Acted
                | E::Returned
                | E::ApprovalEnded
                | E::Voided,
            )
            | (
                Self::Passed | Self::Failed | Self::InDoubt | Self::Denied | Self::Expired | Self::Void,
                E::Approved
                | E::Denied
                | E::Dispatched
                | E::Begun
                | E::Acted
                | E::Verified(_)
                | E::Returned
                | E::Failed
                | E::InDoubt
                | E::ApprovalEnded
                | E::Voided,
            ) => None,
        }
    }

    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Passed | Self::Failed | Self::InDoubt | Self::Denied | Self::Expired | Self::Void => true,
            Self::AwaitingApproval | Self::Approved | Self::Dispatched | Self::Acting | Self::Verifying => false,
        }
    }
}

/// The state of a plan that was not rejected, from its steps. While one of them may still move, so may the plan.
#[must_use]
pub fn state_of(steps: &[StepState]) -> PlanState {
    let any = |state| steps.contains(&state);
    if steps.iter().all(|state| *state == StepState::AwaitingApproval) {
        PlanState::Ready
    } else if !steps.iter().all(|state| state.is_final()) {
        PlanState::Running
    } else if any(StepState::InDoubt) {
        PlanState::InDoubt
    } else if any(StepState::Failed) {
        PlanState::Failed
    } else if any(StepState::Denied) {
        PlanState::Cancelled
    } else if any(StepState::Expired) {
        PlanState::Expired
    } else if any(StepState::Void) {
        PlanState::Superseded
    } else {
        PlanState::Succeeded
    }
}

/// Why something was refused, and what would change it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub code: RefusalCode,
    pub reason: String,
    pub what_would_change_it: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    FailedBefore,
    NotOfThisSituation,
    TooManySteps,
}

impl RefusalCode {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FailedBefore => "failed_before",
            Self::NotOfThisSituation => "not_of_this_situation",
            Self::TooManySteps => "too_many_steps",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub id: PlanId,
    pub incident: IncidentId,
    /// The fingerprint of the incident's trouble, for what is remembered about fixes.
    pub trouble: Fingerprint,
    pub site: Site,
    pub state: PlanState,
    pub digest: Digest,
    pub title: String,
    pub playbook: String,
    pub policy_version: String,
    pub target_id: String,
    /// Of the target as it was when the plan was made.
    pub target: Fingerprint,
    pub refusal: Option<Refusal>,
    pub steps: Vec<Step>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub id: StepId,
    /// From 1.
    pub position: u32,
    pub state: StepState,
    pub action: Action,
    pub risk: Risk,
    /// Tickets signed so far.
    pub attempt: u32,
    pub history: History,
}

/// When what happened to a step, for the action history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    pub started_at: Option<Timestamp>,
    pub acted_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub verdict: Option<Verdict>,
    /// The executor's verification, as the contract's JSON.
    pub verification: Option<String>,
    pub detail: String,
}

/// One person's consent to one step of one exact plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    pub id: ApprovalId,
    pub step: StepId,
    pub plan_digest: Digest,
    pub action: Action,
    pub target: Fingerprint,
    pub policy_version: String,
    pub approver: String,
    pub approved_at: Timestamp,
    pub expires_at: Timestamp,
    pub nonce: String,
}

/// Digest of the exact plan and of the state that it was made on.
#[must_use]
pub fn digest(plan: &Plan) -> Digest {
    let Plan {
        id,
        incident,
        trouble,
        site,
        state: _,
        digest: _,
        title: _,
        playbook,
        policy_version,
        target_id,
        target,
        refusal: _,
        steps,
        created_at: _,
        updated_at: _,
    } = plan;
    let mut parts = vec![
        id.to_string(),
        incident.to_string(),
        trouble.to_string(),
        site.to_string(),
        playbook.clone(),
        policy_version.clone(),
        target_id.clone(),
        target.to_string(),
    ];
    for Step { id, position, state: _, action, risk, attempt: _, history: _ } in steps {
        // Plain data with string keys always has a JSON, and serde writes its fields in one order.
        let action = serde_json::to_string(action).unwrap_or_default();
        parts.extend([id.to_string(), position.to_string(), action, format!("{risk:?}")]);
    }
    Digest::of_parts(&parts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Moves one step, voids what can no longer follow, and says the plan's state. `None` when the event means nothing.
#[must_use]
pub fn advance(plan: &Plan, step: StepId, event: StepEvent, now: Timestamp) -> Option<Plan> {
    let mut next = plan.clone();
    let moved = next.steps.iter_mut().find(|candidate| candidate.id == step)?;
    moved.state = moved.state.after(event)?;
    match event {
        StepEvent::Begun => moved.history.started_at = Some(now),
        StepEvent::Acted => moved.history.acted_at = Some(now),
        StepEvent::Verified(verdict) => moved.history.verdict = Some(verdict),
        StepEvent::Approved
        | StepEvent::Denied
        | StepEvent::Returned
        | StepEvent::Failed
        | StepEvent::InDoubt
        | StepEvent::ApprovalEnded
        | StepEvent::Voided => {}
        StepEvent::Dispatched => moved.attempt = moved.attempt.saturating_add(1),
    }
    let ended_badly = moved.state.is_final() && moved.state != StepState::Passed;
    if moved.state.is_final() {
        moved.history.finished_at = Some(now);
    }
    if ended_badly {
        for other in &mut next.steps {
            if let Some(void) = other.state.after(StepEvent::Voided) {
                other.state = void;
                other.history.finished_at = Some(now);
            }
        }
    }
    next.state = state_of(&next.steps.iter().map(|step| step.state).collect::<Vec<_>>());
    next.updated_at = now;
    Some(next)
}

/// The step that may be dispatched now: approved, and all before it passed.
#[must_use]
pub fn next_to_dispatch(plan: &Plan) -> Option<&Step> {
    let step = plan.steps.iter().find(|step| step.state != StepState::Passed)?;
    (step.state == StepState::Approved).then_some(step)
}

#[cfg(test)]
pub mod tests {
    use overseer_model::{Provider, ResourceKind, ResourceRef};
    use proptest::prelude::*;

    use super::*;

    pub fn resource() -> ResourceRef {
        ResourceRef {
            site: "home".parse().unwrap(),
            provider: Provider::Docker,
            kind: ResourceKind::Container,
            id: "c1".into(),
            name: "web".into(),
        }
    }

    pub fn plan(steps: u32) -> Plan {
        let now = Timestamp::from_micros(1);
        let target = Fingerprint(Digest::of(b"target"));
        let mut plan = Plan {
            id: PlanId::fresh(),
            incident: IncidentId::fresh(),
            trouble: Fingerprint(Digest::of(b"trouble")),
            site: "home".parse().unwrap(),
            state: PlanState::Ready,
            digest: Digest::of(b""),
            title: "restart web".into(),
            playbook: "restart".into(),
            policy_version: "guide-1".into(),
            target_id: "c1".into(),
            target,
            refusal: None,
            steps: (1..=steps)
                .map(|position| Step {
                    id: StepId::fresh(),
                    position,
                    state: StepState::AwaitingApproval,
                    action: Action::RestartResource { target: resource() },
                    risk: Risk::D2,
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
                prop_assert_eq!(next.state.is_active(), next.steps.iter().any(|step| !step.state.is_final()));
                plan = next;
            }
        }
    }

    #[test]
    fn the_digest_covers_target_action_and_policy() {
        let plan = plan(1);
        let mut other = plan.clone();
        other.target = Fingerprint(Digest::of(b"another"));
        assert_ne!(digest(&plan), digest(&other));
        let mut other = plan.clone();
        other.steps[0].action = Action::RestartResource { target: ResourceRef { id: "c2".into(), ..resource() } };
        assert_ne!(digest(&plan), digest(&other));
        let mut other = plan.clone();
        other.policy_version = "assist-1".into();
        assert_ne!(digest(&plan), digest(&other));
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
}
