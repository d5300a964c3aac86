//! Events already applied. Written in the transaction that applies the event, so that its effect happens once however
//! often it is delivered.

use overseer_model::{EventId, Timestamp};

use crate::{Conn, StoreError, on};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    First,
    /// It was applied before: do nothing.
    Repeated,
}

/// # Errors
/// When the database refuses.
pub async fn see(conn: &mut Conn<'_>, id: EventId, now: Timestamp) -> Result<Sight, StoreError> {
    let new = on!(conn, c => sqlx::query(
        "INSERT INTO inbox (event_id, seen_at) VALUES ($1, $2) ON CONFLICT (event_id) DO NOTHING")
        .bind(id.to_string()).bind(now.micros()).execute(c).await.map(|done| done.rows_affected()))?;
    Ok(if new == 1 { Sight::First } else { Sight::Repeated })
}

/// Forgets what was seen before `before`; that must be longer ago than the bus and the outboxes keep an event.
///
/// # Errors
/// When the database refuses.
pub async fn prune(conn: &mut Conn<'_>, before: Timestamp) -> Result<(), StoreError> {
    on!(conn, c => sqlx::query("DELETE FROM inbox WHERE seen_at < $1")
        .bind(before.micros()).execute(c).await.map(drop))?;
    Ok(())
}
