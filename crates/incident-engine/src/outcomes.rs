//! Applies what became of plans and steps: the story goes on, and a verified fix resolves the incident.

use std::sync::Arc;

use async_trait::async_trait;
use overseer_contract::v1 as pb;
use overseer_contract::{BadWire, Event, required};
use overseer_model::{EventKind, IncidentId, Timestamp, Verdict};
use overseer_runtime::{ApplyError, Base, Consumer, first_time};
use tokio::sync::Notify;

use crate::incident::{self, Event as Move, Moment, State, What};
use crate::{store, wire};

pub const KINDS: &[EventKind] = &[
    EventKind::PlanReady,
    EventKind::PlanRejected,
    EventKind::PlanFinished,
    EventKind::ApprovalGranted,
    EventKind::ApprovalDenied,
    EventKind::StepStarted,
    EventKind::StepActed,
    EventKind::StepVerified,
    EventKind::StepFailed,
    EventKind::StepInDoubt,
];

pub struct OutcomeConsumer {
    pub base: Base,
    pub changed: Arc<Notify>,
}

/// What an event means to an incident.
struct Told {
    incident: IncidentId,
    what: What,
    movement: Option<Move>,
}

#[async_trait]
impl Consumer for OutcomeConsumer {
    async fn apply(&self, event: &Event) -> Result<(), ApplyError> {
        let Some(told) = read(event)? else { return Ok(()) };
        let now = Timestamp::now();
        let Some(mut tx) = first_time(&self.base.db, event).await? else { return Ok(()) };
        let Some(kept) = store::by_id(&mut tx.conn(), told.incident).await? else { return Ok(()) };
        let moved = told.movement.and_then(|movement| incident::advance(&kept.incident, movement, now));
        let next = moved.clone().unwrap_or_else(|| incident::Incident { updated_at: now, ..kept.incident.clone() });
        let moment = Moment { at: event.at, what: told.what, evidence: Vec::new() };
        store::save(&mut tx.conn(), &next, &[moment], kept.trace.as_ref()).await?;
        if let Some(moved) = moved {
            let (conn, trace) = (&mut tx.conn(), event.trace.clone());
            match moved.state {
                State::Resolved => wire::announce(conn, &moved, trace, now, &wire::resolved(&moved)).await?,
                State::Open | State::Resolving => {
                    wire::announce(conn, &moved, trace, now, &wire::updated(&moved)).await?;
                }
            }
        }
        tx.commit().await?;
        self.base.relay.wake();
        self.changed.notify_one();
        Ok(())
    }
}

fn read(event: &Event) -> Result<Option<Told>, ApplyError> {
    let told = match event.kind {
        EventKind::PlanReady => {
            let plan = required(event.payload::<pb::PlanReady>()?.plan, "plan")?;
            let what = What::Proposed { plan: id(&plan.id, "plan.id")?, title: plan.title };
            (plan.incident_id, what, None)
        }
        EventKind::PlanRejected => {
            let plan = required(event.payload::<pb::PlanRejected>()?.plan, "plan")?;
            let reason = plan.refusal.map(|refusal| refusal.reason).unwrap_or_default();
            let what = What::Refused { plan: id(&plan.id, "plan.id")?, reason };
            (plan.incident_id, what, None)
        }
        EventKind::PlanFinished => {
            let plan = required(event.payload::<pb::PlanFinished>()?.plan, "plan")?;
            let reason = match plan.state() {
                pb::PlanState::Expired => "the approval ended before it could be carried out",
                pb::PlanState::Superseded => "its target changed or its incident ended",
                // The step's own events have told these.
                pb::PlanState::Succeeded
                | pb::PlanState::Failed
                | pb::PlanState::InDoubt
                | pb::PlanState::Cancelled
                | pb::PlanState::Rejected
                | pb::PlanState::Ready
                | pb::PlanState::Running
                | pb::PlanState::Unspecified => return Ok(None),
            };
            let what = What::StepFailed { reason: reason.to_owned() };
            (plan.incident_id, what, Some(Move::StepAbandoned))
        }
        EventKind::ApprovalGranted => {
            let granted: pb::ApprovalGranted = event.payload()?;
            let what = What::Approved { plan: id(&granted.plan_id, "plan_id")?, by: granted.approved_by };
            (granted.incident_id, what, None)
        }
        EventKind::ApprovalDenied => {
            let denied: pb::ApprovalDenied = event.payload()?;
            let what = What::Denied { plan: id(&denied.plan_id, "plan_id")?, by: denied.denied_by };
            (denied.incident_id, what, None)
        }
        EventKind::StepStarted => {
            let step = required(event.payload::<pb::StepStarted>()?.step, "step")?;
            (step.incident_id, What::Begun, Some(Move::StepBegun))
        }
        EventKind::StepActed => {
            let step = required(event.payload::<pb::StepActed>()?.step, "step")?;
            (step.incident_id, What::Acted, None)
        }
        EventKind::StepVerified => {
            let pb::StepVerified { step, verification } = event.payload()?;
            let (verdict, checks) = verification_of(required(verification, "verification")?)?;
            let movement = match verdict {
                Verdict::Passed => Move::RecoveryProven,
                Verdict::Failed | Verdict::Inconclusive => Move::StepInVain,
            };
            (required(step, "step")?.incident_id, What::Verified { verdict, checks }, Some(movement))
        }
        EventKind::StepFailed => {
            let failed: pb::StepFailed = event.payload()?;
            let Some((reason, movement)) = failure(failed.failure()) else { return Ok(None) };
            let what = What::StepFailed { reason: reason.to_owned() };
            (required(failed.step, "step")?.incident_id, what, Some(movement))
        }
        EventKind::StepInDoubt => {
            let step = required(event.payload::<pb::StepInDoubt>()?.step, "step")?;
            (step.incident_id, What::InDoubt, Some(Move::StepInVain))
        }
        EventKind::FactBatch
        | EventKind::LogSignatures
        | EventKind::ResourceChanged
        | EventKind::IncidentDetected
        | EventKind::IncidentUpdated
        | EventKind::IncidentResolved
        | EventKind::ApprovalRequired
        | EventKind::StepDispatched => return Ok(None),
    };
    let (incident, what, movement) = told;
    Ok(Some(Told { incident: id(&incident, "incident_id")?, what, movement }))
}

fn id<T: std::str::FromStr>(text: &str, field: &'static str) -> Result<T, BadWire> {
    text.parse().map_err(|_| BadWire { field })
}

/// `None` for a failure that the control plane answers with a new ticket.
const fn failure(failure: pb::StepFailure) -> Option<(&'static str, Move)> {
    match failure {
        pb::StepFailure::TicketExpired => None,
        pb::StepFailure::RefusedByPlatform => Some(("the platform refused it", Move::StepInVain)),
        pb::StepFailure::TargetDrift => {
            Some(("the target is not the one that was approved; nothing was done", Move::StepAbandoned))
        }
        pb::StepFailure::TicketRefused | pb::StepFailure::Unspecified => {
            Some(("the executor refused the ticket; nothing was done", Move::StepAbandoned))
        }
    }
}

fn verification_of(verification: pb::Verification) -> Result<(Verdict, Vec<(String, Verdict)>), BadWire> {
    let checks = verification
        .checks
        .iter()
        .map(|check| Ok((check.name.clone(), check.verdict().try_into()?)))
        .collect::<Result<_, BadWire>>()?;
    Ok((verification.verdict().try_into()?, checks))
}
