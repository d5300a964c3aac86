//! How long the ledger is kept.

use std::time::Duration;

use overseer_model::Timestamp;
use overseer_runtime::retention::INBOX_KEPT;
use overseer_storage::{Db, StoreError, on};

/// Attempts that are over: as long as the control plane keeps their plans. One in doubt is kept, as its plan is.
pub const ATTEMPTS_KEPT: Duration = Duration::from_secs(400 * 24 * 3600);

/// # Errors
/// When the database refuses.
pub async fn prune(db: Db, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    on!(&mut tx.conn(), c => sqlx::query("DELETE FROM attempt WHERE finished_at < $1 AND state <> 'in_doubt'")
        .bind((now - ATTEMPTS_KEPT).micros()).execute(c).await.map(drop))?;
    // A ticket that was declined comes again at most as long as any event.
    on!(&mut tx.conn(), c => sqlx::query("DELETE FROM declined_ticket WHERE declined_at < $1")
        .bind((now - INBOX_KEPT).micros()).execute(c).await.map(drop))?;
    tx.commit().await
}
