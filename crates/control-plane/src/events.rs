//! Applies what the incident engine and the executor say: incidents become plans, outcomes move steps.

use std::sync::Arc;

use async_trait::async_trait;
use overseer_contract::v1 as pb;
use overseer_contract::{BadWire, Event, required, to_json};
use overseer_model::{EventKind, IncidentId, PlanId, StepId, Timestamp};
use overseer_runtime::{ApplyError, Base, Consumer, first_time};
use overseer_storage::{Conn, StoreError, Tx, audit};
use tokio::sync::Notify;

use crate::assess::{Assessment, Incident, assess};
use crate::plan::{self, Plan, PlanState, StepEvent};
use crate::store::Kept;
use crate::targets::Targets;
use crate::{store, wire};

pub const KINDS: &[EventKind] = &[
    EventKind::IncidentDetected,
    EventKind::IncidentUpdated,
    EventKind::IncidentResolved,
    EventKind::StepStarted,
    EventKind::StepActed,
    EventKind::StepVerified,
    EventKind::StepFailed,
    EventKind::StepInDoubt,
];

pub struct Events {
    pub base: Base,
    pub targets: Targets,
    /// Wakes the dispatcher: a step came back, or another may follow.
    pub approved: Arc<Notify>,
}

#[async_trait]
impl Consumer for Events {
    async fn apply(&self, event: &Event) -> Result<(), ApplyError> {
        match event.kind {
            EventKind::IncidentDetected => self.assess(event, event.payload::<pb::IncidentDetected>()?.incident).await,
            EventKind::IncidentUpdated => self.assess(event, event.payload::<pb::IncidentUpdated>()?.incident).await,
            EventKind::IncidentResolved => {
                let incident = required(event.payload::<pb::IncidentResolved>()?.incident, "incident")?;
                self.close(event, id(&incident.id, "incident.id")?).await
            }
            EventKind::StepStarted => {
                let started: pb::StepStarted = event.payload()?;
                self.step(event, Report::of(started.step, StepEvent::Begun, String::new())?).await
            }
            EventKind::StepActed => {
                let acted: pb::StepActed = event.payload()?;
                self.step(event, Report::of(acted.step, StepEvent::Acted, String::new())?).await
            }
            EventKind::StepVerified => self.step(event, verified(event)?).await,
            EventKind::StepFailed => {
                let failed: pb::StepFailed = event.payload()?;
                let movement = match failed.failure() {
                    pb::StepFailure::TicketExpired => StepEvent::Returned,
                    pb::StepFailure::TicketRefused
                    | pb::StepFailure::TargetDrift
                    | pb::StepFailure::RefusedByPlatform
                    | pb::StepFailure::Unspecified => StepEvent::Failed,
                };
                self.step(event, Report::of(failed.step, movement, failed.detail)?).await
            }
            EventKind::StepInDoubt => {
                let doubt: pb::StepInDoubt = event.payload()?;
                self.step(event, Report::of(doubt.step, StepEvent::InDoubt, doubt.detail)?).await
            }
            EventKind::FactBatch
            | EventKind::LogSignatures
            | EventKind::ResourceChanged
            | EventKind::PlanRejected
            | EventKind::PlanReady
            | EventKind::PlanFinished
            | EventKind::ApprovalRequired
            | EventKind::ApprovalGranted
            | EventKind::ApprovalDenied
            | EventKind::StepDispatched => Ok(()),
        }
    }
}

/// What the executor says of one step.
struct Report {
    plan: PlanId,
    step: StepId,
    attempt: u32,
    movement: StepEvent,
    detail: String,
    /// The contract's JSON.
    verification: Option<String>,
}

impl Report {
    fn of(step: Option<pb::StepRef>, movement: StepEvent, detail: String) -> Result<Self, BadWire> {
        let pb::StepRef { step_id, plan_id, incident_id: _, attempt } = required(step, "step")?;
        Ok(Self {
            plan: id(&plan_id, "step.plan_id")?,
            step: id(&step_id, "step.step_id")?,
            attempt,
            movement,
            detail,
            verification: None,
        })
    }
}

fn verified(event: &Event) -> Result<Report, ApplyError> {
    let pb::StepVerified { step, verification } = event.payload()?;
    let verification = required(verification, "verification")?;
    let verdict = verification.verdict().try_into()?;
    let json = to_json(&verification).map_err(overseer_contract::BadEvent::Payload)?;
    let report = Report::of(step, StepEvent::Verified(verdict), String::new())?;
    Ok(Report { verification: Some(json), ..report })
}

fn id<T: std::str::FromStr>(text: &str, field: &'static str) -> Result<T, BadWire> {
    text.parse().map_err(|_| BadWire { field })
}

fn incident(wire: pb::Incident) -> Result<Incident, BadWire> {
    Ok(Incident {
        id: id(&wire.id, "incident.id")?,
        trouble: id(&wire.fingerprint, "incident.fingerprint")?,
        detector: wire.detector(),
        resource: required(wire.resource, "incident.resource")?.try_into()?,
    })
}

impl Events {
    async fn assess(&self, event: &Event, wire: Option<pb::Incident>) -> Result<(), ApplyError> {
        let incident = incident(required(wire, "incident")?)?;
        let target = self.targets.look(&incident.resource.id).await?;
        let now = Timestamp::now();
        let Some(mut tx) = first_time(&self.base.db, event).await? else { return Ok(()) };
        let plans = store::of_incident(&mut tx.conn(), incident.id).await?;
        let past = store::past(&mut tx.conn(), incident.trouble).await?;
        let plans: Vec<Plan> = plans.into_iter().map(|kept| kept.plan).collect();
        match assess(&incident, target, &plans, past, now) {
            Assessment::Nothing => {}
            Assessment::New(plan) => self.keep(&mut tx, event, &plan, now).await?,
            Assessment::Supersede(id) => supersede(&mut tx.conn(), id, now).await?,
        }
        self.commit(tx).await
    }

    async fn keep(&self, tx: &mut Tx, event: &Event, plan: &Plan, now: Timestamp) -> Result<(), ApplyError> {
        let trace = event.trace.as_ref();
        store::insert(&mut tx.conn(), plan, trace).await?;
        let wire = Some(plan.clone().into());
        let conn = &mut tx.conn();
        if plan.state == PlanState::Rejected {
            record(conn, now, "plan.rejected", &plan.id.to_string(), plan.refusal_code()).await?;
            wire::announce(conn, plan, trace, now, &pb::PlanRejected { plan: wire }).await
        } else {
            record(conn, now, "plan.ready", &plan.id.to_string(), &plan.digest.to_string()).await?;
            wire::announce(conn, plan, trace, now, &pb::PlanReady { plan: wire.clone() }).await?;
            wire::announce(conn, plan, trace, now, &pb::ApprovalRequired { plan: wire }).await
        }
    }

    /// The incident is over: what was not sent to the executor yet is void.
    async fn close(&self, event: &Event, incident: IncidentId) -> Result<(), ApplyError> {
        let now = Timestamp::now();
        let Some(mut tx) = first_time(&self.base.db, event).await? else { return Ok(()) };
        for Kept { plan, .. } in store::of_incident(&mut tx.conn(), incident).await? {
            if plan.state.is_active() {
                supersede(&mut tx.conn(), plan.id, now).await?;
            }
        }
        self.commit(tx).await
    }

    async fn step(&self, event: &Event, report: Report) -> Result<(), ApplyError> {
        let now = Timestamp::now();
        let Some(mut tx) = first_time(&self.base.db, event).await? else { return Ok(()) };
        if let Some(kept) = store::load_for_update(&mut tx.conn(), report.plan).await? {
            move_step(&mut tx.conn(), kept, report, event, now).await?;
        }
        self.commit(tx).await
    }

    async fn commit(&self, tx: Tx) -> Result<(), ApplyError> {
        tx.commit().await?;
        self.base.relay.wake();
        self.approved.notify_one();
        Ok(())
    }
}

async fn move_step(
    conn: &mut Conn<'_>,
    kept: Kept,
    report: Report,
    event: &Event,
    now: Timestamp,
) -> Result<(), ApplyError> {
    // A late word about an earlier ticket says nothing about the step as it is now.
    let current = kept.plan.steps.iter().any(|step| step.id == report.step && step.attempt == report.attempt);
    let Some(mut next) = plan::advance(&kept.plan, report.step, report.movement, event.at).filter(|_| current) else {
        tracing::warn!(step = %report.step, movement = ?report.movement, "a word about a step came too late for it");
        return Ok(());
    };
    // The pause before a next ticket counts by this service's own clock.
    next.updated_at = now;
    if let Some(step) = next.steps.iter_mut().find(|step| step.id == report.step) {
        step.history.detail = report.detail;
        if report.verification.is_some() {
            step.history.verification = report.verification;
        }
    }
    store::save(conn, &next).await?;
    let object = report.step.to_string();
    record(conn, now, event.kind.as_str(), &object, &format!("{:?}", report.movement)).await?;
    if !next.state.is_active() {
        wire::announce(conn, &next, event.trace.as_ref().or(kept.trace.as_ref()), now, &wire::finished(&next)).await?;
    }
    Ok(())
}

async fn supersede(conn: &mut Conn<'_>, id: PlanId, now: Timestamp) -> Result<(), ApplyError> {
    let Some(kept) = store::load_for_update(&mut *conn, id).await? else { return Ok(()) };
    // A step that is on its way to the executor is left to its end.
    let voidable = kept.plan.steps.iter().find(|step| step.state.after(StepEvent::Voided).is_some());
    let Some(next) = voidable.and_then(|step| plan::advance(&kept.plan, step.id, StepEvent::Voided, now)) else {
        return Ok(());
    };
    store::save(conn, &next).await?;
    record(conn, now, "plan.superseded", &id.to_string(), "").await?;
    if next.state.is_active() {
        return Ok(());
    }
    wire::announce(conn, &next, kept.trace.as_ref(), now, &wire::finished(&next)).await
}

/// Records what the control plane did by itself.
async fn record(
    conn: &mut Conn<'_>,
    at: Timestamp,
    action: &str,
    object: &str,
    detail: &str,
) -> Result<(), StoreError> {
    audit::append(conn, &audit::Record { at, actor: "service:control-plane", action, object, detail }).await
}

impl Plan {
    fn refusal_code(&self) -> &'static str {
        self.refusal.as_ref().map_or("", |refusal| refusal.code.as_str())
    }
}
