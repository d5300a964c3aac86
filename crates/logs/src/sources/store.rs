//! The declared files in the database.

use overseer_model::{LogSourceId, Timestamp};
use overseer_storage::column::from_text;
use overseer_storage::{Conn, StoreError, clean, on, row};

use crate::intake::SourceKey;

row! {
    struct Columns { id: String, workload: String, path: String }
}

/// A declared file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: LogSourceId,
    pub workload: String,
    pub path: String,
}

impl Row {
    pub fn key(&self) -> SourceKey {
        SourceKey::file(&self.workload, &self.path)
    }
}

impl TryFrom<Columns> for Row {
    type Error = StoreError;
    fn try_from(row: Columns) -> Result<Self, StoreError> {
        let Columns { id, workload, path } = row;
        Ok(Self { id: from_text(&id, "log_sources.id")?, workload, path })
    }
}

pub async fn all(conn: &mut Conn<'_>) -> Result<Vec<Row>, StoreError> {
    let rows: Vec<Columns> =
        on!(conn, c => sqlx::query_as("SELECT id, workload, path FROM log_sources").fetch_all(c).await)?;
    rows.into_iter().map(Row::try_from).collect()
}

pub async fn count(conn: &mut Conn<'_>) -> Result<i64, StoreError> {
    Ok(on!(conn, c => sqlx::query_scalar("SELECT COUNT(*) FROM log_sources").fetch_one(c).await)?)
}

/// `false` when the file is declared for the workload already.
pub async fn insert(conn: &mut Conn<'_>, row: &Row, by: &str, at: Timestamp) -> Result<bool, StoreError> {
    let Row { id, workload, path } = row;
    let rows = on!(conn, c => sqlx::query(
        "INSERT INTO log_sources (id, workload, path, declared_at, declared_by) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (workload, path) DO NOTHING")
        .bind(id.to_string()).bind(workload).bind(path).bind(at.micros()).bind(clean(by))
        .execute(c).await.map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// What was deleted, if it was there.
pub async fn delete(conn: &mut Conn<'_>, id: LogSourceId) -> Result<Option<Row>, StoreError> {
    let row: Option<Columns> = on!(conn, c => sqlx::query_as(
        "DELETE FROM log_sources WHERE id = $1 RETURNING id, workload, path")
        .bind(id.to_string()).fetch_optional(c).await)?;
    row.map(Row::try_from).transpose()
}
