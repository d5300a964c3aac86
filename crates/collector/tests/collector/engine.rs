//! The collector with a real engine, on both stores: what it tells, in which order, and that nothing is lost.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use overseer_bus::{Bus, Concern, Delivery, Durable, Handler, InProcess, Sites, Verdict};
use overseer_contract::v1;
use overseer_contract::v1::inventory_service_client::InventoryServiceClient;
use overseer_model::{
    AfterExit, EventKind, ExitCause, Fact, FactSource, Observation, ResourceState, ServiceName, Timestamp,
};
use overseer_runtime::{Base, Consumers, Health, Relay, RunError, run_until_stopped};
use overseer_storage::{Db, Location};
use overseer_testkit::{CrashPlan, Crashes, Docker, Postgres, until};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::doors::Doors;

const SOON: Duration = Duration::from_secs(30);
const CRASH: Observation = Observation::Exit { code: 1, cause: ExitCause::Own, after: AfterExit::StaysDown };

/// Everything that was published, and when it came.
#[derive(Clone, Default)]
struct Published(Arc<Mutex<Vec<(Fact, Timestamp)>>>);

#[async_trait]
impl Handler for Published {
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        let batch: v1::FactBatch = delivery.event.payload().unwrap();
        let now = Timestamp::now();
        let mut published = self.0.lock().unwrap();
        // As the incident engine does: what is published again after a start has been seen.
        let seen = published.last().map_or(0, |(fact, _)| fact.sequence);
        let facts = batch.facts.into_iter().map(|fact| (Fact::try_from(fact).unwrap(), now));
        published.extend(facts.filter(|(fact, _)| fact.sequence > seen));
        Verdict::Done
    }
}

impl Published {
    fn all(&self) -> Vec<(Fact, Timestamp)> {
        self.0.lock().unwrap().clone()
    }
    /// What was told of one container, without what the engine counts.
    fn of(&self, id: &str) -> Vec<Observation> {
        let of_it = self.all().into_iter().filter(|(fact, _)| fact.resource.id() == id);
        let told = of_it.map(|(fact, _)| fact.observation);
        told.filter(|observation| !matches!(observation, Observation::RestartCount(_))).collect()
    }
    async fn until_told(&self, id: &str, what: Observation) -> Fact {
        until(&format!("{what:?}"), SOON, async || {
            let mut all = self.all().into_iter().map(|(fact, _)| fact);
            all.find(|fact| fact.resource.id() == id && fact.observation == what)
        })
        .await
    }
}

struct Collector {
    doors: Doors,
    health: Health,
    stop: CancellationToken,
    running: JoinHandle<Result<(), RunError>>,
    /// Where it keeps the logs.
    _folder: tempfile::TempDir,
}

impl Collector {
    async fn start(docker: &Docker, location: &Location, published: &Published) -> Self {
        let service = ServiceName::Collector;
        let db = Db::open(location, service, overseer_collector::MIGRATIONS).await.unwrap();
        let bus = InProcess::new();
        let durable = Durable {
            service: ServiceName::IncidentEngine,
            concern: Concern::Facts,
            kinds: &[EventKind::FactBatch],
            sites: Sites::Every,
        };
        let subscription = bus.subscribe(durable).await.unwrap();
        let (stop, health) = (CancellationToken::new(), Health::default());
        let doors = Doors::new();
        let base = Base {
            service,
            site: "home".parse().unwrap(),
            db,
            bus: Arc::new(bus),
            peers: doors.peers.clone(),
            relay: Relay::default(),
            health: health.clone(),
            consumers: Consumers::default(),
            stop: stop.clone(),
        };
        let folder = tempfile::tempdir().unwrap();
        let config = serde_json::json!({
            "docker_host": docker.host(),
            "listing_every_s": 2,
            "log_keep_days": 90,
            "log_keep_days_of": {},
            "log_roots": [],
            "log_bucket": { "name": "", "endpoint": "", "region": "", "access_key_id": "", "secret_access_key_file": "" },
        });
        let config = serde_json::from_value(config).unwrap();
        let built = overseer_collector::build(base, config, folder.path()).await.unwrap();
        let (reader, told) = (Arc::new(published.clone()), stop.clone());
        tokio::spawn(async move { subscription.run(reader, told).await });
        let running = tokio::spawn(run_until_stopped(vec![built], vec![], stop.clone()));
        let collector = Self { doors, health, stop, running, _folder: folder };
        collector.until_ready().await;
        collector
    }
    async fn until_ready(&self) {
        until("the engine is followed", SOON, async || self.health.is_ready().then_some(())).await;
    }
    async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
    }
    fn inventory(&self) -> InventoryServiceClient<overseer_runtime::Upstream> {
        InventoryServiceClient::new(self.doors.viewer())
    }
}

const fn always(policy: &str) -> CrashPlan<'_> {
    CrashPlan { crashes: Crashes::Always, restart_policy: policy }
}
const fn never(policy: &str) -> CrashPlan<'_> {
    CrashPlan { crashes: Crashes::First(0), restart_policy: policy }
}

/// In a row from 1, each once.
fn assert_no_gaps(published: &Published) {
    let sequences: Vec<u64> = published.all().into_iter().map(|(fact, _)| fact.sequence).collect();
    assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>());
}

/// A container can end before its first look has told its rule; then the sequel of that exit is told by a look after it.
fn decided(mut told: Vec<Observation>) -> Vec<Observation> {
    const UNDECIDED: Observation = Observation::Exit { code: 1, cause: ExitCause::Own, after: AfterExit::Unknown };
    while let Some(exit) = told.iter().position(|observation| *observation == UNDECIDED) {
        if told.len() == exit + 1 {
            break;
        }
        let after = match told.remove(exit + 1) {
            Observation::State(ResourceState::Restarting) => AfterExit::Restarts,
            Observation::State(ResourceState::Exited) => AfterExit::StaysDown,
            other => panic!("no sequel of an exit: {other:?}"),
        };
        told[exit] = Observation::Exit { code: 1, cause: ExitCause::Own, after };
    }
    told
}

async fn tells_a_crash_loop_in_order(location: Location) {
    let (docker, published) = (Docker::start().await, Published::default());
    let collector = Collector::start(&docker, &location, &published).await;
    let shop = docker.crashing_container("shop", always("on-failure:3")).await;
    published.until_told(&shop.id, CRASH).await;

    let crash = Observation::Exit { code: 1, cause: ExitCause::Own, after: AfterExit::Restarts };
    let mut expected = vec![Observation::State(ResourceState::Created)];
    expected.extend([Observation::Start, crash].repeat(3));
    expected.extend([Observation::Start, CRASH]);
    assert_eq!(decided(published.of(&shop.id)), expected);
    assert_no_gaps(&published);
    for (fact, came) in published.all() {
        if fact.source == FactSource::Event && matches!(fact.observation, Observation::Exit { .. }) {
            let micros = came.since(fact.observed_at).as_micros();
            eprintln!("from the engine's time of the exit to a subscriber: {micros} us");
        }
    }
    reads_the_inventory(&collector, &shop.id, &published).await;

    docker.run(&["rm", "shop"]).await;
    published.until_told(&shop.id, Observation::State(ResourceState::Removed)).await;
    collector.stop().await;
}

async fn reads_the_inventory(collector: &Collector, id: &str, published: &Published) {
    let mut inventory = collector.inventory();
    let rule = until("the engine's own count of restarts", SOON, async || {
        let resource = collector
            .inventory()
            .get_resource(v1::GetResourceRequest { uri: format!("docker://local/{id}") })
            .await
            .unwrap();
        let resource = resource.into_inner();
        assert_eq!(resource.state(), v1::ResourceState::Exited);
        let container = resource.details.map(|v1::resource::Details::Container(container)| container);
        (resource.restart_count == 3).then_some(container?.restart_rule)
    })
    .await;
    let expected = v1::restart_rule::Rule::OnFailure(v1::OnFailure { most_restarts: 3 });
    assert_eq!(rule.unwrap().rule, Some(expected));
    let listed = inventory.list_resources(v1::ListResourcesRequest::default()).await.unwrap().into_inner();
    assert_eq!((listed.resources.len(), listed.next_page_token.as_str()), (1, ""));

    let (mut told, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListFactsRequest { resource: format!("docker://local/{id}"), page_size: 2, page_token };
        let page = inventory.list_facts(request).await.unwrap().into_inner();
        told.extend(page.facts.into_iter().map(|fact| fact.sequence));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let mut sequences: Vec<u64> = published.all().into_iter().map(|(fact, _)| fact.sequence).collect();
    sequences.reverse();
    assert_eq!(told, sequences);
    let nobody =
        inventory.get_resource(v1::GetResourceRequest { uri: "docker://local/nobody".into() }).await.unwrap_err();
    assert_eq!(nobody.code(), tonic::Code::NotFound);
}

async fn knows_a_stop_that_was_asked_for(location: Location) {
    let (docker, published) = (Docker::start().await, Published::default());
    let collector = Collector::start(&docker, &location, &published).await;
    let shop = docker.crashing_container("shop", never("always")).await;
    published.until_told(&shop.id, Observation::Start).await;
    until("it runs", SOON, async || (shop.starts() == 1).then_some(())).await;

    docker.run(&["stop", "shop"]).await;
    let stopped = Observation::Exit { code: 0, cause: ExitCause::Requested, after: AfterExit::StaysDown };
    published.until_told(&shop.id, stopped).await;
    docker.run(&["start", "shop"]).await;
    docker.run(&["kill", "-s", "KILL", "shop"]).await;
    let killed = Observation::Exit { code: 137, cause: ExitCause::Requested, after: AfterExit::StaysDown };
    published.until_told(&shop.id, killed).await;
    let created = Observation::State(ResourceState::Created);
    assert_eq!(published.of(&shop.id), [created, Observation::Start, stopped, Observation::Start, killed]);
    collector.stop().await;
}

/// Which the engine still remembers: they are told as events, once.
async fn is_told_what_happened_while_it_was_away(location: Location) {
    let (docker, published) = (Docker::start().await, Published::default());
    let collector = Collector::start(&docker, &location, &published).await;
    let shop = docker.crashing_container("shop", always("no")).await;
    until("the first crash", SOON, async || decided(published.of(&shop.id)).contains(&CRASH).then_some(())).await;
    collector.stop().await;
    docker.run(&["start", "shop"]).await;
    let other = docker.crashing_container("other", always("no")).await;
    until("both are down", SOON, async || docker.run(&["ps", "-q"]).await.is_empty().then_some(())).await;

    let collector = Collector::start(&docker, &location, &published).await;
    let twice = [Observation::State(ResourceState::Created), Observation::Start, CRASH, Observation::Start, CRASH];
    until("both crashes", SOON, async || (decided(published.of(&shop.id)) == twice).then_some(())).await;
    until("the other's", SOON, async || (published.of(&other.id).len() >= 3).then_some(())).await;
    assert_eq!(published.of(&other.id)[1], Observation::Start);
    assert_no_gaps(&published);
    collector.stop().await;
}

/// Which nobody remembers: the listing shows that it must have happened.
async fn repairs_what_the_engine_forgot(location: Location) {
    let (docker, published) = (Docker::start().await, Published::default());
    let old = docker.crashing_container("old", always("no")).await;
    until("an old exit", SOON, async || docker.run(&["ps", "-q"]).await.is_empty().then_some(())).await;
    let collector = Collector::start(&docker, &location, &published).await;
    published.until_told(&old.id, Observation::State(ResourceState::Exited)).await;
    let shop = docker.crashing_container("shop", never("no")).await;
    published.until_told(&shop.id, Observation::Start).await;
    collector.stop().await;
    docker.run(&["kill", "shop"]).await;
    docker.run(&["rm", "old"]).await;
    docker.kill_engine().await;
    docker.restart_engine().await;

    let collector = Collector::start(&docker, &location, &published).await;
    let exit = Observation::Exit { code: 137, cause: ExitCause::Own, after: AfterExit::StaysDown };
    let fact = published.until_told(&shop.id, exit).await;
    assert_eq!(fact.source, FactSource::Listing);
    published.until_told(&old.id, Observation::State(ResourceState::Removed)).await;
    let removed = [ResourceState::Exited, ResourceState::Removed].map(Observation::State);
    assert_eq!(published.of(&old.id), removed);
    let shops = [Observation::State(ResourceState::Created), Observation::Start, exit];
    assert_eq!(published.of(&shop.id), shops);
    assert_no_gaps(&published);
    collector.stop().await;
}

async fn survives_the_death_of_the_engine(location: Location) {
    let (docker, published) = (Docker::start().await, Published::default());
    let collector = Collector::start(&docker, &location, &published).await;
    let shop = docker.crashing_container("shop", never("always")).await;
    published.until_told(&shop.id, Observation::Start).await;
    docker.kill_engine().await;
    until("it waits", SOON, async || (!collector.health.is_ready()).then_some(())).await;
    docker.restart_engine().await;
    collector.until_ready().await;
    let starts = || published.of(&shop.id).into_iter().filter(|told| *told == Observation::Start).count();
    until("the start by the engine's restart", SOON, async || (starts() == 2).then_some(())).await;

    let late = docker.crashing_container("late", always("no")).await;
    until("its crash", SOON, async || decided(published.of(&late.id)).contains(&CRASH).then_some(())).await;
    let mut told = published.all().into_iter().filter(|(fact, _)| fact.resource.id() == late.id);
    let exit = told.find(|(fact, _)| matches!(fact.observation, Observation::Exit { .. })).unwrap().0;
    assert_eq!(exit.source, FactSource::Event);
    assert_no_gaps(&published);
    collector.stop().await;
}

macro_rules! on_every_store {
    ($($case:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                let folder = tempfile::tempdir().unwrap();
                super::$case(super::Location::Sqlite { folder: folder.path().to_owned() }).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                let address = super::Postgres::shared().await.scratch_url().await;
                super::$case(super::Location::Postgres { address }).await;
            })*
        }
    };
}
on_every_store! {
    tells_a_crash_loop_in_order
    knows_a_stop_that_was_asked_for
    is_told_what_happened_while_it_was_away
    repairs_what_the_engine_forgot
    survives_the_death_of_the_engine
}
