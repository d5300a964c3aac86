//! The tokens.

use overseer_model::{Role, Timestamp};
use overseer_storage::column::{from_json, to_json};
use overseer_storage::{Conn, StoreError, on};

/// Keeps a token's hash, unless there is one already: then `false`.
pub async fn insert_first_token(
    conn: &mut Conn<'_>,
    hash: &str,
    name: &str,
    roles: &[Role],
    now: Timestamp,
) -> Result<bool, StoreError> {
    let new = on!(conn, c => sqlx::query(
        "INSERT INTO token (hash, name, roles, created_at) SELECT $1, $2, $3, $4 \
         WHERE NOT EXISTS (SELECT 1 FROM token) ON CONFLICT (name) DO NOTHING")
        .bind(hash).bind(name).bind(to_json(&roles)).bind(now.micros()).execute(c).await
        .map(|done| done.rows_affected()))?;
    Ok(new == 1)
}

pub async fn token(conn: &mut Conn<'_>, hash: &str) -> Result<Option<(String, Vec<Role>)>, StoreError> {
    let row: Option<(String, String)> = on!(conn, c => sqlx::query_as("SELECT name, roles FROM token WHERE hash = $1")
        .bind(hash).fetch_optional(c).await)?;
    row.map(|(name, roles)| Ok((name, from_json(&roles, "token.roles")?))).transpose()
}
