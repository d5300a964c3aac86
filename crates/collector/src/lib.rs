//! The collector watches one Docker engine and tells what it observed, in order and without gaps. It decides nothing
//! about what is wrong and changes nothing on the engine.

mod grpc;
mod looks;
mod marks;
mod memory;
mod publish;
pub mod retention;
mod store;
mod watch;
mod wire;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use overseer_contract::v1::inventory_service_server::InventoryServiceServer;
use overseer_logs::LogHalf;
use overseer_logs::archive::{Days, LogBucket, Retention};
use overseer_logs::intake::Intake;
use overseer_model::Instance;
use overseer_provider_docker::DockerObserve;
use overseer_provider_port::Observe;
use overseer_runtime::{Base, BuildError, Dependency, Service, Task};
use overseer_storage::Migrations;
use serde::Deserialize;
use tokio::sync::Notify;
use tonic::service::Routes;

use crate::grpc::Inventory;
use crate::memory::Memory;
use crate::publish::Publisher;
use crate::store::Store;
use crate::watch::Watch;

/// The collector's tables.
pub const MIGRATIONS: Migrations = Migrations(&[
    (100, "collector", include_str!("../../../migrations/collector/0100_collector.sql")),
    overseer_logs::TABLES[0],
    overseer_logs::TABLES[1],
    overseer_logs::TABLES[2],
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
    let observe = Arc::new(observe);
    let settings = overseer_logs::Settings {
        retention: Retention { usual: config.log_keep_days, of: config.log_keep_days_of },
        roots: config.log_roots,
        bucket: config.log_bucket,
    };
    let inventory = Arc::new(Store::new(base.db.clone(), base.site.clone()));
    let LogHalf { service, tasks, intake } =
        overseer_logs::build(&base, settings, folder, observe.clone(), inventory).await?;
    let listing_every = Duration::from_secs(u64::from(config.listing_every_s));
    assemble(base, listing_every, observe, Some(intake), (Routes::new(service), tasks)).await
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
    let log_tasks = intake.map(|intake| intake.tasks(memory.sightings(), &base.stop));
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
