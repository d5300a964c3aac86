//! Finds out what broke from facts, and writes it down: detectors, incidents, narratives. It holds no credential that
//! can change anything.

mod detect;
mod facts;
mod grpc;
mod incident;
mod narrate;
mod outcomes;
mod quiet;
pub mod retention;
mod store;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use overseer_bus::{Concern, Durable, Sites};
use overseer_contract::v1::incident_service_server::IncidentServiceServer;
use overseer_runtime::{Base, BuildError, Service, consume};
use overseer_storage::Migrations;
use serde::Deserialize;
use tokio::sync::Notify;
use tonic::service::Routes;

pub const MIGRATIONS: Migrations = Migrations(&[
    (100, "incidents", include_str!("../../../migrations/incident-engine/0100_incidents.sql")),
    (101, "detector_states", include_str!("../../../migrations/incident-engine/0101_detector_states.sql")),
    (102, "fact_cursor_updated", include_str!("../../../migrations/incident-engine/0102_fact_cursor_updated.sql")),
]);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentEngineConfig {
    /// Exits within the window that make a restart loop while the platform still restarts. 2 to 50.
    pub loop_exits: u32,
    /// The window of a restart loop, in seconds.
    pub loop_window_s: u32,
    /// An incident whose resource was calm for so long is resolved, in seconds.
    pub quiet_s: u32,
}

/// Builds the service.
///
/// # Errors
/// On a threshold out of range, and when the bus refuses the consumers.
pub async fn build(base: Base, config: IncidentEngineConfig) -> Result<Service, BuildError> {
    if !(2..=detect::MOST_EXITS).contains(&config.loop_exits) {
        return Err(BuildError::Config {
            what: format!("incident_engine.loop_exits is {}: choose 2 to {}", config.loop_exits, detect::MOST_EXITS),
            source: None,
        });
    }
    let thresholds = detect::Thresholds {
        loop_exits: config.loop_exits,
        loop_window: Duration::from_secs(config.loop_window_s.into()),
    };
    let changed = Arc::new(Notify::new());
    let durable = |concern, kinds| Durable { service: base.service, concern, kinds, sites: Sites::Every };
    let facts = facts::FactConsumer { base: base.clone(), thresholds, changed: changed.clone() };
    let outcomes = outcomes::OutcomeConsumer { base: base.clone(), changed: changed.clone() };
    let tasks = vec![
        consume(&base, durable(Concern::Facts, facts::KINDS), Arc::new(facts)).await?,
        consume(&base, durable(Concern::Outcomes, outcomes::KINDS), Arc::new(outcomes)).await?,
        quiet::task(base.clone(), Duration::from_secs(config.quiet_s.into()), changed),
        overseer_runtime::retention::task(&base, retention::prune),
    ];
    let routes = Routes::new(IncidentServiceServer::new(grpc::Incidents { db: base.db.clone() }));
    Ok(Service::new(&base, routes, tasks))
}
