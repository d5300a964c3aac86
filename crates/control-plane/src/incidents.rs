//! Applies what the incident engine and the inventory report: incidents become plans, and a plan whose target changed is
//! void. Assessing reads tables only, so that a service that is silent holds up no incident.

use std::error::Error;

use overseer_contract::v1 as pb;
use overseer_contract::{BadWire, Event, from_timestamp, required};
use overseer_model::{Capability, PlanId, ResourceRef, ResourceState, Subject, Timestamp};
use overseer_runtime::{ApplyError, first_time};
use overseer_storage::{Conn, Tx};

use crate::assess::{Assessment, Incident, Trigger, assess};
use crate::events::{Events, id, record};
use crate::plan::{self, Plan, PlanState};
use crate::step::StepEvent;
use crate::store::{self, StoredPlan, TargetReport};
use crate::wire;

fn incident(wire: Option<pb::Incident>) -> Result<Incident, BadWire> {
    let wire = required(wire, "incident")?;
    Ok(Incident {
        id: id(&wire.id, "incident.id")?,
        trouble: id(&wire.fingerprint, "incident.fingerprint")?,
        detector: wire.detector,
        resource: required(wire.resource, "incident.resource")?.try_into()?,
    })
}

/// A resource of a kind, or in a state, that only a newer service has a word for: nothing can be planned on it here.
fn known<T>(event: &Event, read: Result<T, BadWire>) -> Option<T> {
    read.inspect_err(|error| {
        metrics::counter!("overseer_control_plane_unknown_events_total").increment(1);
        tracing::warn!(event = %event.id, kind = %event.kind, error = error as &dyn Error, "event of a newer version ignored");
    })
    .ok()
}

impl Events {
    /// An incident was detected or goes on.
    pub async fn incident_goes_on(&self, event: &Event, wire: Option<pb::Incident>) -> Result<(), ApplyError> {
        let resolved = wire.as_ref().is_some_and(|wire| wire.state() == pb::IncidentState::Resolved);
        let Some(incident) = known(event, incident(wire)) else { return Ok(()) };
        let Some(mut tx) = first_time(&self.base.db, event).await? else { return Ok(()) };
        if !resolved {
            store::save_incident(&mut tx.conn(), &incident).await?;
            self.assess(&mut tx, event, Trigger::Incident, &incident).await?;
        }
        self.commit(tx).await
    }

    /// The incident is over: what was not sent to the executor yet is void.
    pub async fn incident_resolved(&self, event: &Event, wire: Option<pb::Incident>) -> Result<(), ApplyError> {
        let incident = id(&required(wire, "incident")?.id, "incident.id")?;
        let now = Timestamp::now();
        let Some(mut tx) = first_time(&self.base.db, event).await? else { return Ok(()) };
        store::close_incident(&mut tx.conn(), incident).await?;
        for StoredPlan { plan, .. } in store::of_subject(&mut tx.conn(), Subject::Incident(incident)).await? {
            supersede(&mut tx.conn(), plan.id, now).await?;
        }
        self.commit(tx).await
    }

    /// The inventory says what became of a resource.
    pub async fn resource_changed(&self, event: &Event, changed: pb::ResourceChanged) -> Result<(), ApplyError> {
        let state: Result<ResourceState, BadWire> = changed.state().try_into();
        let capabilities: Vec<Capability> = changed.capabilities().filter_map(|one| one.try_into().ok()).collect();
        let resource = required(changed.resource, "resource").and_then(ResourceRef::try_from);
        let both = state.and_then(|state| Ok((state, resource?)));
        let Some((state, resource)) = known(event, both) else { return Ok(()) };
        let fingerprint = match changed.fingerprint.as_str() {
            "" => None,
            text => Some(id(text, "fingerprint")?),
        };
        let report = TargetReport {
            resource: &resource.key,
            state,
            fingerprint,
            capabilities: &capabilities,
            started_by_request_at: changed.started_by_request_at.map(from_timestamp),
        };
        let Some(mut tx) = first_time(&self.base.db, event).await? else { return Ok(()) };
        store::save_target(&mut tx.conn(), &report, Timestamp::now()).await?;
        for incident in store::open_incidents_on(&mut tx.conn(), &resource.key).await? {
            self.assess(&mut tx, event, Trigger::Target, &incident).await?;
        }
        self.commit(tx).await
    }

    async fn assess(
        &self,
        tx: &mut Tx,
        event: &Event,
        trigger: Trigger,
        incident: &Incident,
    ) -> Result<(), ApplyError> {
        let now = Timestamp::now();
        // Locked first: two processes that assess one incident do it one after the other.
        let Some(incident) = store::open_incident(&mut tx.conn(), incident.id).await? else { return Ok(()) };
        let target = store::target(&mut tx.conn(), &incident.resource.key).await?;
        let plans = store::of_subject(&mut tx.conn(), Subject::Incident(incident.id)).await?;
        let past = store::past(&mut tx.conn(), incident.trouble).await?;
        let plans: Vec<Plan> = plans.into_iter().map(|stored| stored.plan).collect();
        match assess(trigger, &incident, &target, &plans, past, now) {
            Assessment::Nothing => Ok(()),
            Assessment::New(plan) => announce_new(&mut tx.conn(), event, &plan, now).await,
            Assessment::Supersede(id) => supersede(&mut tx.conn(), id, now).await,
        }
    }
}

async fn announce_new(conn: &mut Conn<'_>, event: &Event, plan: &Plan, now: Timestamp) -> Result<(), ApplyError> {
    let trace = event.trace.as_ref();
    store::insert(conn, plan, trace).await?;
    let wire = Some(plan.clone().into());
    if plan.state == PlanState::Rejected {
        let code = plan.refusal.as_ref().map_or("", |refusal| refusal.code.as_str());
        record(conn, now, "plan.rejected", &plan.id.to_string(), code).await?;
        wire::announce(conn, plan, trace, now, &pb::PlanRejected { plan: wire }).await
    } else {
        record(conn, now, "plan.ready", &plan.id.to_string(), &plan.digest.to_string()).await?;
        wire::announce(conn, plan, trace, now, &pb::PlanReady { plan: wire.clone() }).await?;
        wire::announce(conn, plan, trace, now, &pb::ApprovalRequired { plan: wire }).await
    }
}

async fn supersede(conn: &mut Conn<'_>, id: PlanId, now: Timestamp) -> Result<(), ApplyError> {
    let Some(stored) = store::load_for_update(&mut *conn, id).await? else { return Ok(()) };
    // A step that is on its way to the executor is left to its end.
    let voidable = stored.plan.steps.iter().find(|step| step.state.after(StepEvent::Voided).is_some());
    let Some(next) = voidable.and_then(|step| plan::advance(&stored.plan, step.id, StepEvent::Voided, now)) else {
        return Ok(());
    };
    store::save(conn, &next).await?;
    record(conn, now, "plan.superseded", &id.to_string(), "").await?;
    if next.state.is_active() {
        return Ok(());
    }
    wire::announce(conn, &next, stored.trace.as_ref(), now, &wire::finished(&next)).await
}
