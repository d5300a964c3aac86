//! What needs a platform and a bus that misbehave on command.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use overseer_bus::{Bus, BusError, Durable, InProcess, Incarnation, Setback, Subscription};
use overseer_contract::{Event, v1};
use overseer_model::{
    Digest, EventKind, Fingerprint, Health, Instance, Observation, Provider, ResourceRef, ResourceState, RestartRule,
    ServiceName, Source, Timestamp,
};
use overseer_provider_port::{
    ClockOffset, ContainerDetails, Details, NotFound, Observe, ObserveError, PlatformEvent, Snapshot, Traits, Witness,
};
use overseer_runtime::{Base, Consumers, Relay, run_until_stopped};
use overseer_storage::{Db, Location};
use overseer_testkit::until;
use tokio_util::sync::CancellationToken;

use crate::doors::Doors;

const SOON: Duration = Duration::from_secs(20);

/// A platform without events, of which listing and looking can fail.
#[derive(Clone, Default)]
struct Platform(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    there: Vec<Snapshot>,
    partial: bool,
    failed_listings: usize,
}

impl Platform {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }
}

#[async_trait]
impl Observe for Platform {
    fn source(&self) -> &Source {
        static SOURCE: LazyLock<Source> =
            LazyLock::new(|| Source { provider: Provider::Docker, instance: Instance::default() });
        &SOURCE
    }
    fn clock(&self) -> ClockOffset {
        ClockOffset::default()
    }
    async fn list(&self) -> Result<Vec<Snapshot>, ObserveError> {
        self.with(|state| {
            if state.partial {
                state.failed_listings += 1;
                return Err(ObserveError::Partial { field: "Id" });
            }
            Ok(state.there.clone())
        })
    }
    async fn inspect(&self, id: &str) -> Result<Snapshot, ObserveError> {
        let found = self.with(|state| state.there.iter().find(|one| one.resource.id() == id).cloned());
        found.ok_or(ObserveError::NotFound { what: NotFound::Container })
    }
    async fn follow(
        &self,
        _: Option<Timestamp>,
    ) -> Result<BoxStream<'static, Result<PlatformEvent, ObserveError>>, ObserveError> {
        Ok(stream::pending().boxed())
    }
    async fn history(&self, _: &str, _: Timestamp, _: Timestamp) -> Result<Vec<PlatformEvent>, ObserveError> {
        Ok(vec![])
    }
}

fn running(id: &str) -> Snapshot {
    Snapshot {
        resource: ResourceRef { key: format!("home/docker://local/{id}").parse().unwrap(), name: id.into() },
        traits: Traits {
            fingerprint: Fingerprint(Digest::of(id.as_bytes())),
            workload: id.into(),
            capabilities: Vec::new(),
            details: Details::Container(ContainerDetails {
                image: "shop:1".into(),
                rule: RestartRule::Never,
                stop_timeout_s: None,
            }),
        },
        health: Health::Unchecked,
        witness: Witness {
            state: ResourceState::Running,
            started_at: Some(Timestamp::from_micros(1)),
            restart_count: 0,
        },
        exit_code: None,
    }
}

/// A bus that refuses, and that can lose its data.
struct LossyBus {
    inner: InProcess,
    life: Mutex<String>,
    setback: Mutex<Option<Setback>>,
    away: Mutex<bool>,
    /// At the next facts it notices that it went back, and refuses.
    went_back: Mutex<bool>,
    taken: Mutex<Vec<(u64, Observation)>>,
}

#[async_trait]
impl Bus for LossyBus {
    async fn subscribe(&self, durable: Durable) -> Result<Box<dyn Subscription>, BusError> {
        self.inner.subscribe(durable).await
    }
    async fn publish(&self, event: &Event) -> Result<(), BusError> {
        if *self.away.lock().unwrap() {
            return Err(BusError::Stopped);
        }
        if event.kind == EventKind::FactBatch && std::mem::take(&mut *self.went_back.lock().unwrap()) {
            let since = Timestamp::now() - Duration::from_secs(300);
            *self.setback.lock().unwrap() = Some(Setback { number: 1, since });
            return Err(BusError::NotTaken { source: None });
        }
        if event.kind == EventKind::FactBatch {
            let batch: v1::FactBatch = event.payload().unwrap();
            let facts = batch.facts.into_iter().map(|fact| overseer_model::Fact::try_from(fact).unwrap());
            self.taken.lock().unwrap().extend(facts.map(|fact| (fact.sequence, fact.observation)));
        }
        Ok(())
    }
    async fn watch(&self) -> Result<BoxStream<'static, Event>, BusError> {
        self.inner.watch().await
    }
    async fn incarnation(&self) -> Result<Incarnation, BusError> {
        if *self.away.lock().unwrap() {
            return Err(BusError::Stopped);
        }
        Ok(Incarnation(self.life.lock().unwrap().clone()))
    }
    fn setback(&self) -> Option<Setback> {
        *self.setback.lock().unwrap()
    }
}

impl LossyBus {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: InProcess::new(),
            life: Mutex::new("first".into()),
            setback: Mutex::default(),
            away: Mutex::new(false),
            went_back: Mutex::new(false),
            taken: Mutex::default(),
        })
    }
    async fn until_taken(&self, expected: &[(u64, Observation)]) {
        until(&format!("{expected:?}"), SOON, async || (*self.taken.lock().unwrap() == expected).then_some(())).await;
    }
}

async fn start(folder: &tempfile::TempDir, platform: &Platform, bus: Arc<LossyBus>) -> CancellationToken {
    let (service, stop) = (ServiceName::Collector, CancellationToken::new());
    let location = Location::Sqlite { folder: folder.path().to_owned() };
    let base = Base {
        service,
        site: "home".parse().unwrap(),
        db: Db::open(&location, service, overseer_collector::MIGRATIONS).await.unwrap(),
        bus,
        peers: Doors::new().peers,
        relay: Relay::default(),
        health: overseer_runtime::Health::default(),
        consumers: Consumers::default(),
        stop: stop.clone(),
    };
    let built =
        overseer_collector::build_with(base, Duration::from_secs(1), Arc::new(platform.clone()), None).await.unwrap();
    tokio::spawn(run_until_stopped(vec![built], vec![], stop.clone()));
    stop
}

const RUNS: Observation = Observation::State(ResourceState::Running);
const GONE: Observation = Observation::State(ResourceState::Removed);

#[tokio::test]
async fn only_a_whole_listing_retires_what_it_lacks() {
    let (folder, platform, bus) = (tempfile::tempdir().unwrap(), Platform::default(), LossyBus::new());
    platform.with(|state| state.there = vec![running("c1")]);
    let stop = start(&folder, &platform, bus.clone()).await;
    bus.until_taken(&[(1, RUNS)]).await;

    platform.with(|state| (state.there.clear(), state.partial = true));
    until("two failed listings", SOON, async || platform.with(|state| (state.failed_listings >= 2).then_some(())))
        .await;
    bus.until_taken(&[(1, RUNS)]).await;

    platform.with(|state| state.partial = false);
    bus.until_taken(&[(1, RUNS), (2, GONE)]).await;
    stop.cancel();
}

#[tokio::test]
async fn a_bus_that_was_away_or_lost_its_data_gets_every_fact() {
    let (folder, platform, bus) = (tempfile::tempdir().unwrap(), Platform::default(), LossyBus::new());
    *bus.away.lock().unwrap() = true;
    platform.with(|state| state.there = vec![running("c1")]);
    let stop = start(&folder, &platform, bus.clone()).await;
    *bus.away.lock().unwrap() = false;
    bus.until_taken(&[(1, RUNS)]).await;

    platform.with(|state| state.there.clear());
    bus.until_taken(&[(1, RUNS), (2, GONE)]).await;
    "second".clone_into(&mut bus.life.lock().unwrap());
    bus.until_taken(&[(1, RUNS), (2, GONE), (1, RUNS), (2, GONE)]).await;
    stop.cancel();
}

#[tokio::test]
async fn a_bus_that_went_back_gets_the_last_facts_again_and_so_does_any_bus_at_a_start() {
    let (folder, platform, bus) = (tempfile::tempdir().unwrap(), Platform::default(), LossyBus::new());
    platform.with(|state| state.there = vec![running("c1")]);
    let stop = start(&folder, &platform, bus.clone()).await;
    bus.until_taken(&[(1, RUNS)]).await;
    *bus.setback.lock().unwrap() = Some(Setback { number: 1, since: Timestamp::now() - Duration::from_secs(300) });
    bus.until_taken(&[(1, RUNS), (1, RUNS)]).await;
    stop.cancel();

    // Nobody was there to notice what happened to the bus meanwhile.
    let later = LossyBus::new();
    let stop = start(&folder, &platform, later.clone()).await;
    platform.with(|state| state.there.clear());
    later.until_taken(&[(1, RUNS), (2, GONE)]).await;
    stop.cancel();
}

#[tokio::test]
async fn what_comes_after_lost_facts_waits_for_them() {
    let (folder, platform, bus) = (tempfile::tempdir().unwrap(), Platform::default(), LossyBus::new());
    platform.with(|state| state.there = vec![running("c1")]);
    let stop = start(&folder, &platform, bus.clone()).await;
    bus.until_taken(&[(1, RUNS)]).await;
    *bus.went_back.lock().unwrap() = true;
    platform.with(|state| state.there.clear());
    bus.until_taken(&[(1, RUNS), (1, RUNS), (2, GONE)]).await;
    stop.cancel();
}
