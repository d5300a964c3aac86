//! Who is calling: API tokens, and short-lived signed assertions of whose they are. Every other service believes an
//! assertion by identity's public key and asks nobody; none of them can make one.
//!
//! At the first start there is no token, and one for the administrator is made. An installation whose tokens were the
//! control plane's gets a new one in the same way; the old ones are good no more.

mod grpc;
mod store;
mod tokens;

use std::error::Error;

use overseer_contract::v1::identity_service_server::IdentityServiceServer;
use overseer_runtime::{Base, BuildError, Service};
use overseer_storage::Migrations;
use tonic::service::Routes;

pub use tokens::FirstToken;

pub const MIGRATIONS: Migrations =
    Migrations(&[(100, "tokens", include_str!("../../../migrations/identity/0100_tokens.sql"))]);

/// Builds the service. At the very first start `keep` is given the token, before it counts: one that cannot be kept is no
/// token, and the next start makes another.
///
/// # Errors
/// When the store refuses, and when the token cannot be kept.
pub async fn build(
    base: Base,
    keep: impl FnOnce(&FirstToken) -> Result<(), Box<dyn Error + Send + Sync>> + Send,
) -> Result<Service, BuildError> {
    let identity = grpc::Identity { db: base.db.clone(), credential: base.peers.credential().clone() };
    let service = Service::new(&base, Routes::new(IdentityServiceServer::new(identity)), vec![]);
    tokens::make_first(&base.db, keep).await?;
    Ok(service)
}
