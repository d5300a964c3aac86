//! Events written in the transaction that makes them true, and sent afterwards. They are kept for a while after they
//! were sent, so that a bus that lost its data can be given them again.

use overseer_contract::Event;
use overseer_model::{EventId, Timestamp};

use crate::{Conn, StoreError, clean, on, row};

row! {
    struct Row {
        id: String,
        kind: String,
        site: String,
        ordering_key: String,
        at: i64,
        trace: Option<String>,
        data: String,
    }
}

impl TryFrom<Row> for Event {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        let Row { id, kind, site, ordering_key, at, trace, data } = row;
        let corrupt = StoreError::Corrupt { what: "outbox row" };
        let trace = trace.map(|text| text.parse()).transpose();
        let (Ok(id), Ok(kind), Ok(site), Ok(trace)) = (id.parse(), kind.parse(), site.parse(), trace) else {
            return Err(corrupt);
        };
        Ok(Self { id, kind, site, key: ordering_key, at: Timestamp::from_micros(at), trace, data })
    }
}

/// # Errors
/// When the database refuses; the transaction is then lost.
pub async fn put(conn: &mut Conn<'_>, event: &Event) -> Result<(), StoreError> {
    on!(conn, c => sqlx::query(
        "INSERT INTO outbox (id, kind, site, ordering_key, at, trace, data) VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(event.id.to_string()).bind(event.kind.as_str()).bind(event.site.as_str()).bind(clean(&event.key))
        .bind(event.at.micros()).bind(event.trace.as_ref().map(ToString::to_string)).bind(&event.data)
        .execute(c).await.map(drop))?;
    Ok(())
}

/// The oldest events that were not sent yet, in the order of their making; with `after`, those made after it.
///
/// # Errors
/// When the database does not answer.
pub async fn waiting(conn: &mut Conn<'_>, after: Option<EventId>, most: i64) -> Result<Vec<Event>, StoreError> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let rows: Vec<Row> = on!(conn, c => sqlx::query_as(
        "SELECT id, kind, site, ordering_key, at, trace, data FROM outbox \
         WHERE relayed_at IS NULL AND id > $1 ORDER BY id LIMIT $2")
        .bind(after).bind(most).fetch_all(c).await)?;
    rows.into_iter().map(Event::try_from).collect()
}

/// # Errors
/// When the database refuses.
pub async fn mark_relayed(conn: &mut Conn<'_>, events: &[Event], now: Timestamp) -> Result<(), StoreError> {
    for event in events {
        on!(&mut *conn, c => sqlx::query(
            "UPDATE outbox SET relayed_at = $1, first_relayed_at = COALESCE(first_relayed_at, $1) WHERE id = $2")
            .bind(now.micros()).bind(event.id.to_string()).execute(c).await.map(drop))?;
    }
    Ok(())
}

/// Which of the sent events are sent once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// The bus lost everything.
    All,
    /// The bus may have lost what it took from then on.
    SentSince(Timestamp),
}

/// Lets sent events wait again. Those first sent before `remembered` stay sent: their consumers may have forgotten that
/// they applied them.
///
/// # Errors
/// When the database refuses.
pub async fn send_again(conn: &mut Conn<'_>, which: Again, remembered: Timestamp) -> Result<u64, StoreError> {
    let since = match which {
        Again::All => i64::MIN,
        Again::SentSince(since) => since.micros(),
    };
    let rows = on!(conn, c => sqlx::query(
        "UPDATE outbox SET relayed_at = NULL WHERE relayed_at >= $1 AND first_relayed_at >= $2")
        .bind(since).bind(remembered.micros()).execute(c).await.map(|done| done.rows_affected()))?;
    Ok(rows)
}

/// When the last event was sent.
///
/// # Errors
/// When the database does not answer.
pub async fn last_sent(conn: &mut Conn<'_>) -> Result<Option<Timestamp>, StoreError> {
    let at: Option<i64> = on!(conn, c => sqlx::query_scalar(
        "SELECT MAX(relayed_at) FROM outbox WHERE relayed_at IS NOT NULL").fetch_one(c).await)?;
    Ok(at.map(Timestamp::from_micros))
}

/// Forgets what was first sent before `before`.
///
/// # Errors
/// When the database refuses.
pub async fn prune(conn: &mut Conn<'_>, before: Timestamp) -> Result<(), StoreError> {
    on!(conn, c => sqlx::query("DELETE FROM outbox WHERE first_relayed_at < $1 AND relayed_at IS NOT NULL")
        .bind(before.micros()).execute(c).await.map(drop))?;
    Ok(())
}
