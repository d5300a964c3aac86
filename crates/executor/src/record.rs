//! What is said of an attempt: its audit record and its event, in the transaction that makes them true.

use overseer_contract::{Event, EventPayload, TraceParent, to_timestamp, v1};
use overseer_model::{Actor, ServiceName, Site, Timestamp};
use overseer_permit::Claims;
use overseer_storage::{Conn, StoreError, audit, outbox};

use crate::attempt::{Attempt, Phase};
use crate::wire;

/// Records the attempt's present phase.
pub async fn phase(conn: &mut Conn<'_>, site: &Site, attempt: &Attempt, at: Timestamp) -> Result<(), StoreError> {
    let (actor, action) = match &attempt.phase {
        Phase::Intent => (attempt.claims.approved_by.clone(), "act.intent"),
        // Nobody is told: its outcome follows.
        Phase::Called { .. } => return Ok(()),
        Phase::Acted(_) | Phase::Failed { .. } | Phase::InDoubt { .. } => (own_name(), "act.outcome"),
        Phase::Verified { .. } => (own_name(), "step.verified"),
    };
    let outcome = match &attempt.phase {
        Phase::Verified { verification, .. } => verification.verdict.as_str(),
        Phase::Intent | Phase::Called { .. } | Phase::Acted(_) | Phase::Failed { .. } | Phase::InDoubt { .. } => {
            attempt.phase.state().as_str()
        }
    };
    let detail = format!("{} outcome={outcome}", detail(&attempt.claims));
    let object = &attempt.target().key.to_string();
    audit::append(conn, &audit::Record { at, actor: &actor, action, object, detail: &detail }).await?;
    outbox::put(conn, &event_of(site, attempt, at)?).await
}

/// Records that a signed ticket was not followed, and why.
pub async fn unfollowed(
    conn: &mut Conn<'_>,
    claims: &Claims,
    action: &str,
    why: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let detail = format!("{} reason={why}", detail(claims));
    let object = &claims.action.target().key.to_string();
    audit::append(conn, &audit::Record { at, actor: &own_name(), action, object, detail: &detail }).await
}

/// Records a ticket whose own words mean nothing, as they are not the control plane's.
pub async fn untrusted(conn: &mut Conn<'_>, event: &Event, why: &str, at: Timestamp) -> Result<(), StoreError> {
    let object = event.id.to_string();
    let record = audit::Record { at, actor: &own_name(), action: "ticket.refused", object: &object, detail: why };
    audit::append(conn, &record).await
}

/// Who is recorded for what the executor does by itself.
fn own_name() -> String {
    Actor::Service(ServiceName::Executor).to_string()
}

fn detail(claims: &Claims) -> String {
    format!("step={} attempt={} approval={}", claims.step, claims.attempt, claims.approval)
}

fn event_of(site: &Site, attempt: &Attempt, now: Timestamp) -> Result<Event, StoreError> {
    let step = Some(wire::step(&attempt.claims));
    let (key, trace) = (attempt.key.as_str(), attempt.trace.as_ref());
    match attempt.phase.clone() {
        Phase::Intent | Phase::Called { .. } => {
            let started = v1::StepStarted { step, at: Some(to_timestamp(attempt.intent_at)) };
            event(site, key, trace, now, &started)
        }
        Phase::Acted(acted) => {
            let at = Some(to_timestamp(acted.at));
            let (before, after) = (Some(wire::witness(attempt.before)), acted.after.map(wire::witness));
            event(site, key, trace, now, &v1::StepActed { step, at, before, after })
        }
        Phase::Verified { acted: _, verification, at: _ } => {
            event(site, key, trace, now, &v1::StepVerified { step, verification: Some(verification.into()) })
        }
        Phase::Failed { failure, detail, at } => {
            let failed = failed(&attempt.claims, failure.into(), detail, at);
            event(site, key, trace, now, &failed)
        }
        Phase::InDoubt { doubt, at } => {
            let at = Some(to_timestamp(at));
            event(site, key, trace, now, &v1::StepInDoubt { step, detail: doubt, at })
        }
    }
}

pub fn failed(claims: &Claims, failure: v1::StepFailure, detail: String, at: Timestamp) -> v1::StepFailed {
    v1::StepFailed { step: Some(wire::step(claims)), failure: failure.into(), detail, at: Some(to_timestamp(at)) }
}

/// A new event about a step, of the order and trace that its ticket came with.
pub fn event<P: EventPayload>(
    site: &Site,
    key: &str,
    trace: Option<&TraceParent>,
    at: Timestamp,
    payload: &P,
) -> Result<Event, StoreError> {
    let trace = overseer_runtime::telemetry::current_trace().or_else(|| trace.cloned());
    Event::new(site.clone(), key, at, trace, payload).map_err(|_| StoreError::Corrupt { what: "event" })
}
