//! The tables of days, incidents and summaries.

use overseer_model::{Site, Timestamp};
use overseer_signatures::public_form;
use overseer_storage::column::{from_count, from_text};
use overseer_storage::{Conn, Db, StoreError, audit, clean, on, row};

use super::month::{Day, Month};
use super::sign::{Signed, Signer};
use super::summary::{DayCount, Linked, summarize};

/// Longest title that is kept of an incident. Characters.
const LONGEST_TITLE: usize = 200;

row! {
    struct DayRow {
        day: i64,
        signature: String,
        public_form: String,
        severity: i64,
        first_seen: i64,
        last_seen: i64,
        seen: i64,
        hours: i64,
    }
}

impl TryFrom<DayRow> for DayCount {
    type Error = StoreError;
    fn try_from(row: DayRow) -> Result<Self, StoreError> {
        Ok(Self {
            day: Day(row.day),
            signature: from_text(&row.signature, "log_days.signature")?,
            form: public_form(&row.public_form),
            severity: from_count(row.severity, "log_days.severity")?,
            first_seen: Timestamp::from_micros(row.first_seen),
            last_seen: Timestamp::from_micros(row.last_seen),
            seen: row.seen,
            hours: row.hours,
        })
    }
}

row! {
    struct LinkedRow {
        id: String,
        opened_at: i64,
        title: String,
    }
}
row! {
    struct MonthRow {
        workload: String,
        month: i64,
        counted: i64,
    }
}
row! {
    struct SignedRow {
        document: String,
        signature: String,
        public_key: String,
    }
}
row! {
    struct HeadRow {
        workload: String,
        month: i64,
        written_at: i64,
        counted: i64,
        signatures: i64,
    }
}

/// A month of a workload that is in no summary yet, or in one that is of fewer events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritten {
    pub workload: String,
    pub month: Month,
    counted: i64,
}

/// What a list of summaries shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub workload: String,
    pub month: Month,
    pub written_at: Timestamp,
    pub events: i64,
    pub signatures: i64,
}

/// Months with a day before `end` that want a summary.
pub async fn unwritten(db: &Db, end: Day) -> Result<Vec<Unwritten>, StoreError> {
    let mut reader = db.reader().await?;
    let rows: Vec<MonthRow> = on!(&mut reader.conn(), c => sqlx::query_as(
        "SELECT d.workload, d.month, CAST(SUM(d.seen) AS BIGINT) AS counted FROM log_days d \
         LEFT JOIN log_summaries s ON s.workload = d.workload AND s.month = d.month \
         GROUP BY d.workload, d.month, s.counted \
         HAVING MIN(d.day) < $1 AND (s.counted IS NULL OR s.counted < SUM(d.seen)) ORDER BY d.month, d.workload")
        .bind(end.0).fetch_all(c).await)?;
    let unwritten = |MonthRow { workload, month, counted }| Unwritten { workload, month: Month(month), counted };
    Ok(rows.into_iter().map(unwritten).collect())
}

/// Writes and signs the summary of a month.
pub async fn write(db: &Db, site: &Site, signer: &Signer, month: &Unwritten, now: Timestamp) -> Result<(), StoreError> {
    let Unwritten { workload, month, counted } = month;
    let mut tx = db.begin_write().await?;
    let days: Vec<DayRow> = on!(&mut tx.conn(), c => sqlx::query_as(
        "SELECT day, signature, public_form, severity, first_seen, last_seen, seen, hours FROM log_days \
         WHERE workload = $1 AND month = $2").bind(workload).bind(month.0).fetch_all(c).await)?;
    let days = days.into_iter().map(DayCount::try_from).collect::<Result<Vec<_>, _>>()?;
    let incidents = incidents(&mut tx.conn(), workload, *month).await?;
    let summary = summarize((site, workload), *month, &days, &incidents, now);
    let signatures = summary.signatures.len() as u64 + summary.signatures_left_out;
    let json = overseer_contract::to_json(&summary).map_err(|_| StoreError::Corrupt { what: "log summary" })?;
    let Signed { document, signature, public_key } = signer.sign(clean(&json));
    on!(&mut tx.conn(), c => sqlx::query(
        "INSERT INTO log_summaries (workload, month, written_at, counted, signatures, document, signature, public_key) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (workload, month) DO UPDATE SET written_at = $3, \
         counted = $4, signatures = $5, document = $6, signature = $7, public_key = $8")
        .bind(workload).bind(month.0).bind(now.micros()).bind(counted)
        .bind(i64::try_from(signatures).unwrap_or(i64::MAX)).bind(document).bind(signature).bind(public_key)
        .execute(c).await.map(drop))?;
    let object = format!("{workload} {month}");
    let record = audit::Record { at: now, actor: "collector", action: "logs.summarize", object: &object, detail: "" };
    audit::append(&mut tx.conn(), &record).await?;
    tx.commit().await
}

async fn incidents(conn: &mut Conn<'_>, workload: &str, month: Month) -> Result<Vec<Linked>, StoreError> {
    let (from, until) = (month.first().begin().micros(), month.next().first().begin().micros());
    let rows: Vec<LinkedRow> = on!(conn, c => sqlx::query_as(
        "SELECT id, opened_at, title FROM log_incidents WHERE workload = $1 AND opened_at >= $2 AND opened_at < $3 \
         ORDER BY opened_at, id").bind(workload).bind(from).bind(until).fetch_all(c).await)?;
    let linked =
        |LinkedRow { id, opened_at, title }| Linked { id, opened_at: Timestamp::from_micros(opened_at), title };
    Ok(rows.into_iter().map(linked).collect())
}

/// Notes an incident of a workload, for its summary. One that is known already is noted once.
pub async fn note_incident(conn: &mut Conn<'_>, workload: &str, incident: &Linked) -> Result<(), StoreError> {
    let title: String = incident.title.chars().take(LONGEST_TITLE).collect();
    on!(conn, c => sqlx::query(
        "INSERT INTO log_incidents (id, workload, opened_at, title) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING")
        .bind(clean(&incident.id)).bind(clean(workload)).bind(incident.opened_at.micros()).bind(clean(&title))
        .execute(c).await.map(drop))?;
    Ok(())
}

/// Writes to the audit chain what is about to be deleted.
pub async fn note_purge(db: &Db, what: &str, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let record = audit::Record { at: now, actor: "collector", action: "logs.purge", object: what, detail: "" };
    audit::append(&mut tx.conn(), &record).await?;
    tx.commit().await
}

/// Forgets summaries that were written before `summaries` with the counts that they are made of, which lines that come
/// late are added to until then; and incidents of months before `incidents`.
pub async fn prune(db: &Db, incidents: Month, summaries: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    on!(&mut tx.conn(), c => sqlx::query(
        "DELETE FROM log_days WHERE EXISTS (SELECT 1 FROM log_summaries s \
         WHERE s.workload = log_days.workload AND s.month = log_days.month AND s.written_at < $1)")
        .bind(summaries.micros()).execute(c).await.map(drop))?;
    on!(&mut tx.conn(), c => sqlx::query("DELETE FROM log_incidents WHERE opened_at < $1")
        .bind(incidents.first().begin().micros()).execute(c).await.map(drop))?;
    on!(&mut tx.conn(), c => sqlx::query("DELETE FROM log_summaries WHERE written_at < $1")
        .bind(summaries.micros()).execute(c).await.map(drop))?;
    tx.commit().await
}

/// A place in the list of summaries, which is by month, the newest first, then by workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    pub month: Month,
    pub workload: String,
}

/// Its beginning.
impl Default for After {
    fn default() -> Self {
        Self { month: Month(i64::MAX), workload: String::new() }
    }
}

/// Summaries after `after`; of one workload when it is given.
pub async fn heads(db: &Db, workload: Option<&str>, after: &After, most: i64) -> Result<Vec<Head>, StoreError> {
    let mut reader = db.reader().await?;
    let After { month, workload: last } = after;
    let rows: Vec<HeadRow> = match workload {
        Some(workload) => on!(&mut reader.conn(), c => sqlx::query_as(
            "SELECT workload, month, written_at, counted, signatures FROM log_summaries \
             WHERE workload = $1 AND (month < $2 OR (month = $2 AND workload > $3)) ORDER BY month DESC LIMIT $4")
            .bind(clean(workload)).bind(month.0).bind(last).bind(most).fetch_all(c).await)?,
        None => on!(&mut reader.conn(), c => sqlx::query_as(
            "SELECT workload, month, written_at, counted, signatures FROM log_summaries \
             WHERE month < $1 OR (month = $1 AND workload > $2) ORDER BY month DESC, workload LIMIT $3")
            .bind(month.0).bind(last).bind(most).fetch_all(c).await)?,
    };
    let head = |HeadRow { workload, month, written_at, counted, signatures }| Head {
        workload,
        month: Month(month),
        written_at: Timestamp::from_micros(written_at),
        events: counted,
        signatures,
    };
    Ok(rows.into_iter().map(head).collect())
}

pub async fn summary(db: &Db, workload: &str, month: Month) -> Result<Option<Signed>, StoreError> {
    let mut reader = db.reader().await?;
    let row: Option<SignedRow> = on!(&mut reader.conn(), c => sqlx::query_as(
        "SELECT document, signature, public_key FROM log_summaries WHERE workload = $1 AND month = $2")
        .bind(clean(workload)).bind(month.0).fetch_optional(c).await)?;
    Ok(row.map(|SignedRow { document, signature, public_key }| Signed { document, signature, public_key }))
}
