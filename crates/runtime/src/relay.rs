//! Sends what waits in the outbox. A commit wakes it at once; a sweep finds what a lost wake-up left, and a bus that
//! lost its data is given everything again. Events of one key go one after the other; a key that is stuck does not
//! hold up the rest.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use overseer_bus::{Bus, BusError};
use overseer_contract::Event;
use overseer_model::Timestamp;
use overseer_storage::{Db, StoreError, outbox, state};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const SWEEP: Duration = Duration::from_secs(2);
/// Events on their way at once.
const IN_FLIGHT: usize = 256;
const BUS_LIFE: &str = "bus_incarnation";

/// To be woken after each commit that wrote to the outbox.
#[derive(Clone, Default)]
pub struct Relay(Arc<Notify>);

impl Relay {
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Relays until `stop` fires.
    pub(crate) async fn run(self, db: Db, bus: Arc<dyn Bus>, stop: CancellationToken) {
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut sending = FuturesUnordered::new();
        let mut busy = HashSet::new();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some((event, result)) = sending.next(), if !sending.is_empty() => {
                    let mut sent = Vec::new();
                    settle(event, result, &mut busy, &mut sent);
                    while let Some(Some((event, result))) = futures::FutureExt::now_or_never(sending.next()) {
                        settle(event, result, &mut busy, &mut sent);
                    }
                    let marked = mark(&db, &sent).await;
                    report(marked);
                }
                _ = sweep.tick() => report(check_bus(&db, bus.as_ref()).await),
                () = self.0.notified() => {}
            }
            match next(&db, &busy).await {
                Ok(events) => {
                    for event in events {
                        busy.insert(event.key.clone());
                        let bus = bus.clone();
                        sending.push(async move {
                            let result = bus.publish(&event).await;
                            (event, result)
                        });
                    }
                }
                Err(error) => report(Err(error)),
            }
        }
    }
}

fn settle(event: Event, result: Result<(), BusError>, busy: &mut HashSet<String>, sent: &mut Vec<Event>) {
    busy.remove(&event.key);
    match result {
        Ok(()) => sent.push(event),
        Err(BusError::TooLarge { bytes, limit }) => {
            // It can never be sent; the rest of its key must not wait for it.
            metrics::counter!("overseer_relay_too_large_total").increment(1);
            tracing::error!(kind = %event.kind, id = %event.id, bytes, limit, "an event is too large and is given up");
            sent.push(event);
        }
        Err(error) => {
            metrics::counter!("overseer_relay_refused_total").increment(1);
            tracing::warn!(kind = %event.kind, error = &error as &dyn std::error::Error, "an event waits in the outbox");
        }
    }
}

/// The oldest waiting event of each key that is not on its way.
async fn next(db: &Db, busy: &HashSet<String>) -> Result<Vec<Event>, StoreError> {
    if busy.len() >= IN_FLIGHT {
        return Ok(Vec::new());
    }
    let mut reader = db.reader().await?;
    let waiting = outbox::waiting(&mut reader.conn(), i64::try_from(IN_FLIGHT * 4).unwrap_or(i64::MAX)).await?;
    let mut taken = HashSet::new();
    Ok(waiting
        .into_iter()
        .filter(|event| !busy.contains(&event.key) && taken.insert(event.key.clone()))
        .take(IN_FLIGHT - busy.len())
        .collect())
}

async fn mark(db: &Db, sent: &[Event]) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    outbox::mark_relayed(&mut tx.conn(), sent, Timestamp::now()).await?;
    tx.commit().await
}

/// Puts everything back into the queue when the bus is not the one that took it.
async fn check_bus(db: &Db, bus: &dyn Bus) -> Result<(), StoreError> {
    let Ok(life) = bus.incarnation().await else { return Ok(()) };
    let mut tx = db.begin_write().await?;
    let known = state::get(&mut tx.conn(), BUS_LIFE).await?;
    if known.as_deref() == Some(&life.0) {
        return Ok(());
    }
    if known.is_some() {
        let again = outbox::send_again(&mut tx.conn()).await?;
        tracing::warn!(events = again, "the bus lost its data; the outbox is sent again");
    }
    state::set(&mut tx.conn(), BUS_LIFE, &life.0).await?;
    tx.commit().await
}

fn report(result: Result<(), StoreError>) {
    if let Err(error) = result {
        tracing::warn!(error = &error as &dyn std::error::Error, "the outbox cannot be relayed now");
    }
}
