//! Events that failed to their last try, with all that is needed to apply them again once their cause is mended.

use overseer_contract::Event;
use overseer_model::{EventId, Timestamp};

use crate::column::from_text;
use crate::{Conn, StoreError, clean, on, row};

/// One parked event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedEvent {
    pub event: Event,
    pub error: String,
    pub parked_at: Timestamp,
}

row! {
    struct Row {
        event_id: String,
        kind: String,
        site: String,
        ordering_key: String,
        at: i64,
        trace: Option<String>,
        data: String,
        error: String,
        parked_at: i64,
    }
}

impl TryFrom<Row> for ParkedEvent {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        let Row { event_id, kind, site, ordering_key, at, trace, data, error, parked_at } = row;
        let event = Event {
            id: from_text(&event_id, "parked.event_id")?,
            kind: from_text(&kind, "parked.kind")?,
            site: from_text(&site, "parked.site")?,
            key: ordering_key,
            at: Timestamp::from_micros(at),
            trace: trace.map(|text| from_text(&text, "parked.trace")).transpose()?,
            data,
        };
        Ok(Self { event, error, parked_at: Timestamp::from_micros(parked_at) })
    }
}

const COLUMNS: &str = "event_id, kind, site, ordering_key, at, trace, data, error, parked_at";

/// Parks an event, with its error; an older error of it is replaced.
///
/// # Errors
/// When the database refuses.
pub async fn park(conn: &mut Conn<'_>, event: &Event, error: &str, now: Timestamp) -> Result<(), StoreError> {
    on!(conn, c => sqlx::query(
        "INSERT INTO parked (event_id, kind, site, ordering_key, at, trace, data, error, parked_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (event_id) DO UPDATE SET error = $8")
        .bind(event.id.to_string()).bind(event.kind.as_str()).bind(event.site.as_str()).bind(clean(&event.key))
        .bind(event.at.micros()).bind(event.trace.as_ref().map(ToString::to_string)).bind(&event.data)
        .bind(clean(error)).bind(now.micros()).execute(c).await.map(drop))?;
    Ok(())
}

/// How many events are parked.
///
/// # Errors
/// When the database does not answer.
pub async fn count(conn: &mut Conn<'_>) -> Result<i64, StoreError> {
    Ok(on!(conn, c => sqlx::query_scalar("SELECT COUNT(*) FROM parked").fetch_one(c).await)?)
}

/// The oldest first, those after the event `after`.
///
/// # Errors
/// When the database does not answer, or a row cannot be parsed.
pub async fn list(conn: &mut Conn<'_>, after: &str, most: i64) -> Result<Vec<ParkedEvent>, StoreError> {
    let sql =
        sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM parked WHERE event_id > $1 ORDER BY event_id LIMIT $2"));
    let rows: Vec<Row> = on!(conn, c => sqlx::query_as(sql).bind(after).bind(most).fetch_all(c).await)?;
    rows.into_iter().map(ParkedEvent::try_from).collect()
}

/// # Errors
/// When the database does not answer, or the row cannot be parsed.
pub async fn find(conn: &mut Conn<'_>, id: EventId) -> Result<Option<ParkedEvent>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM parked WHERE event_id = $1"));
    let row: Option<Row> = on!(conn, c => sqlx::query_as(sql).bind(id.to_string()).fetch_optional(c).await)?;
    row.map(ParkedEvent::try_from).transpose()
}

/// False when it is not parked any more.
///
/// # Errors
/// When the database refuses.
pub async fn remove(conn: &mut Conn<'_>, id: EventId) -> Result<bool, StoreError> {
    let rows = on!(conn, c => sqlx::query("DELETE FROM parked WHERE event_id = $1")
        .bind(id.to_string()).execute(c).await.map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Deletes what was parked before `before`.
///
/// # Errors
/// When the database refuses.
pub async fn prune(conn: &mut Conn<'_>, before: Timestamp) -> Result<(), StoreError> {
    on!(conn, c => sqlx::query("DELETE FROM parked WHERE parked_at < $1")
        .bind(before.micros()).execute(c).await.map(drop))?;
    Ok(())
}
