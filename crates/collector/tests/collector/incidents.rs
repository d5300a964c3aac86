//! Incidents that the bus tells of are linked in the summary of their workload's month, with both buses and both stores.

use std::sync::Arc;
use std::time::Duration;

use overseer_bus::{Bus, InProcess, JetStream, JetStreamOptions};
use overseer_contract::v1::log_service_client::LogServiceClient;
use overseer_contract::{Event, from_json, to_timestamp, v1};
use overseer_logs::chronicle::{Day, Month};
use overseer_logstore::{Config, Objects, Store};
use overseer_model::{ServiceName, Timestamp};
use overseer_runtime::{Base, Consumers, Health, Relay, RunError, Upstream, run_until_stopped};
use overseer_storage::{Db, Location, inbox, parked};
use overseer_testkit::{Docker, Nats, Postgres, until};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::doors::Doors;

const SOON: Duration = Duration::from_secs(30);
/// How old the lines are, in days: kept long enough to leave a summary, and young enough to be read.
const AGO: u32 = 40;
const WORKLOAD: &str = "shop/web";

macro_rules! cases {
    ($($case:ident)*) => {
        mod in_process { $(#[tokio::test(flavor = "multi_thread")] async fn $case() { super::$case(super::Place::inside().await).await; })* }
        mod jetstream { $(#[tokio::test(flavor = "multi_thread")] async fn $case() { super::$case(super::Place::apart().await).await; })* }
    };
}
cases! {
    incidents_of_the_month_are_linked_once_however_often_they_are_told
    an_event_that_does_not_read_is_put_aside_and_those_behind_it_count
}

/// An engine with a container of `shop/web` whose lines are old, and where a collector keeps what it has.
struct Place {
    docker: Docker,
    container: String,
    folder: tempfile::TempDir,
    location: Location,
    bus: Arc<dyn Bus>,
    nats: Option<Nats>,
}

impl Place {
    async fn inside() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Sqlite { folder: folder.path().to_owned() };
        Self::with(folder, location, Arc::new(InProcess::new()), None).await
    }

    async fn apart() -> Self {
        let nats = Nats::start().await;
        let bus = JetStream::connect(JetStreamOptions::new(nats.url())).await.unwrap();
        let location = Location::Postgres { address: Postgres::shared().await.scratch_url().await };
        Self::with(tempfile::tempdir().unwrap(), location, Arc::new(bus), Some(nats)).await
    }

    async fn with(folder: tempfile::TempDir, location: Location, bus: Arc<dyn Bus>, nats: Option<Nats>) -> Self {
        let docker = Docker::start().await;
        let labels = ["--label", "com.docker.compose.project=shop", "--label", "com.docker.compose.service=web"];
        let run = [&["run", "--name", "web"], &labels[..], &["busybox:local", "echo", "one line"]].concat();
        docker.run(&run).await;
        docker.date_lines("web", 1, &day().begin().to_string()[..10]).await;
        let container = docker.run(&["inspect", "--format", "{{.Id}}", "web"]).await;
        Self { docker, container, folder, location, bus, nats }
    }

    /// What the bus knows of events that were told is gone: it takes and delivers each again.
    async fn forget_what_was_told(&self) {
        if let Some(nats) = &self.nats {
            nats.lose_store().await;
        }
    }

    /// Lines are sealed an hour after they came, and deleted only then; here at once.
    async fn seal(&self) {
        let folder = self.folder.path().join("logs");
        let seal = move || {
            let objects = Objects::directory(&folder.join("segments")).unwrap();
            Store::open(&folder.join("open"), objects, Config::default()).unwrap().0.seal().unwrap();
        };
        tokio::task::spawn_blocking(seal).await.unwrap();
    }

    /// An incident of the container.
    fn incident(&self, id: &str) -> v1::Incident {
        v1::Incident {
            id: id.to_owned(),
            resource: Some(resource(&self.container, "web")),
            title: format!("{id} loops"),
            opened_at: Some(to_timestamp(day().begin())),
            ..v1::Incident::default()
        }
    }
}

struct Collector {
    db: Db,
    bus: Arc<dyn Bus>,
    doors: Doors,
    stop: CancellationToken,
    running: JoinHandle<Result<(), RunError>>,
}

impl Collector {
    async fn start(place: &Place) -> Self {
        let service = ServiceName::Collector;
        let db = Db::open(&place.location, service, overseer_collector::MIGRATIONS).await.unwrap();
        let (bus, stop, health) = (place.bus.clone(), CancellationToken::new(), Health::default());
        let doors = Doors::new();
        let base = Base {
            service,
            site: "home".parse().unwrap(),
            db: db.clone(),
            bus: bus.clone(),
            peers: doors.peers.clone(),
            relay: Relay::default(),
            health: health.clone(),
            consumers: Consumers::default(),
            stop: stop.clone(),
        };
        let built = overseer_collector::build(base, config(&place.docker), place.folder.path()).await.unwrap();
        let running = tokio::spawn(run_until_stopped(vec![built], vec![], stop.clone()));
        until("the engine is followed", SOON, async || health.is_ready().then_some(())).await;
        Self { db, bus, doors, stop, running }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
    }

    fn logs(&self) -> LogServiceClient<Upstream> {
        LogServiceClient::new(self.doors.viewer())
    }

    async fn has_read_the_line(&self) {
        until("the line", SOON, async || {
            let asked = v1::ListLogLinesRequest { workload: WORKLOAD.to_owned(), ..Default::default() };
            let listed = self.logs().list_log_lines(asked).await.unwrap().into_inner();
            (listed.lines.len() == 1).then_some(())
        })
        .await;
    }

    /// Puts events on the bus and waits until the last of them has its effect, and so each before it: their key is the
    /// same.
    async fn is_told(&self, events: &[Event]) {
        for event in events {
            let taken = until("the bus to take an event", SOON, async || self.bus.publish(event).await.ok());
            // The bus inside one process takes it once the collector is done with it.
            tokio::time::timeout(SOON, taken).await.expect("the event is taken in time");
        }
        let last = events.last().unwrap().id;
        until("the effect of the last event", SOON, async || {
            // Seen in a transaction that is dropped: the inbox stays as it is.
            let mut tx = self.db.begin_write().await.unwrap();
            let sight = inbox::see(&mut tx.conn(), last, Timestamp::now()).await.unwrap();
            (sight == inbox::Sight::Repeated).then_some(())
        })
        .await;
    }

    async fn parked(&self) -> i64 {
        let mut reader = self.db.reader().await.unwrap();
        parked::count(&mut reader.conn()).await.unwrap()
    }

    /// Ids and titles of the incidents in the summary of the month, once that is written.
    async fn linked(&self) -> Vec<(String, String)> {
        let asked = || v1::GetLogSummaryRequest { month: month(), workload: WORKLOAD.to_owned() };
        let refused = LogServiceClient::new(self.doors.nobody()).get_log_summary(asked()).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::Unauthenticated, "{refused}");
        let signed = until("the summary", SOON, async || self.logs().get_log_summary(asked()).await.ok()).await;
        let summary: v1::LogSummary = from_json(&signed.into_inner().document).unwrap();
        let opened_at = Some(to_timestamp(day().begin()));
        assert!(summary.incidents.iter().all(|incident| incident.opened_at == opened_at), "{summary:?}");
        summary.incidents.into_iter().map(|incident| (incident.id, incident.title)).collect()
    }
}

fn config(docker: &Docker) -> overseer_collector::CollectorConfig {
    let config = serde_json::json!({
        "docker_host": docker.host(),
        "listing_every_s": 2,
        "log_keep_days": 90,
        "log_keep_days_of": { WORKLOAD: 1 },
        "log_roots": [],
        "log_bucket": { "name": "", "endpoint": "", "region": "", "access_key_id": "", "secret_access_key_file": "" },
    });
    serde_json::from_value(config).unwrap()
}

fn day() -> Day {
    Day::of(Timestamp::now()).back(AGO)
}

fn month() -> String {
    day().month().to_string()
}

fn resource(id: &str, name: &str) -> v1::ResourceRef {
    v1::ResourceRef {
        site: "home".into(),
        provider: v1::Provider::Docker.into(),
        kind: v1::ResourceKind::Container.into(),
        id: id.into(),
        name: name.into(),
        instance: "local".into(),
    }
}

/// Each time another event, all of one key.
fn told(incident: v1::Incident) -> Event {
    let payload = v1::IncidentDetected { incident: Some(incident) };
    Event::new("home".parse().unwrap(), "key", Timestamp::now(), None, &payload).unwrap()
}

async fn incidents_of_the_month_are_linked_once_however_often_they_are_told(place: Place) {
    let collector = Collector::start(&place).await;
    collector.has_read_the_line().await;
    let month: Month = month().parse().unwrap();
    let elsewhere = v1::ResourceRef { site: "nas-1".into(), ..resource(&place.container, "web") };
    let events = [
        told(place.incident("inc-2")),
        // Of a container that nobody knows any more: what it was called has to do.
        told(v1::Incident { resource: Some(resource("gone", WORKLOAD)), ..place.incident("inc-1") }),
        told(v1::Incident { resource: Some(resource("other", "other")), ..place.incident("of-another-workload") }),
        told(v1::Incident { resource: Some(elsewhere), ..place.incident("of-another-site") }),
        told(v1::Incident {
            opened_at: Some(to_timestamp(month.next().first().begin())),
            ..place.incident("of-the-next-month")
        }),
        // As after a restart of the incident engine that lost what it had told.
        told(v1::Incident { title: "told anew".into(), ..place.incident("inc-2") }),
    ];
    collector.is_told(&events).await;
    place.forget_what_was_told().await;
    let again = [&events[..], &[told(place.incident("inc-3"))]].concat();
    collector.is_told(&again).await;
    assert_eq!(collector.parked().await, 0);
    collector.stop().await;

    place.seal().await;
    let collector = Collector::start(&place).await;
    let expected = ["inc-1", "inc-2", "inc-3"].map(|id| (id.to_owned(), format!("{id} loops")));
    assert_eq!(collector.linked().await, expected);
    collector.stop().await;
}

async fn an_event_that_does_not_read_is_put_aside_and_those_behind_it_count(place: Place) {
    let collector = Collector::start(&place).await;
    collector.has_read_the_line().await;
    let good = told(place.incident("inc-1"));
    let empty = Event { data: "{}".to_owned(), ..told(place.incident("empty")) };
    let other = Event { data: "not JSON".to_owned(), ..told(place.incident("other")) };
    let nameless = told(place.incident(""));
    collector.is_told(&[empty, other, nameless, good]).await;
    assert_eq!(collector.parked().await, 3);
    collector.stop().await;

    place.seal().await;
    let collector = Collector::start(&place).await;
    assert_eq!(collector.linked().await, [("inc-1".to_owned(), "inc-1 loops".to_owned())]);
    collector.stop().await;
}
