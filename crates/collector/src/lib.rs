//! The collector watches one Docker engine and tells what it observed, in order and without gaps. It decides nothing
//! about what is wrong and changes nothing on the engine.

pub mod archive;
mod backoff;
pub mod chronicle;
mod grpc;
pub mod logs;
mod looks;
mod marks;
mod memory;
mod publish;
pub mod retention;
mod sources;
mod store;
mod watch;
mod wire;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use overseer_bus::{Durable, Sites};
use overseer_contract::v1::inventory_service_server::InventoryServiceServer;
use overseer_contract::v1::log_service_server::LogServiceServer;
use overseer_logstore::Nanos;
use overseer_model::{Instance, Stream, Timestamp};
use overseer_provider_docker::DockerObserve;
use overseer_provider_port::Observe;
use overseer_runtime::{Base, BuildError, Dependency, Service, Task, consume};
use overseer_storage::Migrations;
use serde::Deserialize;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::archive::{Archive, ArchiveError, Days, LogBucket, Logs, Retention};
use crate::chronicle::{IncidentConsumer, Recorder, Retire};
use crate::grpc::Inventory;
use crate::logs::files::{Declared, Files};
use crate::logs::{Containers, Intake, Queues, Sighting, States, Workloads};
use crate::memory::Memory;
use crate::publish::Publisher;
use crate::sources::{Readers, Sources};
use crate::store::Store;
use crate::watch::Watch;

/// The collector's tables.
pub const MIGRATIONS: Migrations = Migrations(&[
    (100, "collector", include_str!("../../../migrations/collector/0100_collector.sql")),
    (101, "log_sources", include_str!("../../../migrations/collector/0101_log_sources.sql")),
    (102, "chronicle", include_str!("../../../migrations/collector/0102_chronicle.sql")),
    (103, "log_minutes_changed", include_str!("../../../migrations/collector/0103_log_minutes_changed.sql")),
    (104, "resource_keys", include_str!("../../../migrations/collector/0104_resource_keys.sql")),
]);

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectorConfig {
    /// Where the engine is: `unix:///path` or `tcp://host:port`. Empty means `DOCKER_HOST`, or else the usual socket.
    pub docker_host: String,
    /// Seconds between full listings, which repair what the engine's events left out. At least 1.
    pub listing_every_s: u32,
    /// Days that log lines are kept. 1 to 3650.
    pub log_keep_days: Days,
    /// The same for single workloads.
    pub log_keep_days_of: BTreeMap<String, Days>,
    /// Folders below which files can be declared as logs.
    pub log_roots: Vec<PathBuf>,
    /// Where sealed log segments are kept.
    pub log_bucket: LogBucket,
}

/// The collector of the engine that the configuration names. The engine need not run yet. `folder` is where it keeps
/// the logs.
///
/// # Errors
/// When the address is none, or the store cannot be used.
pub async fn build(base: Base, config: CollectorConfig, folder: &Path) -> Result<Service, BuildError> {
    let observe =
        DockerObserve::new(&config.docker_host, Instance::default(), base.site.clone()).map_err(|source| {
            BuildError::Config { what: "collector.docker_host cannot be used".to_owned(), source: Some(source.into()) }
        })?;
    let (observe, workloads) = (Arc::new(observe), Workloads::default());
    let (logs, known) = (folder.join("logs"), workloads.clone());
    let log_retention = Retention { usual: config.log_keep_days, of: config.log_keep_days_of.clone() };
    let (kept, applied) = (log_retention.clone(), chronicle::applied(&base.db).await?);
    let (bucket, site) = (config.log_bucket.clone(), base.site.clone());
    let opened = tokio::task::spawn_blocking(move || {
        let signer = archive::summary_signer(&logs)?;
        let objects = bucket.objects(&logs, &site)?;
        Ok((Archive::open(&logs, objects, known, kept, applied)?, signer))
    });
    let opened = opened.await;
    let (archive, signer) =
        opened.map_err(ArchiveError::from).and_then(|opened| opened).map_err(|source| BuildError::Config {
            what: format!("the log store in {} cannot be used", config.log_bucket.place(folder)),
            source: Some(source.into()),
        })?;
    let intake = Intake {
        logs: observe.clone(),
        sink: Arc::new(archive.clone()),
        positions: Arc::new(archive.clone()),
        retention: log_retention.longest().span(),
        workloads: workloads.clone(),
        states: States::default(),
        files: Declared::default(),
    };
    let (files, states) = (intake.files.clone(), intake.states.clone());
    let readers = Readers { files, states, workloads, retention: log_retention.clone() };
    let sources = Sources::open(base.db.clone(), config.log_roots.clone(), readers).await?;
    let (stop, db, maintained) = (base.stop.clone(), base.db.clone(), archive.clone());
    let (site, kept) = (base.site.clone(), archive.clone());
    let retire = Retire::new(base.db.clone(), site, kept, signer);
    let recorder = Recorder::new(retire, base.relay.clone());
    let incidents = IncidentConsumer { base: base.clone(), store: Store::new(base.db.clone(), base.site.clone()) };
    let durable = Durable {
        service: base.service,
        stream: Stream::Events,
        kinds: chronicle::KINDS,
        sites: Sites::Only(base.site.clone()),
    };
    let linked = consume(&base, durable, Arc::new(incidents)).await?;
    let recorded = base.stop.clone();
    let record = Task::new("log-chronicle", async move {
        recorder.run(Timestamp::now, recorded).await;
        Ok(())
    });
    let maintain = Task::new("log-archive", async move {
        maintained.maintain(|| Nanos(Timestamp::now().micros().saturating_mul(1_000)), stop).await;
        Ok(())
    });
    let routes = Routes::new(LogServiceServer::new(Logs { archive, sources, db, stop: base.stop.clone() }));
    let listing_every = Duration::from_secs(u64::from(config.listing_every_s));
    assemble(base, listing_every, observe, Some(intake), (routes, vec![maintain, record, linked])).await
}

/// The same with another way to look at a platform, and another intake of logs or none.
///
/// # Errors
/// When the store cannot be used.
pub async fn build_with(
    base: Base,
    listing_every: Duration,
    observe: Arc<dyn Observe>,
    intake: Option<Intake>,
) -> Result<Service, BuildError> {
    assemble(base, listing_every, observe, intake, (Routes::default(), vec![])).await
}

async fn assemble(
    base: Base,
    listing_every: Duration,
    observe: Arc<dyn Observe>,
    intake: Option<Intake>,
    (routes, mut tasks): (Routes, Vec<Task>),
) -> Result<Service, BuildError> {
    let store = Store::new(base.db.clone(), base.site.clone());
    let wake = Arc::new(Notify::new());
    base.health.set(watch::DEPENDENCY, Dependency::Waiting);
    let publisher = Publisher {
        store: store.clone(),
        bus: base.bus.clone(),
        site: base.site.clone(),
        epoch: store.epoch().await?,
        wake: wake.clone(),
    };
    let mut memory = Memory::new(
        store.clone(),
        Arc::new(overseer_provider_docker::Containers),
        wake,
        base.relay.clone(),
        base.stop.clone(),
    );
    let log_tasks = intake.map(|intake| log_tasks(intake, memory.sightings(), &base.stop));
    let watch = Watch::new(&base, observe, memory, listing_every);
    let routes = routes.add_service(InventoryServiceServer::new(Inventory {
        store: store.clone(),
        site: base.site.clone(),
        health: base.health.clone(),
    }));
    let stop = base.stop.clone();
    tasks.extend([
        Task::new("watch", async move {
            watch.run().await;
            Ok(())
        }),
        Task::new("publish", async move {
            publisher.run(stop).await;
            Ok(())
        }),
        overseer_runtime::retention::task(&base, retention::prune),
    ]);
    tasks.extend(log_tasks.into_iter().flatten());
    Ok(Service::new(&base, routes, tasks))
}

/// The readers of logs, and what takes their lines to the sink.
fn log_tasks(intake: Intake, sightings: UnboundedReceiver<Sighting>, stop: &CancellationToken) -> [Task; 3] {
    let queues = Queues::default();
    let files = Files::new(intake.clone(), queues.clone());
    let containers = Containers::new(intake.clone(), queues.clone());
    let (read, tailed, delivered) = (stop.clone(), stop.clone(), stop.clone());
    [
        Task::new("container-logs", async move {
            containers.run(sightings, read).await;
            Ok(())
        }),
        Task::new("file-logs", async move {
            files.run(tailed).await;
            Ok(())
        }),
        Task::new("log-batches", async move {
            logs::deliver(queues, intake, delivered).await;
            Ok(())
        }),
    ]
}
