//! Plans and actions as the contract says them, and the events about them.

use overseer_contract::v1 as pb;
use overseer_contract::{BadWire, Event, EventPayload, TraceParent, from_json, to_timestamp};
use overseer_model::{Site, Timestamp};
use overseer_runtime::ApplyError;
use overseer_storage::{Conn, outbox};

use crate::plan::{Plan, PlanState, Step};
use crate::refusal::Refusal;
use crate::step::{Resolution, StepState};

impl From<PlanState> for pb::PlanState {
    fn from(state: PlanState) -> Self {
        match state {
            PlanState::Rejected => Self::Rejected,
            PlanState::Ready => Self::Ready,
            PlanState::Running => Self::Running,
            PlanState::Succeeded => Self::Succeeded,
            PlanState::Failed => Self::Failed,
            PlanState::InDoubt => Self::InDoubt,
            PlanState::Cancelled => Self::Cancelled,
            PlanState::Expired => Self::Expired,
            PlanState::Superseded => Self::Superseded,
        }
    }
}

/// The state that a list is narrowed to; `None` for all.
pub fn state_filter(number: i32) -> Option<PlanState> {
    match pb::PlanState::try_from(number) {
        Ok(pb::PlanState::Rejected) => Some(PlanState::Rejected),
        Ok(pb::PlanState::Ready) => Some(PlanState::Ready),
        Ok(pb::PlanState::Running) => Some(PlanState::Running),
        Ok(pb::PlanState::Succeeded) => Some(PlanState::Succeeded),
        Ok(pb::PlanState::Failed) => Some(PlanState::Failed),
        Ok(pb::PlanState::InDoubt) => Some(PlanState::InDoubt),
        Ok(pb::PlanState::Cancelled) => Some(PlanState::Cancelled),
        Ok(pb::PlanState::Expired) => Some(PlanState::Expired),
        Ok(pb::PlanState::Superseded) => Some(PlanState::Superseded),
        Ok(pb::PlanState::Unspecified) | Err(_) => None,
    }
}

impl From<StepState> for pb::StepState {
    fn from(state: StepState) -> Self {
        match state {
            StepState::AwaitingApproval => Self::AwaitingApproval,
            StepState::Approved => Self::Approved,
            StepState::Dispatched => Self::Dispatched,
            StepState::Acting => Self::Acting,
            StepState::Verifying => Self::Verifying,
            StepState::Passed => Self::Passed,
            StepState::Failed => Self::Failed,
            StepState::InDoubt => Self::InDoubt,
            StepState::Denied => Self::Denied,
            StepState::Expired => Self::Expired,
            StepState::Void => Self::Void,
        }
    }
}

impl From<Plan> for pb::Plan {
    fn from(plan: Plan) -> Self {
        let steps = plan.steps.iter().map(|step| step_of(&plan, step)).collect();
        // The digest covers the trouble, which is the incident's own.
        let Plan {
            id,
            subject,
            trouble: _,
            state,
            digest,
            title,
            playbook,
            policy_version,
            refusal,
            steps: _,
            created_at,
            updated_at,
        } = plan;
        Self {
            id: id.to_string(),
            subject: Some(subject.into()),
            state: pb::PlanState::from(state).into(),
            digest: digest.to_string(),
            title,
            playbook,
            policy_version,
            steps,
            refusal: refusal.map(|Refusal { code, reason, what_would_change_it }| pb::Refusal {
                code: code.as_str().to_owned(),
                reason,
                what_would_change_it,
            }),
            created_at: Some(to_timestamp(created_at)),
            updated_at: Some(to_timestamp(updated_at)),
        }
    }
}

fn step_of(plan: &Plan, step: &Step) -> pb::Step {
    let expires_at = plan.approval_ends(step).map(to_timestamp);
    // Approval, attempts and the rest of the history are in the action history.
    let Step { id, position, state, action, risk, target, preconditions, approval: _, attempt: _, history } =
        step.clone();
    pb::Step {
        id: id.to_string(),
        position,
        state: pb::StepState::from(state).into(),
        action: Some(action.into()),
        risk: pb::Risk::from(risk).into(),
        target_fingerprint: target.to_string(),
        preconditions: preconditions.into_iter().map(Into::into).collect(),
        expires_at,
        verdict: history.verdict.map(|verdict| pb::Verdict::from(verdict).into()),
    }
}

/// What a person says of a step in doubt; `None` when nothing was said.
pub fn resolution(number: i32) -> Option<Resolution> {
    match pb::StepResolution::try_from(number) {
        Ok(pb::StepResolution::Done) => Some(Resolution::Done),
        Ok(pb::StepResolution::NotDone) => Some(Resolution::NotDone),
        Ok(pb::StepResolution::Unspecified) | Err(_) => None,
    }
}

/// One executed step with its approval, for the action history.
pub fn action_record(plan: &Plan, step: Step) -> pb::ActionRecord {
    let Step { id, position: _, state, action, risk: _, target: _, preconditions: _, approval, attempt: _, history } =
        step;
    let (approved_by, approved_at) = approval.map(|approval| (approval.approver, approval.approved_at)).unzip();
    pb::ActionRecord {
        step_id: id.to_string(),
        plan_id: plan.id.to_string(),
        subject: Some(plan.subject.into()),
        state: pb::StepState::from(state).into(),
        action: Some(action.into()),
        approved_by: approved_by.unwrap_or_default(),
        approved_at: approved_at.map(to_timestamp),
        started_at: history.started_at.map(to_timestamp),
        acted_at: history.acted_at.map(to_timestamp),
        finished_at: history.finished_at.map(to_timestamp),
        verification: history.verification.and_then(|text| from_json(&text).ok()),
        detail: history.detail,
    }
}

/// Writes an event about a plan to the outbox, in the order of that plan's events.
pub async fn announce<P: EventPayload>(
    conn: &mut Conn<'_>,
    plan: &Plan,
    trace: Option<&TraceParent>,
    now: Timestamp,
    payload: &P,
) -> Result<(), ApplyError> {
    let site = plan.site().ok_or(BadWire { field: "plan.steps" })?;
    announce_at(conn, site, plan, trace, now, payload).await
}

/// The same for one site.
pub async fn announce_at<P: EventPayload>(
    conn: &mut Conn<'_>,
    site: &Site,
    plan: &Plan,
    trace: Option<&TraceParent>,
    now: Timestamp,
    payload: &P,
) -> Result<(), ApplyError> {
    let event = Event::new(site.clone(), plan.id.to_string(), now, trace.cloned(), payload)?;
    Ok(outbox::put(conn, &event).await?)
}

pub fn finished(plan: &Plan) -> pb::PlanFinished {
    pb::PlanFinished { plan: Some(plan.clone().into()) }
}
