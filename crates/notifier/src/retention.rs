//! How long notices are kept that were delivered or given up. What is still to be sent is kept.

use std::time::Duration;

use overseer_model::Timestamp;
use overseer_storage::{Db, StoreError, on};

const DAY: Duration = Duration::from_secs(24 * 3600);
pub const DELIVERIES_KEPT: Duration = DAY.saturating_mul(90);

/// # Errors
/// When the database refuses.
pub async fn prune(db: Db, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    on!(&mut tx.conn(), c => sqlx::query("DELETE FROM delivery WHERE settled_at < $1")
        .bind((now - DELIVERIES_KEPT).micros()).execute(c).await.map(drop))?;
    tx.commit().await
}
