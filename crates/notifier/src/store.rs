//! The deliveries in the database.

use overseer_model::{DeliveryId, EventId, Timestamp};
use overseer_storage::{Conn, StoreError, on, row};

use crate::claims::{Claimant, LEASE};
use crate::delivery::State;
use crate::notice::{Kind, Notice};

const CORRUPT: StoreError = StoreError::Corrupt { what: "delivery row" };

/// Something to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    pub id: DeliveryId,
    pub kind: Kind,
    pub body: String,
    /// Made so far.
    pub attempts: u32,
    pub due: Timestamp,
}

/// Whether a new delivery is sent by the process that makes it, or by the first that finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    At(Claimant),
    Later,
}

/// A delivery for those who ask what was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub id: DeliveryId,
    pub target: String,
    pub kind: Kind,
    pub state: State,
    pub attempts: u32,
    pub created: Timestamp,
    /// Empty when no attempt failed.
    pub last_error: String,
}

/// What an attempt leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    pub state: State,
    pub attempts: u32,
    pub last_error: String,
}

row! {
    pub struct OutgoingRow { id: String, kind: String, body: String, attempts: i64, due_at: i64 }
}
row! {
    struct RecordRow {
        id: String,
        target: String,
        kind: String,
        state: String,
        attempts: i64,
        created_at: i64,
        due_at: Option<i64>,
        settled_at: Option<i64>,
        last_error: String,
    }
}

/// A new delivery of this notice, due now.
pub async fn insert(
    conn: &mut Conn<'_>,
    event: EventId,
    target: &str,
    notice: &Notice,
    sending: Sending,
    now: Timestamp,
) -> Result<Outgoing, StoreError> {
    let Notice { kind, body } = notice.clone();
    let new = Outgoing { id: DeliveryId::fresh(), kind, body, attempts: 0, due: now };
    let (claimed_by, claim_until) = match sending {
        Sending::At(claimant) => (claimant.text(), (now + LEASE).micros()),
        Sending::Later => (String::new(), 0),
    };
    on!(conn, c => sqlx::query(
        "INSERT INTO delivery (id, event_id, target, kind, body, state, attempts, created_at, due_at, last_error, \
         claimed_by, claim_until) VALUES ($1, $2, $3, $4, $5, 'pending', $6, $7, $7, '', $8, $9)")
        .bind(new.id.to_string()).bind(event.to_string()).bind(target).bind(kind.as_str()).bind(&new.body)
        .bind(i64::from(new.attempts)).bind(now.micros()).bind(claimed_by).bind(claim_until)
        .execute(c).await.map(drop))?;
    Ok(new)
}

/// Records an attempt and gives up its claim; `false` when the claim was lost: then another process makes the attempt.
pub async fn settle(
    conn: &mut Conn<'_>,
    id: DeliveryId,
    claimant: Claimant,
    next: &Settled,
) -> Result<bool, StoreError> {
    let Settled { state, attempts, last_error } = next;
    let (state, due, settled) = columns(*state);
    let rows = on!(conn, c => sqlx::query(
        "UPDATE delivery SET state = $1, attempts = $2, due_at = $3, settled_at = $4, last_error = $5, \
         claim_until = 0 WHERE id = $6 AND state = 'pending' AND claimed_by = $7 AND claim_until > 0")
        .bind(state).bind(i64::from(*attempts)).bind(due).bind(settled).bind(last_error)
        .bind(id.to_string()).bind(claimant.text()).execute(c).await.map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// The newest deliveries made before `before`.
pub async fn list(conn: &mut Conn<'_>, before: Option<DeliveryId>, most: i64) -> Result<Vec<Record>, StoreError> {
    // Sorts after every id.
    let before = before.map_or("dlv_ffffffff-ffff-ffff-ffff-ffffffffffff".to_owned(), |id| id.to_string());
    let rows: Vec<RecordRow> = on!(conn, c => sqlx::query_as(
        "SELECT id, target, kind, state, attempts, created_at, due_at, settled_at, last_error FROM delivery \
         WHERE id < $1 ORDER BY id DESC LIMIT $2")
        .bind(before).bind(most).fetch_all(c).await)?;
    rows.into_iter().map(Record::try_from).collect()
}

/// Gives up what waits for targets that are not declared any more.
pub async fn abandon(conn: &mut Conn<'_>, declared: &[&str], why: &str, now: Timestamp) -> Result<(), StoreError> {
    let waiting: Vec<String> = on!(&mut *conn, c => sqlx::query_scalar(
        "SELECT DISTINCT target FROM delivery WHERE state = 'pending'").fetch_all(c).await)?;
    for target in waiting.iter().filter(|target| !declared.contains(&target.as_str())) {
        let rows = on!(&mut *conn, c => sqlx::query(
            "UPDATE delivery SET state = 'dead', due_at = NULL, settled_at = $1, last_error = $2 \
             WHERE target = $3 AND state = 'pending'")
            .bind(now.micros()).bind(why).bind(target).execute(c).await.map(|done| done.rows_affected()))?;
        tracing::warn!(target_name = %target, deliveries = rows, why, "deliveries given up");
    }
    Ok(())
}

/// `state`, `due_at`, `settled_at`.
const fn columns(state: State) -> (&'static str, Option<i64>, Option<i64>) {
    match state {
        State::Pending { due } => ("pending", Some(due.micros()), None),
        State::Delivered { at } => ("delivered", None, Some(at.micros())),
        State::Dead { at } => ("dead", None, Some(at.micros())),
    }
}

fn state(text: &str, due: Option<i64>, settled: Option<i64>) -> Result<State, StoreError> {
    match (text, due.map(Timestamp::from_micros), settled.map(Timestamp::from_micros)) {
        ("pending", Some(due), None) => Ok(State::Pending { due }),
        ("delivered", None, Some(at)) => Ok(State::Delivered { at }),
        ("dead", None, Some(at)) => Ok(State::Dead { at }),
        _ => Err(CORRUPT),
    }
}

fn kind(text: &str) -> Result<Kind, StoreError> {
    Kind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(CORRUPT)
}

impl TryFrom<OutgoingRow> for Outgoing {
    type Error = StoreError;
    fn try_from(row: OutgoingRow) -> Result<Self, StoreError> {
        let OutgoingRow { id, kind: kind_text, body, attempts, due_at } = row;
        Ok(Self {
            id: id.parse().map_err(|_| CORRUPT)?,
            kind: kind(&kind_text)?,
            body,
            attempts: u32::try_from(attempts).map_err(|_| CORRUPT)?,
            due: Timestamp::from_micros(due_at),
        })
    }
}

impl TryFrom<RecordRow> for Record {
    type Error = StoreError;
    fn try_from(row: RecordRow) -> Result<Self, StoreError> {
        let RecordRow {
            id,
            target,
            kind: kind_text,
            state: state_text,
            attempts,
            created_at,
            due_at,
            settled_at,
            last_error,
        } = row;
        Ok(Self {
            id: id.parse().map_err(|_| CORRUPT)?,
            target,
            kind: kind(&kind_text)?,
            state: state(&state_text, due_at, settled_at)?,
            attempts: u32::try_from(attempts).map_err(|_| CORRUPT)?,
            created: Timestamp::from_micros(created_at),
            last_error,
        })
    }
}
