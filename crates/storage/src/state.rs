//! Small named values of a store: its own life, the life of the bus, cursors.

use overseer_model::Epoch;

use crate::{Conn, StoreError, on};

/// # Errors
/// When the database does not answer.
pub async fn get(conn: &mut Conn<'_>, name: &str) -> Result<Option<String>, StoreError> {
    Ok(on!(conn, c => sqlx::query_scalar("SELECT value FROM store_state WHERE name = $1")
        .bind(name).fetch_optional(c).await)?)
}

/// # Errors
/// When the database refuses.
pub async fn set(conn: &mut Conn<'_>, name: &str, value: &str) -> Result<(), StoreError> {
    on!(conn, c => sqlx::query(
        "INSERT INTO store_state (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2")
        .bind(name).bind(value).execute(c).await.map(drop))?;
    Ok(())
}

/// The life of this store, made at its first opening.
///
/// # Errors
/// When the database refuses.
pub async fn epoch(conn: &mut Conn<'_>) -> Result<Epoch, StoreError> {
    on!(&mut *conn, c => sqlx::query(
        "INSERT INTO store_state (name, value) VALUES ('epoch', $1) ON CONFLICT (name) DO NOTHING")
        .bind(Epoch::fresh().to_string()).execute(c).await.map(drop))?;
    let text = get(conn, "epoch").await?.unwrap_or_default();
    text.parse().map_err(|_| StoreError::Corrupt { what: "epoch" })
}
