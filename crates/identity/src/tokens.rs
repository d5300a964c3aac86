//! Tokens: 256 random bits, kept as their hash only. The first is made at the first start and told once.

use std::error::Error;

use overseer_model::{Actor, Digest, Role, ServiceName, Timestamp};
use overseer_runtime::{BuildError, Secret, fault_point};
use overseer_storage::{Db, audit};

use crate::store;

/// The token of the first start. Show it once, then forget it.
pub struct FirstToken(pub Secret);

const PREFIX: &str = "ovs_";
const FIRST_NAME: &str = "token:admin";
/// A homelab has one person: administration and approval come with one token, as separate roles.
const FIRST_ROLES: [Role; 4] = [Role::Viewer, Role::Operator, Role::Approver, Role::Admin];

pub async fn make_first(
    db: &Db,
    keep: impl FnOnce(&FirstToken) -> Result<(), Box<dyn Error + Send + Sync>> + Send,
) -> Result<(), BuildError> {
    let random = Secret::random()
        .map_err(|error| BuildError::Config { what: "no token can be made".to_owned(), source: Some(error.into()) })?;
    let token = [PREFIX.as_bytes(), random.expose()].concat();
    let now = Timestamp::now();
    let mut tx = db.begin_write().await?;
    let made = store::insert_first_token(&mut tx.conn(), &hash(&token), FIRST_NAME, &FIRST_ROLES, now).await?;
    if made {
        let record = audit::Record {
            at: now,
            actor: &Actor::Service(ServiceName::Identity).to_string(),
            action: "token.made",
            object: FIRST_NAME,
            detail: "first start",
        };
        audit::append(&mut tx.conn(), &record).await?;
        // Kept before the commit: a process that dies in between leaves a token that does not count, and not one that nobody
        // ever saw.
        keep(&FirstToken(Secret::new(token))).map_err(|source| BuildError::Config {
            what: "the first token cannot be kept".to_owned(),
            source: Some(source),
        })?;
        fault_point!("identity_token_kept");
    }
    Ok(tx.commit().await?)
}

/// What is stored of a token.
pub fn hash(token: &[u8]) -> String {
    Digest::of(token).to_string()
}
