//! Plans and their steps, the digest that an approval binds to, and how a plan moves.

use std::time::Duration;

use overseer_model::{
    Action, ApprovalId, Digest, Fingerprint, PlanId, Precondition, Risk, Site, StepId, Subject, Timestamp, Verdict,
};
use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;
use crate::step::{StepEvent, StepState};

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
    /// Whether something of it may still happen by itself or by an approval.
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

/// The state of a plan that was not rejected, from its steps. While one of them may still move, so may the plan.
#[must_use]
pub fn state_of(steps: &[StepState]) -> PlanState {
    let any = |state| steps.contains(&state);
    if steps.iter().all(|state| *state == StepState::AwaitingApproval) {
        PlanState::Ready
    } else if any(StepState::InDoubt) {
        PlanState::InDoubt
    } else if !steps.iter().all(|state| state.is_final()) {
        PlanState::Running
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub id: PlanId,
    pub subject: Subject,
    /// The fingerprint of the incident's trouble, for what is remembered about fixes; only a plan for an incident has one.
    pub trouble: Option<Fingerprint>,
    pub state: PlanState,
    pub digest: Digest,
    pub title: String,
    pub playbook: String,
    pub policy_version: String,
    pub refusal: Option<Refusal>,
    /// 1 to 20.
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
    /// Of the step's target as it was when the plan was made.
    pub target: Fingerprint,
    pub preconditions: Vec<Precondition>,
    pub approval: Option<Approval>,
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
    pub plan_digest: Digest,
    pub action: Action,
    pub target: Fingerprint,
    pub policy_version: String,
    pub approver: String,
    pub approved_at: Timestamp,
    /// How long it is good once the step's turn has come.
    pub valid: Duration,
    pub nonce: String,
}

impl Plan {
    /// The site of its events: that of its first step's target.
    #[must_use]
    pub fn site(&self) -> Option<&Site> {
        self.steps.first().map(|step| step.action.target().site())
    }

    #[must_use]
    pub fn step(&self, id: StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// When the approval of `step` ends. Its time runs from the approval, or from the end of the step before where that is
    /// later, so that a long plan does not expire half done; `None` before its turn and without an approval.
    #[must_use]
    pub fn approval_ends(&self, step: &Step) -> Option<Timestamp> {
        let approval = step.approval.as_ref()?;
        let before = self.steps.iter().rev().find(|other| other.position < step.position);
        let turn = match before {
            None => approval.approved_at,
            Some(before) if before.state == StepState::Passed => before.history.finished_at?,
            Some(_) => return None,
        };
        Some(turn.max(approval.approved_at) + approval.valid)
    }
}

/// The version of the digest's input. A digest of another version equals none of this build's, so a plan that an older
/// build made cannot be approved or carried out by this one.
const DIGEST_VERSION: &str = "plan/2";

/// Digest of the exact plan and of the state that it was made on.
#[must_use]
pub fn digest(plan: &Plan) -> Digest {
    let Plan {
        id,
        subject,
        trouble,
        state: _,
        digest: _,
        title: _,
        playbook,
        policy_version,
        refusal: _,
        steps,
        created_at: _,
        updated_at: _,
    } = plan;
    let mut parts = vec![
        DIGEST_VERSION.to_owned(),
        id.to_string(),
        subject.to_string(),
        trouble.map(|trouble| trouble.to_string()).unwrap_or_default(),
        playbook.clone(),
        policy_version.clone(),
    ];
    for step in steps {
        let Step { id, position, state: _, action, risk, target, preconditions, approval: _, attempt: _, history: _ } =
            step;
        // Plain data with string keys always has a JSON, and serde writes its fields in one order.
        let action = serde_json::to_string(action).unwrap_or_default();
        let preconditions = serde_json::to_string(preconditions).unwrap_or_default();
        let (id, position, target) = (id.to_string(), position.to_string(), target.to_string());
        parts.extend([id, position, action, risk.as_str().to_owned(), target, preconditions]);
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
        StepEvent::Dispatched => moved.attempt = moved.attempt.saturating_add(1),
        StepEvent::Approved
        | StepEvent::Denied
        | StepEvent::Returned
        | StepEvent::Failed
        | StepEvent::InDoubt
        | StepEvent::Resolved(_)
        | StepEvent::ApprovalEnded
        | StepEvent::Voided => {}
    }
    // What follows a step in doubt waits for a person, as the step does.
    let ended_badly = moved.state.is_final() && moved.state != StepState::Passed;
    if moved.state.is_final() || moved.state == StepState::InDoubt {
        moved.history.finished_at = Some(now);
    }
    if ended_badly {
        void_rest(&mut next.steps, now);
    }
    next.state = state_of(&next.steps.iter().map(|step| step.state).collect::<Vec<_>>());
    next.updated_at = now;
    Some(next)
}

fn void_rest(steps: &mut [Step], now: Timestamp) {
    for step in steps {
        if let Some(void) = step.state.after(StepEvent::Voided) {
            step.state = void;
            step.history.finished_at = Some(now);
        }
    }
}

/// The step whose turn it is: the first that did not pass. Only this one is ever dispatched.
#[must_use]
pub fn under_way(plan: &Plan) -> Option<&Step> {
    plan.steps.iter().find(|step| step.state != StepState::Passed)
}

#[cfg(test)]
pub mod tests;
