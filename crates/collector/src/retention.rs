//! How long facts, and resources that were removed, can be asked for. The tables of the log half are its own matter: the
//! chronicle of `overseer-logs` forgets what is old there.

use std::time::Duration;

use overseer_model::Timestamp;
use overseer_runtime::retention::DAY;
use overseer_storage::{Db, StoreError, on};

pub const FACTS_KEPT: Duration = DAY.saturating_mul(7);

/// # Errors
/// When the database refuses.
pub async fn prune(db: Db, now: Timestamp) -> Result<(), StoreError> {
    let before = (now - FACTS_KEPT).micros();
    let mut tx = db.begin_write().await?;
    for statement in
        ["DELETE FROM facts WHERE recorded_at < $1", "DELETE FROM resources WHERE removed AND observed_at < $1"]
    {
        on!(&mut tx.conn(), c => sqlx::query(statement).bind(before).execute(c).await.map(drop))?;
    }
    tx.commit().await
}
