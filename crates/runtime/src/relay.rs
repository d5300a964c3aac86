//! Sends what waits in the outbox. A commit wakes it at once; a sweep finds what a lost wake-up left, and a bus that
//! lost its data is given everything again. Events of one key go one after the other; a key that is stuck does not
//! hold up the rest.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use overseer_bus::{Bus, BusError, MAY_BE_LOST, Setback};
use overseer_contract::Event;
use overseer_model::{ServiceName, Timestamp};
use overseer_storage::outbox::Again;
use overseer_storage::{Db, StoreError, outbox, state};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::retention::OUTBOX_KEPT;
use crate::{Dependency, Health};

const SWEEP: Duration = Duration::from_secs(2);
/// Events on their way at once.
const IN_FLIGHT: usize = 256;
/// Waiting events that are read at once.
const PAGE: i64 = 1024;
const BUS_LIFE: &str = "bus_incarnation";

/// To be woken after each commit that wrote to the outbox.
#[derive(Clone, Default)]
pub struct Relay(Arc<Notify>);

impl Relay {
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Relays until `stop` fires, and tells whether bus and database are there.
    pub(crate) async fn run(self, db: Db, bus: Arc<dyn Bus>, backing: Backing, stop: CancellationToken) {
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut sending = FuturesUnordered::new();
        let mut keys = Keys::default();
        let mut setback = bus.setback();
        // Before anything is sent, which would hide when the last event was.
        while let Err(error) = send_last_again(&db).await {
            backing.database_failed();
            report(Err(error));
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = sweep.tick() => {}
            }
        }
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some((event, result)) = sending.next(), if !sending.is_empty() => {
                    let mut sent = Vec::new();
                    settle(event, result, &mut keys, &mut sent);
                    while let Some(Some((event, result))) = futures::FutureExt::now_or_never(sending.next()) {
                        settle(event, result, &mut keys, &mut sent);
                    }
                    let marked = mark(&db, &sent).await;
                    if marked.is_err() {
                        keys.resting.extend(sent.into_iter().map(|event| event.key));
                    }
                    report(marked);
                }
                _ = sweep.tick() => {
                    keys.resting.clear();
                    let checked = check_bus(&db, bus.as_ref(), &mut setback).await;
                    backing.told(&checked);
                    if let Err(Unavailable::Database(error)) = checked {
                        report(Err(error));
                    }
                }
                () = self.0.notified() => {}
            }
            match next(&db, &keys).await {
                Ok(events) => {
                    for event in events {
                        keys.sending.insert(event.key.clone());
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

/// What a look at the bus lacked.
enum Unavailable {
    Bus,
    Database(StoreError),
}

impl From<StoreError> for Unavailable {
    fn from(error: StoreError) -> Self {
        Self::Database(error)
    }
}

/// Where it is told whether what carries a service is there. What was told ends with it.
pub(crate) struct Backing {
    health: Health,
    bus: String,
    database: String,
}

impl Backing {
    pub fn new(health: Health, service: ServiceName) -> Self {
        Self { health, bus: format!("{service}.bus"), database: format!("{service}.database") }
    }

    fn told(&self, checked: &Result<(), Unavailable>) {
        match checked {
            Ok(()) => {
                self.health.set(&self.bus, Dependency::Ready);
                self.health.set(&self.database, Dependency::Ready);
            }
            // The database was not asked.
            Err(Unavailable::Bus) => self.health.set(&self.bus, Dependency::Waiting),
            Err(Unavailable::Database(_)) => {
                self.health.set(&self.bus, Dependency::Ready);
                self.database_failed();
            }
        }
    }

    fn database_failed(&self) {
        self.health.set(&self.database, Dependency::Waiting);
    }
}

impl Drop for Backing {
    fn drop(&mut self) {
        self.health.forget(&self.bus);
        self.health.forget(&self.database);
    }
}

/// The keys whose next event has to wait.
#[derive(Default)]
struct Keys {
    /// One is on its way.
    sending: HashSet<String>,
    /// One was refused, or could not be marked as sent; again at the next sweep, so that a bus or a disk in trouble is
    /// not asked without pause.
    resting: HashSet<String>,
}

impl Keys {
    fn hold(&self, key: &str) -> bool {
        self.sending.contains(key) || self.resting.contains(key)
    }
}

fn settle(event: Event, result: Result<(), BusError>, keys: &mut Keys, sent: &mut Vec<Event>) {
    keys.sending.remove(&event.key);
    match result {
        Ok(()) => sent.push(event),
        Err(BusError::TooLarge { bytes, limit }) => {
            // It can never be sent; the rest of its key must not wait for it.
            metrics::counter!("overseer_relay_too_large_total").increment(1);
            tracing::error!(kind = %event.kind, id = %event.id, bytes, limit, "event too large; given up");
            sent.push(event);
        }
        Err(error) => {
            metrics::counter!("overseer_relay_refused_total").increment(1);
            tracing::warn!(kind = %event.kind, error = &error as &dyn std::error::Error, "event waiting in the outbox");
            keys.resting.insert(event.key);
        }
    }
}

/// The oldest waiting event of each key that need not wait. Looks past any number of events of keys that must.
async fn next(db: &Db, keys: &Keys) -> Result<Vec<Event>, StoreError> {
    let free = IN_FLIGHT.saturating_sub(keys.sending.len());
    let (mut found, mut taken, mut after) = (Vec::new(), HashSet::new(), None);
    if free == 0 {
        return Ok(found);
    }
    let mut reader = db.reader().await?;
    while found.is_empty() {
        let page = outbox::waiting(&mut reader.conn(), after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        let ready = page.into_iter().filter(|event| !keys.hold(&event.key) && taken.insert(event.key.clone()));
        found.extend(ready.take(free));
    }
    Ok(found)
}

async fn mark(db: &Db, sent: &[Event]) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    outbox::mark_relayed(&mut tx.conn(), sent, Timestamp::now()).await?;
    tx.commit().await
}

/// What was sent shortly before the last sending of the life before.
async fn send_last_again(db: &Db) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let Some(last) = outbox::last_sent(&mut tx.conn()).await? else { return Ok(()) };
    let again = outbox::send_again(&mut tx.conn(), Again::SentSince(last - MAY_BE_LOST), remembered()).await?;
    tx.commit().await?;
    tracing::debug!(events = again, "last events published again");
    Ok(())
}

/// Consumers recognize what was first sent since then.
fn remembered() -> Timestamp {
    Timestamp::now() - OUTBOX_KEPT
}

/// Puts back into the queue what the bus does not have any more: everything when it is another one, and what it took
/// last when it went back.
async fn check_bus(db: &Db, bus: &dyn Bus, noticed: &mut Option<Setback>) -> Result<(), Unavailable> {
    let life = bus.incarnation().await.map_err(|_| Unavailable::Bus)?;
    let mut tx = db.begin_write().await?;
    let known = state::get(&mut tx.conn(), BUS_LIFE).await?;
    let setback = bus.setback().filter(|setback| Some(*setback) != *noticed);
    let again = match (known.as_deref(), setback) {
        (Some(known), _) if known != life.0 => Again::All,
        (_, Some(setback)) => Again::SentSince(setback.since),
        (Some(_), None) => return Ok(()),
        (None, None) => {
            state::set(&mut tx.conn(), BUS_LIFE, &life.0).await?;
            return Ok(tx.commit().await?);
        }
    };
    let events = outbox::send_again(&mut tx.conn(), again, remembered()).await?;
    state::set(&mut tx.conn(), BUS_LIFE, &life.0).await?;
    tx.commit().await?;
    *noticed = setback.or(*noticed);
    tracing::warn!(events, ?again, "bus lost events; publishing the outbox again");
    Ok(())
}

fn report(result: Result<(), StoreError>) {
    if let Err(error) = result {
        tracing::warn!(error = &error as &dyn std::error::Error, "outbox cannot be relayed; retrying");
    }
}
