//! Applies what became of plans and steps: the story goes on, and a verified fix resolves the incident.

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use overseer_contract::v1 as pb;
use overseer_contract::{BadWire, Event, required};
use overseer_model::{Action, EventKind, IncidentId, Subject, TemplateName, Timestamp, Verdict};
use overseer_runtime::{ApplyError, Base, Consumer, first_time};
use tokio::sync::Notify;

use crate::incident::{self, IncidentEvent, Moment, MomentKind, State};
use crate::{detect, store, wire};

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
struct Report {
    incident: IncidentId,
    /// `None` where only a newer service has a word for it: what it moves counts all the same.
    kind: Option<MomentKind>,
    movement: Option<IncidentEvent>,
}

#[async_trait]
impl Consumer for OutcomeConsumer {
    async fn apply(&self, event: &Event) -> Result<(), ApplyError> {
        let Some(report) = read(event)? else { return Ok(()) };
        let now = Timestamp::now();
        let Some(mut tx) = first_time(&self.base.db, event).await? else { return Ok(()) };
        let Some(stored) = store::by_id(&mut tx.conn(), report.incident).await? else { return Ok(()) };
        let moved = report.movement.and_then(|movement| incident::advance(&stored.incident, movement, now));
        let next = moved.clone().unwrap_or_else(|| incident::Incident { updated_at: now, ..stored.incident.clone() });
        let moment = report.kind.map(|kind| Moment { at: event.at, kind, evidence: Vec::new() });
        store::save(&mut tx.conn(), &next, moment.as_slice(), stored.trace.as_ref()).await?;
        if let Some(moved) = moved {
            if moved.state == State::Open {
                // While the step was under way nobody counted how long it is calm.
                let resource = &moved.resource.key;
                let states = store::states(&mut tx.conn(), resource).await?;
                store::set_calm(&mut tx.conn(), resource, detect::calm_since(&states)).await?;
            }
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

type Meaning = (Option<pb::Subject>, Option<MomentKind>, Option<IncidentEvent>);

/// `None` for what means nothing to an incident, and for plans with another subject.
fn read(event: &Event) -> Result<Option<Report>, ApplyError> {
    let Some((subject, kind, movement)) = meaning(event)? else { return Ok(None) };
    let subject = known(event, Subject::try_from(required(subject, "subject")?));
    Ok(subject.and_then(Subject::incident).map(|incident| Report { incident, kind, movement }))
}

/// What a newer service says is passed over where this build has no word for it.
fn known<T>(event: &Event, read: Result<T, BadWire>) -> Option<T> {
    read.inspect_err(|error| {
        metrics::counter!("overseer_incident_engine_unknown_outcomes_total").increment(1);
        tracing::warn!(event = %event.id, kind = %event.kind, error = error as &dyn Error, "event of a newer version");
    })
    .ok()
}

fn meaning(event: &Event) -> Result<Option<Meaning>, ApplyError> {
    Ok(match event.kind {
        EventKind::PlanReady => {
            let plan = required(event.payload::<pb::PlanReady>()?.plan, "plan")?;
            let kind = MomentKind::Proposed { plan: id(&plan.id, "plan.id")?, title: plan.title };
            Some((plan.subject, Some(kind), None))
        }
        EventKind::PlanRejected => {
            let plan = required(event.payload::<pb::PlanRejected>()?.plan, "plan")?;
            let reason = plan.refusal.map(|refusal| refusal.reason).unwrap_or_default();
            let kind = MomentKind::Refused { plan: id(&plan.id, "plan.id")?, reason };
            Some((plan.subject, Some(kind), None))
        }
        EventKind::PlanFinished => {
            let plan = required(event.payload::<pb::PlanFinished>()?.plan, "plan")?;
            end_of(event, &plan).map(|(kind, movement)| (plan.subject, Some(kind), Some(movement)))
        }
        EventKind::ApprovalGranted => {
            let granted: pb::ApprovalGranted = event.payload()?;
            let kind = MomentKind::Approved { plan: id(&granted.plan_id, "plan_id")?, by: granted.approved_by };
            Some((granted.subject, Some(kind), None))
        }
        EventKind::ApprovalDenied => {
            let denied: pb::ApprovalDenied = event.payload()?;
            let kind = MomentKind::Denied { plan: id(&denied.plan_id, "plan_id")?, by: denied.denied_by };
            Some((denied.subject, Some(kind), None))
        }
        EventKind::StepStarted => {
            let step = required(event.payload::<pb::StepStarted>()?.step, "step")?;
            Some((step.subject, Some(MomentKind::Begun), Some(IncidentEvent::StepBegun)))
        }
        EventKind::StepActed => {
            let step = required(event.payload::<pb::StepActed>()?.step, "step")?;
            let kind = known(event, template_of(step.action)).map(|template| MomentKind::Acted { template });
            Some((step.subject, kind, None))
        }
        EventKind::StepVerified => {
            let pb::StepVerified { step, verification } = event.payload()?;
            let step = required(step, "step")?;
            let (verdict, checks) = verification_of(required(verification, "verification")?)?;
            // Only a plan that succeeded proves recovery; one step of it does not.
            let movement = match verdict {
                Verdict::Passed => None,
                Verdict::Failed | Verdict::Inconclusive => Some(IncidentEvent::StepInVain),
            };
            let template = known(event, template_of(step.action));
            let kind = template.map(|template| MomentKind::Verified { template, verdict, checks });
            Some((step.subject, kind, movement))
        }
        EventKind::StepFailed => {
            let failed: pb::StepFailed = event.payload()?;
            let Some((reason, movement)) = failure(failed.failure()) else { return Ok(None) };
            let kind = MomentKind::StepFailed { reason: reason.to_owned() };
            Some((required(failed.step, "step")?.subject, Some(kind), Some(movement)))
        }
        EventKind::StepInDoubt => {
            let step = required(event.payload::<pb::StepInDoubt>()?.step, "step")?;
            Some((step.subject, Some(MomentKind::InDoubt), Some(IncidentEvent::StepInVain)))
        }
        EventKind::FactBatch
        | EventKind::LogSignatures
        | EventKind::ResourceChanged
        | EventKind::IncidentDetected
        | EventKind::IncidentUpdated
        | EventKind::IncidentResolved
        | EventKind::ApprovalRequired
        | EventKind::StepDispatched => None,
    })
}

/// What the end of a plan means; `None` where the events of its steps and approval have reported it.
fn end_of(event: &Event, plan: &pb::Plan) -> Option<(MomentKind, IncidentEvent)> {
    let ended = |reason: &str| {
        let kind = MomentKind::StepFailed { reason: reason.to_owned() };
        Some((kind, IncidentEvent::StepAbandoned))
    };
    match plan.state() {
        pb::PlanState::Succeeded => {
            let proven = plan.steps.iter().all(|step| step.verdict == Some(pb::Verdict::Passed.into()));
            // A lesson that leaves a step out would be wrong.
            let templates: Option<Vec<_>> =
                plan.steps.iter().map(|step| known(event, template_of(step.action.clone()))).collect();
            Some(if proven {
                (MomentKind::Succeeded { templates: templates.unwrap_or_default() }, IncidentEvent::RecoveryProven)
            } else {
                (MomentKind::Unproven, IncidentEvent::StepAbandoned)
            })
        }
        pb::PlanState::Expired => ended("the approval expired before execution"),
        pb::PlanState::Superseded => ended("its target changed or its incident ended"),
        pb::PlanState::Failed
        | pb::PlanState::InDoubt
        | pb::PlanState::Cancelled
        | pb::PlanState::Rejected
        | pb::PlanState::Ready
        | pb::PlanState::Running
        | pb::PlanState::Unspecified => None,
    }
}

fn template_of(action: Option<pb::Action>) -> Result<TemplateName, BadWire> {
    Ok(Action::try_from(required(action, "action")?)?.template())
}

fn id<T: std::str::FromStr>(text: &str, field: &'static str) -> Result<T, BadWire> {
    text.parse().map_err(|_| BadWire { field })
}

/// `None` for a failure that the control plane answers with a new ticket.
const fn failure(failure: pb::StepFailure) -> Option<(&'static str, IncidentEvent)> {
    match failure {
        pb::StepFailure::TicketExpired => None,
        pb::StepFailure::RefusedByPlatform => Some(("the platform rejected the request", IncidentEvent::StepInVain)),
        pb::StepFailure::TargetDrift => {
            Some(("the target is not the one that was approved; nothing was done", IncidentEvent::StepAbandoned))
        }
        pb::StepFailure::Precondition => {
            Some(("the target's state does not allow the step; nothing was done", IncidentEvent::StepAbandoned))
        }
        pb::StepFailure::Unsupported => {
            Some(("the executor does not support it; nothing was done", IncidentEvent::StepAbandoned))
        }
        pb::StepFailure::TicketRefused | pb::StepFailure::Unspecified => {
            Some(("the executor refused the ticket; nothing was done", IncidentEvent::StepAbandoned))
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
