//! A service on a scratch folder, a consumer that does as it is told, and a bus that can be made to misbehave.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use overseer_bus::{Bus, BusError, Concern, Durable, InProcess, Incarnation, Setback, Sites, Subscription};
use overseer_contract::Event;
use overseer_model::{EventId, EventKind, ServiceName, Timestamp};
use overseer_runtime::{
    ApplyError, Base, Consumer, Consumers, Health, Keyring, Peers, Relay, RunError, Service, Task, consume, first_time,
    run_until_stopped,
};
use overseer_storage::{Db, Location, Migrations, outbox, parked, state};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

/// Far longer than anything here takes.
pub const SOON: Duration = Duration::from_secs(20);

pub struct House {
    pub base: Base,
    pub keyring: Keyring,
    _folder: TempDir,
}

impl House {
    pub async fn new(bus: Arc<dyn Bus>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Sqlite { folder: folder.path().to_owned() };
        let service = ServiceName::Executor;
        let db = Db::open(&location, service, Migrations(&[])).await.unwrap();
        let keyring = keyring();
        let own = keyring.credential(service).unwrap();
        let base = Base {
            service,
            site: "nas-1".parse().unwrap(),
            db,
            bus,
            peers: Peers::new(own, &HashMap::new()).unwrap(),
            relay: Relay::default(),
            health: Health::default(),
            consumers: Consumers::default(),
            stop: CancellationToken::new(),
        };
        Self { base, keyring, _folder: folder }
    }

    /// Commits `event` into the outbox, and tells nobody.
    pub async fn commit(&self, events: &[Event]) {
        let mut tx = self.base.db.begin_write().await.unwrap();
        for event in events {
            outbox::put(&mut tx.conn(), event).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// Marks an event as sent at this time.
    pub async fn sent(&self, event: &Event, at: Timestamp) {
        let mut tx = self.base.db.begin_write().await.unwrap();
        outbox::mark_relayed(&mut tx.conn(), std::slice::from_ref(event), at).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn waiting(&self) -> usize {
        let mut reader = self.base.db.reader().await.unwrap();
        outbox::waiting(&mut reader.conn(), None, 10_000).await.unwrap().len()
    }

    pub async fn parked(&self) -> i64 {
        let mut reader = self.base.db.reader().await.unwrap();
        parked::count(&mut reader.conn()).await.unwrap()
    }

    /// How often an event with this key had its effect.
    pub async fn effects(&self, key: &str) -> u32 {
        let mut reader = self.base.db.reader().await.unwrap();
        let count = state::get(&mut reader.conn(), key).await.unwrap();
        count.map_or(0, |count| count.parse().unwrap())
    }

    /// Runs the service with this consumer and these other tasks.
    pub async fn run(&self, consumer: Arc<Counter>, others: Vec<Task>) -> Running {
        let durable = Durable {
            service: self.base.service,
            concern: Concern::Incidents,
            kinds: &[EventKind::PlanReady],
            sites: Sites::Every,
        };
        let mut tasks = vec![consume(&self.base, durable, consumer).await.unwrap()];
        tasks.extend(others);
        let service = Service::new(&self.base, Routes::default(), tasks);
        let stop = self.base.stop.clone();
        Running(tokio::spawn(run_until_stopped(vec![service], vec![], stop)))
    }
}

pub struct Running(JoinHandle<Result<(), RunError>>);

impl Running {
    pub fn ended(&self) -> bool {
        self.0.is_finished()
    }

    pub async fn end(self) -> Result<(), RunError> {
        tokio::time::timeout(SOON, self.0).await.expect("it ends in time").unwrap()
    }
}

type Attempt = Box<dyn Fn(&Event, u32) -> Result<(), ApplyError> + Send + Sync>;

/// Counts each event once, in a transaction with the inbox, unless told to fail at this attempt.
pub struct Counter {
    db: Db,
    attempt: Attempt,
    seen: Mutex<Vec<EventId>>,
    /// When there, each event waits inside for a permit.
    gate: Option<Arc<tokio::sync::Semaphore>>,
}

impl Counter {
    pub fn new(house: &House) -> Arc<Self> {
        Self::failing(house, |_, _| Ok(()))
    }

    pub fn failing(
        house: &House,
        attempt: impl Fn(&Event, u32) -> Result<(), ApplyError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { db: house.base.db.clone(), attempt: Box::new(attempt), seen: Mutex::default(), gate: None })
    }

    pub fn gated(house: &House, gate: Arc<tokio::sync::Semaphore>) -> Arc<Self> {
        let attempt: Attempt = Box::new(|_, _| Ok(()));
        Arc::new(Self { db: house.base.db.clone(), attempt, seen: Mutex::default(), gate: Some(gate) })
    }

    /// How often this event was delivered.
    pub fn deliveries(&self, id: EventId) -> u32 {
        let seen = self.seen.lock().unwrap();
        u32::try_from(seen.iter().filter(|seen| **seen == id).count()).unwrap()
    }
}

#[async_trait]
impl Consumer for Counter {
    async fn apply(&self, event: &Event) -> Result<(), ApplyError> {
        self.seen.lock().unwrap().push(event.id);
        let Some(mut tx) = first_time(&self.db, event).await? else { return Ok(()) };
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        let before = state::get(&mut tx.conn(), &event.key).await?;
        let count = before.map_or(0, |count| count.parse::<u32>().unwrap()) + 1;
        state::set(&mut tx.conn(), &event.key, &count.to_string()).await?;
        (self.attempt)(event, self.deliveries(event.id))?;
        tx.commit().await?;
        Ok(())
    }
}

pub fn keyring() -> Keyring {
    Keyring::in_memory("test".parse().unwrap()).unwrap()
}

pub fn event(key: &str) -> Event {
    Event {
        id: EventId::fresh(),
        kind: EventKind::PlanReady,
        site: "nas-1".parse().unwrap(),
        key: key.to_owned(),
        at: Timestamp::now(),
        trace: None,
        data: "{}".to_owned(),
    }
}

/// The bus inside one process, with a life that can be changed and keys that it does not serve.
#[derive(Default)]
pub struct Moody {
    pub inner: InProcess,
    pub life: Mutex<String>,
    pub setback: Mutex<Option<Setback>>,
    /// Keys of which every event is refused at once.
    pub refused: Vec<&'static str>,
    /// Keys of which no event is ever answered.
    pub silent: Vec<&'static str>,
    pub published: Mutex<Vec<Event>>,
}

impl Moody {
    pub fn begin_another_life(&self) {
        self.life.lock().unwrap().push('+');
    }

    pub fn times_published(&self, key: &str) -> usize {
        self.published.lock().unwrap().iter().filter(|event| event.key == key).count()
    }
}

#[async_trait]
impl Bus for Moody {
    async fn subscribe(&self, durable: Durable) -> Result<Box<dyn Subscription>, BusError> {
        self.inner.subscribe(durable).await
    }
    async fn publish(&self, event: &Event) -> Result<(), BusError> {
        self.published.lock().unwrap().push(event.clone());
        if self.refused.contains(&event.key.as_str()) {
            return Err(BusError::NotTaken { source: None });
        }
        if self.silent.contains(&event.key.as_str()) {
            return std::future::pending().await;
        }
        self.inner.publish(event).await
    }
    async fn watch(&self) -> Result<BoxStream<'static, Event>, BusError> {
        self.inner.watch().await
    }
    async fn incarnation(&self) -> Result<Incarnation, BusError> {
        Ok(Incarnation(self.life.lock().unwrap().clone()))
    }
    fn setback(&self) -> Option<Setback> {
        *self.setback.lock().unwrap()
    }
}
