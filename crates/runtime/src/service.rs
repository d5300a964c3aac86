//! What a service is given, what it gives back, and how any set of services runs in one process: all of it is built
//! first, then run; when one ends, all are stopped.

use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use overseer_bus::{Bus, BusError};
use overseer_model::{ServiceName, Site};
use overseer_storage::{Db, StoreError};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::chain::OwnChain;
use crate::parked::{self, OwnParked};
use crate::relay::Backing;
use crate::{Consumers, Health, Peers, Relay, gate, retention};

/// How long work in hand may take once the end was asked for: the longest call of a platform, and some.
const GRACE: Duration = Duration::from_secs(40);

/// What a service is given.
#[derive(Clone)]
pub struct Base {
    pub service: ServiceName,
    pub site: Site,
    pub db: Db,
    pub bus: Arc<dyn Bus>,
    pub peers: Peers,
    pub relay: Relay,
    pub health: Health,
    /// What this service consumes, for events that are replayed.
    pub consumers: Consumers,
    pub stop: CancellationToken,
}

#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    #[error("the bus cannot be used")]
    Bus(#[source] BusError),
    #[error("cannot listen on {address}: choose another address, or stop the process that uses it")]
    Bind {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("{what}")]
    Config {
        what: String,
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("{name} ended")]
    Task {
        name: &'static str,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    #[error("{name} exited unexpectedly: check the log, then start Overseer again")]
    Ended { name: &'static str },
    #[error("a task panicked: this is a bug in Overseer")]
    Panic(#[source] JoinError),
    #[error("the bus failed")]
    Bus(#[from] BusError),
    #[error("work in progress did not end within {0:?}")]
    Grace(Duration),
}

/// Something that runs until the process is asked to end.
pub struct Task {
    name: &'static str,
    run: Pin<Box<dyn Future<Output = Result<(), RunError>> + Send>>,
}

impl Task {
    pub fn new(name: &'static str, run: impl Future<Output = Result<(), RunError>> + Send + 'static) -> Self {
        Self { name, run: Box::pin(run) }
    }
}

/// A service that is built and can run.
pub struct Service {
    pub name: ServiceName,
    /// Its gRPC methods behind the gate.
    pub router: Router,
    tasks: Vec<Task>,
}

impl Service {
    /// From a service's methods and its own loops; relay, chain and gate come with it.
    #[must_use]
    pub fn new(base: &Base, routes: Routes, mut tasks: Vec<Task>) -> Self {
        let chain = OwnChain { service: base.service, db: base.db.clone() };
        let parked = OwnParked { service: base.service, db: base.db.clone(), consumers: base.consumers.clone() };
        let routes = routes.add_service(chain.server()).add_service(parked.server());
        let router = routes
            .into_axum_router()
            .layer(axum::middleware::from_fn_with_state(base.peers.credential().clone(), gate::gate));
        base.peers.built(base.service, router.clone());

        let (relay, db, bus, stop) = (base.relay.clone(), base.db.clone(), base.bus.clone(), base.stop.clone());
        let backing = Backing::new(base.health.clone(), base.service);
        tasks.push(Task::new("relay", async move {
            relay.run(db, bus, backing, stop).await;
            Ok(())
        }));
        let service = base.service;
        tasks.push(retention::task(base, move |db, now| async move {
            retention::prune(&db, now).await?;
            parked::report(service, &db).await;
            Ok(())
        }));
        Self { name: base.service, router, tasks }
    }

    /// A service without tables: its routes are its own affair.
    #[must_use]
    pub fn without_store(name: ServiceName, router: Router, tasks: Vec<Task>) -> Self {
        Self { name, router, tasks }
    }
}

/// Runs the services and whatever else the process does, until `stop` fires or one of them ends; then stops all.
///
/// # Errors
/// The first task's error, or that work in hand did not end in time.
pub async fn run_until_stopped(
    services: Vec<Service>,
    others: Vec<Task>,
    stop: CancellationToken,
) -> Result<(), RunError> {
    let mut running = JoinSet::new();
    for task in services.into_iter().flat_map(|service| service.tasks).chain(others) {
        let (Task { name, run }, stop) = (task, stop.clone());
        running.spawn(async move {
            let ended = run.await;
            if stop.is_cancelled() { ended } else { ended.and(Err(RunError::Ended { name })) }
        });
    }
    let mut outcome = tokio::select! {
        biased;
        () = stop.cancelled() => Ok(()),
        Some(ended) = running.join_next() => outcome_of(ended),
    };
    stop.cancel();
    let drained = tokio::time::timeout(GRACE, async {
        while let Some(ended) = running.join_next().await {
            outcome = std::mem::replace(&mut outcome, Ok(())).and(outcome_of(ended));
        }
    });
    match drained.await {
        Ok(()) => outcome,
        Err(_) => outcome.and(Err(RunError::Grace(GRACE))),
    }
}

fn outcome_of(ended: Result<Result<(), RunError>, JoinError>) -> Result<(), RunError> {
    ended.unwrap_or_else(|panic| Err(RunError::Panic(panic)))
}
