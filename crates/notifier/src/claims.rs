//! Who has which delivery in hand: several notifiers may serve one store. A claim is a lease in the delivery's row, taken in
//! the transaction that makes it or by a look into the table, and given up with the record of the attempt; what a process
//! leaves behind is free when the lease ends.

use std::error::Error;
use std::time::Duration;

use overseer_model::Timestamp;
use overseer_storage::{Conn, Db, StoreError, on};
use uuid::Uuid;

use crate::outbound;
use crate::store::{Outgoing, OutgoingRow};

/// How long a claim outlives its process: longer than any attempt takes.
pub const LEASE: Duration = outbound::ANSWER_WITHIN.saturating_mul(2);

/// This process's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimant(Uuid);

impl Claimant {
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }

    pub fn text(self) -> String {
        self.0.to_string()
    }

    /// Claims at most `most` deliveries to this target that are due.
    pub async fn take(self, db: &Db, target: &str, most: usize, now: Timestamp) -> Result<Vec<Outgoing>, StoreError> {
        // An SQLite file has one process, so what another life claims there was left behind.
        let left_before = match db {
            Db::Sqlite { .. } => i64::MAX,
            Db::Postgres { .. } => now.micros(),
        };
        let mut tx = db.begin_write().await?;
        let rows: Vec<OutgoingRow> = on!(&mut tx.conn(), c => sqlx::query_as(
            "UPDATE delivery SET claimed_by = $1, claim_until = $2 WHERE id IN \
             (SELECT id FROM delivery WHERE target = $3 AND state = 'pending' AND due_at <= $4 \
              AND (claim_until < $4 OR (claimed_by <> $1 AND claim_until < $5)) ORDER BY due_at, id LIMIT $6) \
             AND state = 'pending' AND due_at <= $4 AND (claim_until < $4 OR (claimed_by <> $1 AND claim_until < $5)) \
             RETURNING id, kind, body, attempts, due_at")
            .bind(self.text()).bind((now + LEASE).micros()).bind(target).bind(now.micros()).bind(left_before)
            .bind(i64::try_from(most).unwrap_or(i64::MAX)).fetch_all(c).await)?;
        tx.commit().await?;
        // One row that does not read must not hold up the others.
        let readable = rows.into_iter().filter_map(|row| {
            Outgoing::try_from(row)
                .inspect_err(|error| tracing::error!(error = error as &dyn Error, "delivery row cannot be parsed"))
                .ok()
        });
        Ok(readable.collect())
    }

    /// Gives up every claim on deliveries to this target.
    pub async fn release(self, db: &Db, target: &str) -> Result<(), StoreError> {
        let mut tx = db.begin_write().await?;
        on!(&mut tx.conn(), c => sqlx::query(
            "UPDATE delivery SET claim_until = 0 WHERE target = $1 AND state = 'pending' AND claimed_by = $2")
            .bind(target).bind(self.text()).execute(c).await.map(drop))?;
        tx.commit().await
    }
}

/// When a delivery to this target can be claimed next; `None` when none waits.
pub async fn next(conn: &mut Conn<'_>, target: &str) -> Result<Option<Timestamp>, StoreError> {
    let next: Option<i64> = on!(conn, c => sqlx::query_scalar(
        "SELECT MIN(CASE WHEN claim_until > due_at THEN claim_until ELSE due_at END) FROM delivery \
         WHERE target = $1 AND state = 'pending'").bind(target).fetch_one(c).await)?;
    Ok(next.map(Timestamp::from_micros))
}
