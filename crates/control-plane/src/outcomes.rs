//! Applies what the executor reports of the steps that it was sent.

use overseer_contract::v1 as pb;
use overseer_contract::{BadWire, Event, required, to_json};
use overseer_model::{PlanId, StepId, Timestamp};
use overseer_runtime::{ApplyError, first_time};
use overseer_storage::Conn;

use crate::events::{Events, id, record};
use crate::plan;
use crate::step::StepEvent;
use crate::store::{self, StoredPlan};
use crate::wire;

/// What the executor reports of one step.
pub struct Report {
    plan: PlanId,
    step: StepId,
    attempt: u32,
    movement: StepEvent,
    detail: String,
    /// The contract's JSON.
    verification: Option<String>,
}

impl Report {
    pub fn started(started: pb::StepStarted) -> Result<Self, BadWire> {
        Self::of(started.step, StepEvent::Begun, String::new())
    }

    pub fn acted(acted: pb::StepActed) -> Result<Self, BadWire> {
        Self::of(acted.step, StepEvent::Acted, String::new())
    }

    pub fn verified(verified: pb::StepVerified) -> Result<Self, ApplyError> {
        let pb::StepVerified { step, verification } = verified;
        let verification = required(verification, "verification")?;
        let verdict = verification.verdict().try_into()?;
        let json = to_json(&verification).map_err(overseer_contract::BadEvent::Payload)?;
        let report = Self::of(step, StepEvent::Verified(verdict), String::new())?;
        Ok(Self { verification: Some(json), ..report })
    }

    pub fn failed(failed: pb::StepFailed) -> Result<Self, BadWire> {
        let movement = match failed.failure() {
            pb::StepFailure::TicketExpired => StepEvent::Returned,
            pb::StepFailure::TicketRefused
            | pb::StepFailure::TargetDrift
            | pb::StepFailure::RefusedByPlatform
            | pb::StepFailure::Precondition
            | pb::StepFailure::Unsupported
            | pb::StepFailure::Unspecified => StepEvent::Failed,
        };
        Self::of(failed.step, movement, failed.detail)
    }

    pub fn in_doubt(doubt: pb::StepInDoubt) -> Result<Self, BadWire> {
        Self::of(doubt.step, StepEvent::InDoubt, doubt.detail)
    }

    fn of(step: Option<pb::StepRef>, movement: StepEvent, detail: String) -> Result<Self, BadWire> {
        let pb::StepRef { step_id, plan_id, subject: _, attempt, action: _ } = required(step, "step")?;
        let (plan, step) = (id(&plan_id, "step.plan_id")?, id(&step_id, "step.step_id")?);
        Ok(Self { plan, step, attempt, movement, detail, verification: None })
    }
}

impl Events {
    pub async fn step_moved(&self, event: &Event, report: Report) -> Result<(), ApplyError> {
        let now = Timestamp::now();
        let Some(mut tx) = first_time(&self.base.db, event).await? else { return Ok(()) };
        if let Some(stored) = store::load_for_update(&mut tx.conn(), report.plan).await? {
            move_step(&mut tx.conn(), stored, report, event, now).await?;
        }
        self.commit(tx).await
    }
}

async fn move_step(
    conn: &mut Conn<'_>,
    stored: StoredPlan,
    report: Report,
    event: &Event,
    now: Timestamp,
) -> Result<(), ApplyError> {
    let StoredPlan { plan, trace } = stored;
    // A late report about an earlier ticket says nothing about the step as it is now.
    let current = plan.step(report.step).is_some_and(|step| step.attempt == report.attempt);
    let Some(mut next) = plan::advance(&plan, report.step, report.movement, event.at).filter(|_| current) else {
        let movement = report.movement.as_str();
        tracing::warn!(step = %report.step, attempt = report.attempt, movement, "stale step event ignored");
        return Ok(());
    };
    // The pause before a next ticket and the next step's approval count by this service's own clock.
    next.updated_at = now;
    if let Some(step) = next.steps.iter_mut().find(|step| step.id == report.step) {
        step.history.finished_at = step.history.finished_at.map(|_| now);
        step.history.detail = report.detail;
        if report.verification.is_some() {
            step.history.verification = report.verification;
        }
    }
    store::save(conn, &next).await?;
    record(conn, now, event.kind.as_str(), &report.step.to_string(), report.movement.as_str()).await?;
    if !next.state.is_active() {
        wire::announce(conn, &next, event.trace.as_ref().or(trace.as_ref()), now, &wire::finished(&next)).await?;
    }
    Ok(())
}
