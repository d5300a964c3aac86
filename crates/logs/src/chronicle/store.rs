//! The chronicle's tables.

use std::collections::BTreeMap;

use overseer_contract::Event;
use overseer_model::Timestamp;
use overseer_signatures::{PublicForm, SignatureId, public_form};
use overseer_storage::column::{from_count, from_json, from_text, to_json};
use overseer_storage::{Conn, Db, StoreError, clean, on, outbox, row, state};

use super::baseline::{Baseline, LEAST};
use super::month::Day;
use super::tally::{Counted, Minute, WARNING};

/// The number of the last tally that is in the tables.
const APPLIED: &str = "log_tallies_applied";
/// Rows of one statement.
const ROWS: usize = 64;
/// A number of events that no minute has.
const NEVER: i64 = i64::MAX;

row! {
    struct PairRow {
        workload: String,
        signature: String,
        first_seen: i64,
    }
}

/// A signature that a workload logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub workload: String,
    pub signature: SignatureId,
    pub first_seen: Timestamp,
}

impl TryFrom<PairRow> for Pair {
    type Error = StoreError;
    fn try_from(row: PairRow) -> Result<Self, StoreError> {
        let PairRow { workload, signature, first_seen } = row;
        let signature = from_text(&signature, "log_signatures.signature")?;
        Ok(Self { workload, signature, first_seen: Timestamp::from_micros(first_seen) })
    }
}

row! {
    struct DueRow {
        workload: String,
        signature: String,
        minute: i64,
        resource_id: String,
        severity: i64,
        first_seen: i64,
        last_seen: i64,
        seen: i64,
        told: i64,
        public_form: String,
        known_since: i64,
        baseline: String,
    }
}

/// A minute of which more is to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    pub workload: String,
    pub signature: SignatureId,
    pub minute: Minute,
    pub resource_id: String,
    pub severity: u8,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub seen: i64,
    pub told: i64,
    pub form: PublicForm,
    /// When the workload first logged the signature.
    pub known_since: Timestamp,
    pub baseline: Baseline,
}

impl TryFrom<DueRow> for Due {
    type Error = StoreError;
    fn try_from(row: DueRow) -> Result<Self, StoreError> {
        Ok(Self {
            workload: row.workload,
            signature: from_text(&row.signature, "log_minutes.signature")?,
            minute: Minute(row.minute),
            resource_id: row.resource_id,
            severity: from_count(row.severity, "log_minutes.severity")?,
            first_seen: Timestamp::from_micros(row.first_seen),
            last_seen: Timestamp::from_micros(row.last_seen),
            seen: row.seen,
            told: row.told,
            form: public_form(&row.public_form),
            known_since: Timestamp::from_micros(row.known_since),
            baseline: from_json(&row.baseline, "log_signatures.baseline")?,
        })
    }
}

/// What a minute is beside those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    Known,
    /// The workload logs the signature for the first time.
    New,
    /// More than usual.
    Burst,
}

/// What is told of a minute.
#[derive(Clone, Debug, PartialEq)]
pub struct MinuteReport {
    pub due: Due,
    pub novelty: Novelty,
    /// Events a minute that were usual before.
    pub level: f64,
    /// With this minute.
    pub baseline: Baseline,
}

/// The number of the last tally that is in the tables; 0 before the first.
pub async fn applied(db: &Db) -> Result<u64, StoreError> {
    let mut tx = db.begin_write().await?;
    let text = state::get(&mut tx.conn(), APPLIED).await?;
    if text.is_none() {
        // From here on there is a row to lock.
        state::set(&mut tx.conn(), APPLIED, "0").await?;
    }
    tx.commit().await?;
    text.map_or(Ok(0), |text| from_text(&text, "log_tallies_applied"))
}

/// The same, held until the transaction ends.
async fn applied_for_update(conn: &mut Conn<'_>) -> Result<u64, StoreError> {
    let sql = format!("SELECT value FROM store_state WHERE name = $1{}", conn.for_update());
    let text: Option<String> = on!(conn, c =>
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(APPLIED).fetch_optional(c).await)?;
    text.map_or(Ok(0), |text| from_text(&text, "log_tallies_applied"))
}

/// Which tallies a count is of.
#[derive(Clone, Copy, Debug)]
pub struct Tallied {
    pub first: u64,
    pub upto: u64,
}

pub async fn pairs(db: &Db) -> Result<Vec<Pair>, StoreError> {
    let mut reader = db.reader().await?;
    let rows: Vec<PairRow> = on!(&mut reader.conn(), c =>
        sqlx::query_as("SELECT workload, signature, first_seen FROM log_signatures").fetch_all(c).await)?;
    rows.into_iter().map(Pair::try_from).collect()
}

row! {
    struct ListedRow {
        signature: String,
        public_form: String,
        severity: i64,
        first_seen: i64,
        last_seen: i64,
        seen: i64,
    }
}

/// A signature of a workload, or of all that log it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub signature: SignatureId,
    pub form: PublicForm,
    pub severity: u8,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub seen: i64,
}

impl TryFrom<ListedRow> for Listed {
    type Error = StoreError;
    fn try_from(row: ListedRow) -> Result<Self, StoreError> {
        Ok(Self {
            signature: from_text(&row.signature, "log_signatures.signature")?,
            form: public_form(&row.public_form),
            severity: from_count(row.severity, "log_signatures.severity")?,
            first_seen: Timestamp::from_micros(row.first_seen),
            last_seen: Timestamp::from_micros(row.last_seen),
            seen: row.seen,
        })
    }
}

/// The most frequent signatures, of one workload or of all.
pub async fn signatures(db: &Db, workload: Option<&str>, most: usize) -> Result<Vec<Listed>, StoreError> {
    let mut reader = db.reader().await?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows: Vec<ListedRow> = on!(&mut reader.conn(), c => sqlx::query_as(
        "SELECT signature, MAX(public_form) AS public_form, MAX(severity) AS severity, \
         MIN(first_seen) AS first_seen, MAX(last_seen) AS last_seen, CAST(SUM(seen) AS BIGINT) AS seen \
         FROM log_signatures WHERE $1 = '' OR workload = $1 GROUP BY signature ORDER BY SUM(seen) DESC, signature LIMIT $2")
        .bind(clean(workload.unwrap_or_default())).bind(most).fetch_all(c).await)?;
    rows.into_iter().map(Listed::try_from).collect()
}

/// A signature of a workload that turned out to be part of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    pub workload: String,
    pub from: SignatureId,
    pub into: SignatureId,
}

/// Puts what was counted into the tables, all of it or nothing; the number of the last tally that is in them then.
/// Nothing is put there when the first of the tallies is there already: a commit can come through unheard.
pub async fn apply(
    db: &Db,
    merges: &[Merge],
    counted: &[Counted],
    tallied: Tallied,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut tx = db.begin_write().await?;
    let applied = applied_for_update(&mut tx.conn()).await?;
    if applied >= tallied.first {
        return Ok(applied);
    }
    for merge in merges {
        take_in(&mut tx.conn(), merge).await?;
    }
    for some in counted.chunks(ROWS) {
        add_minutes(&mut tx.conn(), some, now).await?;
    }
    for some in by_signature(counted).chunks(ROWS) {
        add_signatures(&mut tx.conn(), some).await?;
    }
    state::set(&mut tx.conn(), APPLIED, &tallied.upto.to_string()).await?;
    tx.commit().await?;
    Ok(tallied.upto)
}

/// One count for each signature of a workload, over all minutes: no statement may touch a row twice.
fn by_signature(counted: &[Counted]) -> Vec<Counted> {
    let mut sums: BTreeMap<(&str, SignatureId), Counted> = BTreeMap::new();
    for one in counted {
        let sum = sums.entry((&one.workload, one.signature));
        sum.and_modify(|sum| sum.widen(one)).or_insert_with(|| one.clone());
    }
    sums.into_values().collect()
}

/// `($1, $2), ($3, $4)` for so many rows and columns.
fn places(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let places: Vec<String> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

async fn add_minutes(conn: &mut Conn<'_>, some: &[Counted], now: Timestamp) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO log_minutes \
         (workload, signature, minute, resource_id, severity, first_seen, last_seen, seen, told, changed_at) \
         VALUES {places} ON CONFLICT (workload, signature, minute) DO UPDATE SET {sum}, \
         resource_id = excluded.resource_id, changed_at = excluded.changed_at",
        places = places(some.len(), 10),
        sum = sum("log_minutes")
    );
    on!(conn, c => {
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for one in some {
            query = query.bind(clean(&one.workload)).bind(one.signature.to_string()).bind(one.minute.0)
                .bind(clean(&one.resource_id)).bind(i64::from(one.severity)).bind(one.first_seen.micros())
                .bind(one.last_seen.micros()).bind(one.count).bind(0_i64).bind(now.micros());
        }
        query.execute(c).await.map(drop)
    })?;
    Ok(())
}

async fn add_signatures(conn: &mut Conn<'_>, some: &[Counted]) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO log_signatures \
         (workload, signature, public_form, severity, first_seen, last_seen, seen, baseline, burst_at) \
         VALUES {places} ON CONFLICT (workload, signature) DO UPDATE SET {sum}, public_form = \
         CASE WHEN excluded.public_form = '' THEN log_signatures.public_form ELSE excluded.public_form END",
        places = places(some.len(), 9),
        sum = sum("log_signatures")
    );
    let nothing = to_json(&Baseline::default());
    on!(conn, c => {
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for one in some {
            let form = one.form().map(String::from).unwrap_or_default();
            query = query.bind(clean(&one.workload)).bind(one.signature.to_string()).bind(form)
                .bind(i64::from(one.severity)).bind(one.first_seen.micros()).bind(one.last_seen.micros())
                .bind(one.count).bind(nothing.clone()).bind(NEVER);
        }
        query.execute(c).await.map(drop)
    })?;
    Ok(())
}

/// How a row of one of the tables takes another in.
fn sum(table: &str) -> String {
    let end = |column: &str, order: char| {
        let (old, new) = (format!("{table}.{column}"), format!("excluded.{column}"));
        format!("{column} = CASE WHEN {new} {order} {old} THEN {new} ELSE {old} END")
    };
    let (severity, first, last) = (end("severity", '>'), end("first_seen", '<'), end("last_seen", '>'));
    format!("seen = {table}.seen + excluded.seen, {severity}, {first}, {last}")
}

/// What was counted of each signature counts as that of which it is a part: all of it or nothing.
pub async fn merge(db: &Db, merges: &[Merge]) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    for merge in merges {
        take_in(&mut tx.conn(), merge).await?;
    }
    tx.commit().await
}

async fn take_in(conn: &mut Conn<'_>, Merge { workload, from, into }: &Merge) -> Result<(), StoreError> {
    let moves = [
        (
            "log_signatures",
            "workload",
            "public_form, severity, first_seen, last_seen, seen, baseline, burst_at",
            "(workload, signature)",
            "",
        ),
        (
            "log_minutes",
            "workload, minute",
            "resource_id, severity, first_seen, last_seen, seen, told, changed_at",
            "(workload, signature, minute)",
            ", told = log_minutes.told + excluded.told",
        ),
        (
            "log_days",
            "workload, day, month",
            "public_form, severity, first_seen, last_seen, seen, hours",
            "(workload, day, signature)",
            ", hours = log_days.hours | excluded.hours",
        ),
    ];
    for (table, keys, values, conflict, more) in moves {
        let insert = format!(
            "INSERT INTO {table} ({keys}, signature, {values}) \
             SELECT {keys}, $3, {values} FROM {table} WHERE workload = $1 AND signature = $2 \
             ON CONFLICT {conflict} DO UPDATE SET {sum}{more}",
            sum = sum(table)
        );
        let (workload, from, into) = (clean(workload), from.to_string(), into.to_string());
        on!(&mut *conn, c => sqlx::query(sqlx::AssertSqlSafe(insert))
            .bind(&workload).bind(&from).bind(&into).execute(c).await.map(drop))?;
        let delete = format!("DELETE FROM {table} WHERE workload = $1 AND signature = $2");
        on!(&mut *conn, c => sqlx::query(sqlx::AssertSqlSafe(delete))
            .bind(&workload).bind(&from).execute(c).await.map(drop))?;
    }
    Ok(())
}

/// Which minutes are complete.
#[derive(Clone, Copy, Debug)]
pub struct Over {
    /// Those before it are over.
    pub open: Minute,
    /// They are complete when nothing was counted into them from here on. While a backlog is read an old minute grows.
    pub quiet_since: Timestamp,
    pub now: Timestamp,
    /// Those before it are not waited for.
    pub news: Minute,
}

/// Minutes that are complete, and those of the rest that cannot wait: the first event at least as bad as a warning, the
/// first of a new signature, the event that makes a burst. The oldest first.
pub async fn due(db: &Db, over: Over, most: i64) -> Result<Vec<Due>, StoreError> {
    let mut reader = db.reader().await?;
    let rows: Vec<DueRow> = on!(&mut reader.conn(), c => sqlx::query_as(
        "SELECT m.workload, m.signature, m.minute, m.resource_id, m.severity, m.first_seen, m.last_seen, m.seen, m.told, \
         s.public_form, s.first_seen AS known_since, s.baseline \
         FROM log_minutes m JOIN log_signatures s ON s.workload = m.workload AND s.signature = m.signature \
         WHERE m.told < m.seen AND ((m.minute < $1 AND (m.changed_at < $4 OR m.changed_at > $5 OR m.minute < $6)) \
         OR (m.told = 0 AND (m.severity >= $2 OR s.first_seen >= m.minute * 60000000)) \
         OR (m.seen >= s.burst_at AND m.told < s.burst_at)) \
         ORDER BY m.minute, m.workload, m.signature LIMIT $3")
        .bind(over.open.0).bind(i64::from(WARNING)).bind(most)
        // A clock that was set back leaves times that are still to come.
        .bind(over.quiet_since.micros()).bind(over.now.micros()).bind(over.news.0)
        .fetch_all(c).await)?;
    rows.into_iter().map(Due::try_from).collect()
}

/// Notes what was told, with the event that tells it: all of it or nothing.
pub async fn tell(db: &Db, told: &[MinuteReport], event: Option<&Event>) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    for MinuteReport { due, baseline, .. } in told {
        note(&mut tx.conn(), due, *baseline).await?;
    }
    if let Some(event) = event {
        outbox::put(&mut tx.conn(), event).await?;
    }
    tx.commit().await
}

async fn note(conn: &mut Conn<'_>, due: &Due, baseline: Baseline) -> Result<(), StoreError> {
    let (workload, signature, Minute(minute)) = (clean(&due.workload), due.signature.to_string(), due.minute);
    on!(&mut *conn, c => sqlx::query(
        "UPDATE log_minutes SET told = $4 WHERE workload = $1 AND signature = $2 AND minute = $3")
        .bind(&workload).bind(&signature).bind(minute).bind(due.seen).execute(c).await.map(drop))?;
    let day = Day::of(due.minute.begin());
    let into_days = format!(
        "INSERT INTO log_days (workload, day, signature, month, public_form, severity, first_seen, last_seen, seen, hours) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (workload, day, signature) DO UPDATE SET {sum}, \
         public_form = excluded.public_form, hours = log_days.hours | excluded.hours",
        sum = sum("log_days")
    );
    on!(&mut *conn, c => sqlx::query(sqlx::AssertSqlSafe(into_days))
        .bind(&workload).bind(day.0).bind(&signature).bind(day.month().0).bind(due.form.as_str())
        .bind(i64::from(due.severity)).bind(due.first_seen.micros()).bind(due.last_seen.micros())
        .bind(due.seen - due.told).bind(1_i64 << (minute.rem_euclid(1_440) / 60)).execute(c).await.map(drop))?;
    if baseline != due.baseline {
        on!(&mut *conn, c => sqlx::query(
            "UPDATE log_signatures SET baseline = $3, burst_at = $4 WHERE workload = $1 AND signature = $2")
            .bind(&workload).bind(&signature).bind(to_json(&baseline)).bind(baseline.burst_at().unwrap_or(NEVER))
            .execute(c).await.map(drop))?;
    }
    Ok(())
}

/// Signatures that are known since before `since`, and were never measured long enough, are judged from [`LEAST`] events
/// in a minute on, while the minute goes on.
pub async fn watch_for_bursts(db: &Db, since: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    on!(&mut tx.conn(), c => sqlx::query("UPDATE log_signatures SET burst_at = $1 WHERE burst_at = $2 AND first_seen < $3")
        .bind(LEAST).bind(NEVER).bind(since.micros()).execute(c).await.map(drop))?;
    tx.commit().await
}

/// Forgets minutes that were told before `minutes`, and signatures that nobody logged since `signatures`.
pub async fn prune(db: &Db, minutes: Minute, signatures: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    on!(&mut tx.conn(), c => sqlx::query("DELETE FROM log_minutes WHERE minute < $1 AND told = seen")
        .bind(minutes.0).execute(c).await.map(drop))?;
    on!(&mut tx.conn(), c => sqlx::query(
        "DELETE FROM log_signatures WHERE last_seen < $1 AND NOT EXISTS (SELECT 1 FROM log_minutes m \
         WHERE m.workload = log_signatures.workload AND m.signature = log_signatures.signature)")
        .bind(signatures.micros()).execute(c).await.map(drop))?;
    tx.commit().await
}
