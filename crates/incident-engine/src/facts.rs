//! Applies fact batches: each fact once, by its place in its collector's order, however often it is delivered.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use overseer_contract::v1::FactBatch;
use overseer_contract::{BadWire, Event};
use overseer_model::{Epoch, EventKind, Fact, Observation, ResourceState, Timestamp};
use overseer_runtime::telemetry::current_trace;
use overseer_runtime::{ApplyError, Base, Consumer};
use overseer_storage::Conn;
use tokio::sync::Notify;

use crate::detect::{self, History, Thresholds, Trouble};
use crate::incident::{self, Event as Move, Moment, What};
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
        let FactBatch { epoch, facts } = event.payload()?;
        let epoch: Epoch = epoch.parse().map_err(|_| BadWire { field: "epoch" })?;
        let facts = facts.into_iter().map(Fact::try_from).collect::<Result<Vec<_>, _>>()?;

        let mut tx = self.base.db.begin_write().await?;
        let seen = store::cursor(&mut tx.conn(), epoch).await?;
        let fresh: Vec<Fact> = facts.into_iter().filter(|fact| fact.sequence > seen).collect();
        let Some(last) = fresh.last().map(|fact| fact.sequence) else { return Ok(()) };
        self.apply_fresh(&mut tx.conn(), fresh).await?;
        store::save_cursor(&mut tx.conn(), epoch, last).await?;
        tx.commit().await?;
        self.base.relay.wake();
        self.changed.notify_one();
        Ok(())
    }
}

impl FactConsumer {
    async fn apply_fresh(&self, conn: &mut Conn<'_>, facts: Vec<Fact>) -> Result<(), ApplyError> {
        let mut histories: HashMap<String, History> = HashMap::new();
        for fact in facts {
            let id = &fact.resource.id;
            let history = match histories.remove(id) {
                Some(history) => history,
                None => store::history(&mut *conn, id).await?,
            };
            let (history, trouble) = detect::observe(history, &fact, &self.thresholds);
            if let Some(trouble) = trouble {
                record(&mut *conn, &fact, &trouble).await?;
            }
            if fact.observation == Observation::State(ResourceState::Removed) {
                end_removed(&mut *conn, &fact).await?;
                store::forget_history(&mut *conn, id).await?;
            } else {
                histories.insert(id.clone(), history);
            }
        }
        for (id, history) in &histories {
            store::save_history(&mut *conn, id, history).await?;
        }
        Ok(())
    }
}

/// Opens an incident, or joins the one that is open for the same trouble.
async fn record(conn: &mut Conn<'_>, fact: &Fact, trouble: &Trouble) -> Result<(), ApplyError> {
    let now = Timestamp::now();
    let moment = incident::symptom(trouble);
    let open = match store::open_by_resource(&mut *conn, &fact.resource.id).await? {
        Some(kept) => Some(kept),
        None => store::open_by_fingerprint(&mut *conn, incident::fingerprint(&fact.resource)).await?,
    };
    if let Some(kept) = open {
        let next = incident::join(kept.incident, &fact.resource, trouble, now);
        store::save(&mut *conn, &next, &[moment], kept.trace.as_ref()).await?;
        return wire::announce(conn, &next, current_trace(), now, &wire::updated(&next)).await;
    }
    let next = incident::open(&fact.resource, trouble, now);
    let trace = current_trace();
    store::save(&mut *conn, &next, &[moment], trace.as_ref()).await?;
    metrics::counter!("overseer_incident_engine_incidents_total").increment(1);
    tracing::info!(incident = %next.id, detector = ?next.detector, "an incident was opened");
    wire::announce(conn, &next, trace, now, &wire::detected(&next)).await
}

/// A container that is gone gives no more trouble.
async fn end_removed(conn: &mut Conn<'_>, fact: &Fact) -> Result<(), ApplyError> {
    let now = Timestamp::now();
    let Some(kept) = store::open_by_resource(&mut *conn, &fact.resource.id).await? else { return Ok(()) };
    let Some(next) = incident::advance(&kept.incident, Move::Removed, now) else { return Ok(()) };
    let moment = Moment { at: fact.observed_at, what: What::Removed, evidence: vec![fact.id] };
    store::save(&mut *conn, &next, &[moment], kept.trace.as_ref()).await?;
    wire::announce(conn, &next, kept.trace, now, &wire::resolved(&next)).await
}
