//! Applies fact batches: each fact once, by its place in its collector's order, however often it is delivered.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use overseer_contract::v1::{self as pb, FactBatch};
use overseer_contract::{BadWire, Event};
use overseer_model::{Epoch, EventKind, Fact, Observation, ResourceKey, ResourceState, Timestamp};
use overseer_runtime::telemetry::current_trace;
use overseer_runtime::{ApplyError, Base, Consumer};
use overseer_storage::{Conn, audit};
use tokio::sync::Notify;

use crate::detect::{self, DetectorState, Thresholds, Trouble};
use crate::incident::{self, IncidentEvent, Moment, MomentKind};
use crate::{store, wire};

pub const KINDS: &[EventKind] = &[EventKind::FactBatch];

pub struct FactConsumer {
    pub base: Base,
    pub thresholds: Thresholds,
    pub changed: Arc<Notify>,
}

#[async_trait]
impl Consumer for FactConsumer {
    async fn apply(&self, event: &Event) -> Result<(), ApplyError> {
        self.advance(event).await.map(drop)
    }

    async fn replay(&self, event: &Event) -> Result<(), ApplyError> {
        match self.advance(event).await? {
            Progress::Applied => Ok(()),
            Progress::NothingNew => Err(ApplyError::Superseded),
        }
    }
}

/// What a batch brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Applied,
    /// All of it lies before what was applied.
    NothingNew,
}

impl FactConsumer {
    async fn advance(&self, event: &Event) -> Result<Progress, ApplyError> {
        let FactBatch { epoch, facts } = event.payload()?;
        let epoch: Epoch = epoch.parse().map_err(|_| BadWire { field: "epoch" })?;
        let mut tx = self.base.db.begin_write().await?;
        let seen = store::cursor(&mut tx.conn(), epoch, Timestamp::now()).await?;
        let fresh: Vec<pb::Fact> = facts.into_iter().filter(|fact| fact.sequence > seen).collect();
        let (Some(first), Some(last)) = (fresh.first(), fresh.last()) else { return Ok(Progress::NothingNew) };
        if let Some(missing) = gap(seen, first.sequence) {
            report_gap(&mut tx.conn(), epoch, seen, missing).await?;
        }
        let last = last.sequence;
        self.apply_fresh(&mut tx.conn(), understood(fresh)).await?;
        store::save_cursor(&mut tx.conn(), epoch, last, Timestamp::now()).await?;
        tx.commit().await?;
        self.base.relay.wake();
        self.changed.notify_one();
        Ok(Progress::Applied)
    }
}

/// The facts without those of a newer collector that this build has no word for: they decide nothing here, and the others
/// must not wait for them.
fn understood(facts: Vec<pb::Fact>) -> Vec<Fact> {
    let read = |fact: pb::Fact| {
        let sequence = fact.sequence;
        Fact::try_from(fact)
            .inspect_err(|error| {
                metrics::counter!("overseer_incident_engine_unknown_facts_total").increment(1);
                tracing::warn!(sequence, error = error as &dyn Error, "fact of a newer version ignored");
            })
            .ok()
    };
    facts.into_iter().filter_map(read).collect()
}

/// How many facts are missing between the last that was applied and the next. The first batch of a store may begin
/// anywhere: older facts are kept for a week only.
fn gap(seen: u64, next: u64) -> Option<u64> {
    let missing = next.saturating_sub(seen.saturating_add(1));
    (seen > 0 && missing > 0).then_some(missing)
}

/// A collector's sequence has no gaps. One that is seen here means that facts are lost, which is never passed over in
/// silence: the audit chain has it when the log is gone.
async fn report_gap(conn: &mut Conn<'_>, epoch: Epoch, seen: u64, missing: u64) -> Result<(), ApplyError> {
    metrics::counter!("overseer_incident_engine_missing_facts_total").increment(missing);
    tracing::error!(%epoch, after = seen, missing, "gap in the sequence of facts");
    let (object, detail) = (epoch.to_string(), format!("after {seen}, missing {missing}"));
    let record = audit::Record {
        at: Timestamp::now(),
        actor: "service:incident-engine",
        action: "facts.missing",
        object: &object,
        detail: &detail,
    };
    Ok(audit::append(conn, &record).await?)
}

impl FactConsumer {
    async fn apply_fresh(&self, conn: &mut Conn<'_>, facts: Vec<Fact>) -> Result<(), ApplyError> {
        let now = Timestamp::now();
        let mut touched: HashMap<ResourceKey, Vec<DetectorState>> = HashMap::new();
        for fact in facts {
            let key = &fact.resource.key;
            let states = match touched.remove(key) {
                Some(states) => states,
                None => store::states(&mut *conn, key).await?,
            };
            let (states, troubles) = detect::observe(states, &fact, &self.thresholds);
            for trouble in troubles {
                record(&mut *conn, &fact, &trouble).await?;
            }
            if fact.observation == Observation::State(ResourceState::Removed) {
                end_removed(&mut *conn, &fact).await?;
                store::forget_states(&mut *conn, key).await?;
            } else {
                touched.insert(key.clone(), states);
            }
        }
        for (key, states) in &touched {
            store::save_states(&mut *conn, key, states, now).await?;
            store::set_calm(&mut *conn, key, detect::calm_since(states)).await?;
        }
        Ok(())
    }
}

/// Opens an incident, or joins the one that is open for the same trouble.
async fn record(conn: &mut Conn<'_>, fact: &Fact, trouble: &Trouble) -> Result<(), ApplyError> {
    let now = Timestamp::now();
    let moment = incident::symptom(trouble);
    let open = match store::open_by_resource(&mut *conn, &fact.resource.key).await? {
        Some(stored) => Some(stored),
        None => store::open_by_fingerprint(&mut *conn, incident::fingerprint(&fact.resource)).await?,
    };
    if let Some(stored) = open {
        let next = incident::join(stored.incident, &fact.resource, trouble, now);
        store::save(&mut *conn, &next, &[moment], stored.trace.as_ref()).await?;
        return wire::announce(conn, &next, current_trace(), now, &wire::updated(&next)).await;
    }
    let next = incident::open(&fact.resource, trouble, now);
    let trace = current_trace();
    store::save(&mut *conn, &next, &[moment], trace.as_ref()).await?;
    metrics::counter!("overseer_incident_engine_incidents_total").increment(1);
    tracing::info!(incident = %next.id, detector = next.detector.as_str(), "incident opened");
    wire::announce(conn, &next, trace, now, &wire::detected(&next)).await
}

/// A container that is gone gives no more trouble.
async fn end_removed(conn: &mut Conn<'_>, fact: &Fact) -> Result<(), ApplyError> {
    let now = Timestamp::now();
    let Some(stored) = store::open_by_resource(&mut *conn, &fact.resource.key).await? else { return Ok(()) };
    let Some(next) = incident::advance(&stored.incident, IncidentEvent::Removed, now) else { return Ok(()) };
    let moment = Moment { at: fact.observed_at, kind: MomentKind::Removed, evidence: vec![fact.id] };
    store::save(&mut *conn, &next, &[moment], stored.trace.as_ref()).await?;
    wire::announce(conn, &next, stored.trace, now, &wire::resolved(&next)).await
}

#[cfg(test)]
pub mod tests;
