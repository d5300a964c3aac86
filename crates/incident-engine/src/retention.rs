//! How long what the detectors need is kept. Incidents, and what is told of them, are kept until a user deletes them.

use std::time::Duration;

use overseer_model::Timestamp;
use overseer_storage::{Db, StoreError, on};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// What a detector remembers of a resource, and how far the facts of a collector's store were applied, after the last
/// change. A collector publishes the facts of a week at most.
pub const DETECTOR_STATES_KEPT: Duration = DAY.saturating_mul(400);

/// # Errors
/// When the database refuses.
pub async fn prune(db: Db, now: Timestamp) -> Result<(), StoreError> {
    let before = (now - DETECTOR_STATES_KEPT).micros();
    let mut tx = db.begin_write().await?;
    for statement in [
        "DELETE FROM detector_state WHERE updated_at < $1",
        // Those of before the column have no time, until their collector speaks again.
        "DELETE FROM fact_cursor WHERE updated_at > 0 AND updated_at < $1",
    ] {
        on!(&mut tx.conn(), c => sqlx::query(statement).bind(before).execute(c).await.map(drop))?;
    }
    tx.commit().await
}
