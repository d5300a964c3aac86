//! Tells people outside, by signed webhooks, what they have to know: an incident, its end, a plan that waits for
//! approval, a step that failed.
//!
//! Every told event is posted to every declared receiver at least once, and repeats carry the same `webhook-id`; a
//! receiver that stays away is given up after the configured attempts, and the list of deliveries says so. Notices are
//! not ordered. Nothing but declared addresses is ever called, and nothing but enums, ids, counts and a resource's
//! name leaves.

mod address;
mod apply;
mod claims;
mod config;
mod delivery;
mod notice;
mod outbound;
pub mod retention;
mod sender;
mod sign;
mod store;
mod wire;

use std::sync::Arc;

use overseer_bus::{Concern, Durable, Sites};
use overseer_contract::v1::delivery_service_server::DeliveryServiceServer;
use overseer_model::Timestamp;
use overseer_runtime::{Base, BuildError, Service, Task, consume};
use overseer_storage::{Db, Migrations, StoreError};

use crate::apply::Notify;
use crate::claims::Claimant;
use crate::wire::Deliveries;

pub use config::{NotifierConfig, WebhookConfig};
pub use outbound::{Reach, WebhookUrl};

/// The service's own tables.
pub const MIGRATIONS: Migrations = Migrations(&[
    (100, "notifier", include_str!("../../../migrations/notifier/0100_notifier.sql")),
    (101, "claims", include_str!("../../../migrations/notifier/0101_claims.sql")),
]);

/// # Errors
/// When the configuration does not fit, or the store or the bus cannot be used.
pub async fn build(base: Base, config: NotifierConfig) -> Result<Service, BuildError> {
    let (targets, patience) = config::check(config)?;
    if targets.is_empty() {
        tracing::info!("no webhook configured: no notices are sent");
    }
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    abandon_undeclared(&base.db, &names).await?;

    let claimant = Claimant::fresh();
    let (mut desks, mut tasks) = (Vec::new(), Vec::new());
    for target in targets {
        let (desk, sender) = sender::open(base.db.clone(), claimant, target, patience, base.stop.clone());
        desks.push(desk);
        tasks.push(Task::new("sender", async move {
            sender.run().await;
            Ok(())
        }));
    }
    let durable =
        Durable { service: base.service, concern: Concern::Notices, kinds: notice::KINDS, sites: Sites::Every };
    tasks.push(consume(&base, durable, Arc::new(Notify { db: base.db.clone(), claimant, desks })).await?);
    tasks.push(overseer_runtime::retention::task(&base, retention::prune));
    let routes = tonic::service::Routes::new(DeliveryServiceServer::new(Deliveries { db: base.db.clone() }));
    Ok(Service::new(&base, routes, tasks))
}

async fn abandon_undeclared(db: &Db, declared: &[&str]) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let why = "this receiver is not declared any more";
    store::abandon(&mut tx.conn(), declared, why, Timestamp::now()).await?;
    tx.commit().await
}
