//! Decides what may be done: proposals from playbooks, deterministic validation, policy, approvals, and signed tickets
//! for approved steps. It holds no credential of any platform; it cannot act itself.

mod approve;
mod assess;
mod dispatch;
mod events;
mod grpc;
mod incidents;
mod outcomes;
mod parked;
mod plan;
mod playbook;
mod policy;
mod refusal;
mod resolve;
pub mod retention;
mod step;
mod store;
mod targets;
mod validate;
mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use overseer_bus::{Concern, Durable, Sites};
use overseer_contract::v1::audit_service_server::AuditServiceServer;
use overseer_contract::v1::parked_service_server::ParkedServiceServer;
use overseer_contract::v1::plan_service_server::PlanServiceServer;
use overseer_model::EventKind;
use overseer_permit::Signer;
use overseer_runtime::{Base, BuildError, Service, consume};
use overseer_storage::Migrations;
use serde::Deserialize;
use tokio::sync::Notify;
use tonic::service::Routes;

pub const MIGRATIONS: Migrations = Migrations(&[
    (100, "plans", include_str!("../../../migrations/control-plane/0100_plans.sql")),
    (101, "subjects_and_targets", include_str!("../../../migrations/control-plane/0101_subjects_and_targets.sql")),
    (102, "tokens_are_of_identity", include_str!("../../../migrations/control-plane/0102_tokens_are_of_identity.sql")),
]);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlPlaneConfig {
    /// How long an approval is good, in seconds; 60 to 3600.
    pub approval_s: u32,
}

/// What plans are made of, and what voids them.
const INCIDENTS: &[EventKind] =
    &[EventKind::IncidentDetected, EventKind::IncidentUpdated, EventKind::IncidentResolved, EventKind::ResourceChanged];

/// What the executor reports.
const OUTCOMES: &[EventKind] = &[
    EventKind::StepStarted,
    EventKind::StepActed,
    EventKind::StepVerified,
    EventKind::StepFailed,
    EventKind::StepInDoubt,
];

/// Builds the service.
///
/// # Errors
/// On a bad setting, and when store or bus refuse.
pub async fn build(base: Base, config: ControlPlaneConfig, signer: Signer) -> Result<Service, BuildError> {
    if !(60..=3600).contains(&config.approval_s) {
        return Err(BuildError::Config {
            what: format!("control_plane.approval_s is {}: choose 60 to 3600", config.approval_s),
            source: None,
        });
    }
    let inventory = targets::Inventory::new(&base.peers);
    let approved = Arc::new(Notify::new());
    let durable = |concern, kinds| Durable { service: base.service, concern, kinds, sites: Sites::Every };
    let consumer = Arc::new(events::Events { base: base.clone(), approved: approved.clone() });
    let dispatcher =
        dispatch::Dispatcher { base: base.clone(), signer, approved: approved.clone(), started: Instant::now() };
    let tasks = vec![
        consume(&base, durable(Concern::Incidents, INCIDENTS), consumer.clone()).await?,
        consume(&base, durable(Concern::Outcomes, OUTCOMES), consumer).await?,
        dispatch::task(dispatcher),
        overseer_runtime::retention::task(&base, retention::prune),
    ];

    let approvals = approve::Approvals {
        base: base.clone(),
        inventory,
        approved,
        valid: Duration::from_secs(config.approval_s.into()),
    };
    let routes = Routes::new(PlanServiceServer::new(grpc::Plans { db: base.db.clone(), approvals }))
        .add_service(ParkedServiceServer::new(parked::Parked { db: base.db.clone(), peers: base.peers.clone() }))
        .add_service(AuditServiceServer::new(grpc::Audits { db: base.db.clone(), peers: base.peers.clone() }));
    Ok(Service::new(&base, routes, tasks))
}

#[cfg(test)]
mod tests;
