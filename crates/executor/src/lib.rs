//! The executor: the only service that acts, and only with a ticket that the control plane signed.
//!
//! Each arrow is a commit that a crash cannot take back:
//! ticket and fresh look → **intent** → one call of the adapter → **outcome** → stabilization window → **verification**.
//!
//! An intent acts once, in the life of the process that wrote it, or never. After a crash, and after a call without an
//! answer, reality is probed; when it shows that nothing was done, that is reported, and only the control plane can sign
//! another attempt. When it cannot tell, the attempt is in doubt and a person decides.
//!
//! Not promised: that a process which cannot reach its store any more, and sleeps for longer than its lease between its
//! last look at the clock and its call, does not act late. The platforms know no fencing; `ACT_WITHIN`, the adapter's
//! deadline for its connection and the lease, in this order of length, leave no room for it in a process that runs.

mod attempt;
mod crew;
mod effect;
mod intake;
mod ledger;
mod platform;
mod probe;
mod query;
mod record;
pub mod retention;
mod verification;
mod wire;
mod work;

use std::sync::Arc;
use std::time::Duration;

use overseer_bus::{Concern, Durable, Sites};
use overseer_contract::v1::execution_service_server::ExecutionServiceServer;
use overseer_model::{EventKind, Instance, Timestamp};
use overseer_permit::Verifier;
use overseer_provider_act::Act;
use overseer_provider_docker::DockerObserve;
use overseer_provider_docker_act::DockerAct;
use overseer_provider_port::Observe;
use overseer_runtime::{Base, BuildError, Service, Task, consume};
use overseer_storage::Migrations;
use serde::Deserialize;
use tokio::sync::mpsc;
use tonic::service::Routes;

use crate::crew::Crew;
use crate::intake::Intake;
use crate::ledger::Ledger;
use crate::platform::Platform;
use crate::query::Executions;
use crate::work::Worker;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutorConfig {
    /// The engine, as `DOCKER_HOST` writes it.
    pub docker_host: String,
    /// How long a target must hold after an action before it counts as mended, in seconds, 1 to 270:
    /// with the wait for an engine that is away, a verification stays below 5 minutes.
    pub window_s: u32,
}

pub const MIGRATIONS: Migrations = Migrations(&[
    (100, "attempt", include_str!("../../../migrations/executor/0100_attempt.sql")),
    (101, "resource_keys", include_str!("../../../migrations/executor/0101_resource_keys.sql")),
    (102, "one_call_per_approval", include_str!("../../../migrations/executor/0102_one_call_per_approval.sql")),
]);

/// Builds the executor on a Docker engine.
///
/// # Errors
/// When the engine's address does not parse, and as [`build`].
pub async fn build_docker(base: Base, config: ExecutorConfig, verifier: Verifier) -> Result<Service, BuildError> {
    let host = &config.docker_host;
    let observe =
        DockerObserve::new(host, Instance::default(), base.site.clone()).map_err(|source| bad_host(host, source))?;
    let act = DockerAct::new(host).map_err(|source| bad_host(host, source))?;
    build(base, config, verifier, Arc::new(observe), Arc::new(act)).await
}

fn bad_host(host: &str, source: impl std::error::Error + Send + Sync + 'static) -> BuildError {
    BuildError::Config {
        what: format!("executor.docker_host is `{host}`: write for example unix:///var/run/docker.sock"),
        source: Some(Box::new(source)),
    }
}

/// Builds the executor on any platform.
///
/// # Errors
/// When the window is out of range, or the bus refuses the durable.
pub async fn build(
    base: Base,
    config: ExecutorConfig,
    verifier: Verifier,
    observe: Arc<dyn Observe>,
    act: Arc<dyn Act>,
) -> Result<Service, BuildError> {
    if !(1..=270).contains(&config.window_s) {
        let what = format!("executor.window_s is {}: write 1 to 270", config.window_s);
        return Err(BuildError::Config { what, source: None });
    }
    let platform = Platform::new(observe, base.health.clone());
    let ledger = Ledger::new(base.db.clone(), base.site.clone());
    // Before the first ticket is taken, so that what is unfinished now was left by another process.
    let left = ledger.take_over_at_start(Timestamp::now()).await?;
    let (jobs, queue) = mpsc::unbounded_channel();
    let worker = Worker {
        ledger: ledger.clone(),
        relay: base.relay.clone(),
        platform: platform.clone(),
        act,
        window: Duration::from_secs(config.window_s.into()),
        stop: base.stop.clone(),
    };
    let intake =
        Intake { ledger: ledger.clone(), relay: base.relay.clone(), platform: platform.clone(), verifier, jobs };
    let durable = Durable {
        service: base.service,
        concern: Concern::Work,
        kinds: &[EventKind::StepDispatched],
        sites: Sites::Only(base.site.clone()),
    };
    let consumer = consume(&base, durable, Arc::new(intake)).await?;
    let crew = Crew::new(worker, ledger, queue);
    let stop = base.stop.clone();
    let crew = Task::new("attempts", async move {
        crew.run(left, stop).await;
        Ok(())
    });
    let stop = base.stop.clone();
    let presence = Task::new("presence", async move {
        platform.watch_presence(stop).await;
        Ok(())
    });
    let routes = Routes::new(ExecutionServiceServer::new(Executions { db: base.db.clone() }));
    let retention = overseer_runtime::retention::task(&base, retention::prune);
    Ok(Service::new(&base, routes, vec![consumer, crew, presence, retention]))
}
