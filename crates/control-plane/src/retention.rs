//! How long plans are kept: they are the memory of what helped and what failed.

use std::time::Duration;

use overseer_model::Timestamp;
use overseer_runtime::retention::DAY;
use overseer_storage::{Db, StoreError, on};

/// Plans that are over, with their steps and approvals. Longer than a year, so that what failed last winter is remembered
/// this winter.
pub const PLANS_KEPT: Duration = DAY.saturating_mul(400);
/// Resources that were removed: longer than a plan for one of them can be looked at.
pub const REMOVED_TARGETS_KEPT: Duration = DAY.saturating_mul(7);

/// # Errors
/// When the database refuses.
pub async fn prune(db: Db, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let (plans, targets) = ((now - PLANS_KEPT).micros(), (now - REMOVED_TARGETS_KEPT).micros());
    for statement in [
        "DELETE FROM approval WHERE step_id IN (SELECT step.id FROM step JOIN plan ON plan.id = step.plan_id \
         WHERE plan.updated_at < $1 AND plan.state NOT IN ('ready', 'running', 'in_doubt'))",
        "DELETE FROM step WHERE plan_id IN (SELECT id FROM plan \
         WHERE updated_at < $1 AND state NOT IN ('ready', 'running', 'in_doubt'))",
        "DELETE FROM plan WHERE updated_at < $1 AND state NOT IN ('ready', 'running', 'in_doubt')",
    ] {
        on!(&mut tx.conn(), c => sqlx::query(statement).bind(plans).execute(c).await.map(drop))?;
    }
    on!(&mut tx.conn(), c => sqlx::query("DELETE FROM target WHERE state = 'removed' AND updated_at < $1")
        .bind(targets).execute(c).await.map(drop))?;
    tx.commit().await
}
