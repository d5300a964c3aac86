//! The resources that plans can act on, as the inventory's events last reported them.

use overseer_model::{Capability, Fingerprint, ResourceKey, ResourceState, Timestamp};
use overseer_storage::column::{from_json, from_text, from_word, to_json, to_word};
use overseer_storage::{Conn, StoreError, on};

use crate::targets::{Target, TargetRecord};

/// What one event says of a resource.
pub struct TargetReport<'r> {
    pub resource: &'r ResourceKey,
    pub state: ResourceState,
    /// `None` until it was inspected.
    pub fingerprint: Option<Fingerprint>,
    pub capabilities: &'r [Capability],
    pub started_by_request_at: Option<Timestamp>,
}

pub async fn save_target(conn: &mut Conn<'_>, report: &TargetReport<'_>, now: Timestamp) -> Result<(), StoreError> {
    let TargetReport { resource, state, fingerprint, capabilities, started_by_request_at } = report;
    on!(conn, c => sqlx::query(
        "INSERT INTO target (resource, state, fingerprint, capabilities, started_by_request_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (resource) DO UPDATE SET state = $2, fingerprint = $3, \
         capabilities = $4, started_by_request_at = $5, updated_at = $6")
        .bind(resource.to_string()).bind(to_word(state))
        .bind(fingerprint.map(|fingerprint| fingerprint.to_string()).unwrap_or_default()).bind(to_json(capabilities))
        .bind(started_by_request_at.map(Timestamp::micros)).bind(now.micros()).execute(c).await.map(drop))?;
    Ok(())
}

pub async fn target(conn: &mut Conn<'_>, resource: &ResourceKey) -> Result<Target, StoreError> {
    let row: Option<(String, String, String, Option<i64>)> = on!(conn, c => sqlx::query_as(
        "SELECT state, fingerprint, capabilities, started_by_request_at FROM target WHERE resource = $1")
        .bind(resource.to_string()).fetch_optional(c).await)?;
    let Some((state, fingerprint, capabilities, started)) = row else { return Ok(Target::Unknown) };
    let state: ResourceState = from_word(state, "target.state")?;
    if state == ResourceState::Removed {
        return Ok(Target::Gone);
    }
    if fingerprint.is_empty() {
        return Ok(Target::Unknown);
    }
    Ok(Target::Present(TargetRecord {
        fingerprint: from_text(&fingerprint, "target.fingerprint")?,
        capabilities: from_json(&capabilities, "target.capabilities")?,
        started_by_request_at: started.map(Timestamp::from_micros),
    }))
}
