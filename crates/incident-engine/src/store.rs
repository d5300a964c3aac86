//! The tables of the incident engine.

use overseer_contract::TraceParent;
use overseer_model::{Epoch, Fingerprint, IncidentId, Timestamp};
use overseer_runtime::Page;
use overseer_storage::column::{from_count, from_json, from_text, from_word, to_json, to_word};
use overseer_storage::{Conn, StoreError, clean, on, row};

use crate::detect::History;
use crate::incident::{Incident, Moment, State};
use crate::narrate::{Narrative, narrate};

row! {
    struct Row {
        id: String,
        fingerprint: String,
        resource: String,
        detector: String,
        severity: String,
        state: String,
        outcome: String,
        opened_at: i64,
        updated_at: i64,
        resolved_at: Option<i64>,
        occurrences: i64,
        trace: Option<String>,
        narrative: String,
    }
}

const COLUMNS: &str = "id, fingerprint, resource, detector, severity, state, outcome, opened_at, updated_at, \
                       resolved_at, occurrences, trace, narrative";

/// An incident as it is kept.
pub struct Kept {
    pub incident: Incident,
    pub narrative: Narrative,
    /// Of the engine's event that opened it.
    pub trace: Option<TraceParent>,
}

impl TryFrom<Row> for Kept {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        let Row {
            id,
            fingerprint,
            resource,
            detector,
            severity,
            state,
            outcome,
            opened_at,
            updated_at,
            resolved_at,
            occurrences,
            trace,
            narrative,
        } = row;
        let incident = Incident {
            id: from_text(&id, "incident.id")?,
            resource: from_json(&resource, "incident.resource")?,
            detector: from_word(detector, "incident.detector")?,
            severity: from_word(severity, "incident.severity")?,
            state: from_word(state, "incident.state")?,
            outcome: from_word(outcome, "incident.outcome")?,
            fingerprint: from_text(&fingerprint, "incident.fingerprint")?,
            opened_at: Timestamp::from_micros(opened_at),
            updated_at: Timestamp::from_micros(updated_at),
            resolved_at: resolved_at.map(Timestamp::from_micros),
            occurrences: from_count(occurrences, "incident.occurrences")?,
        };
        Ok(Self {
            incident,
            narrative: from_json(&narrative, "incident.narrative")?,
            trace: trace.and_then(|text| text.parse().ok()),
        })
    }
}

pub async fn open_by_fingerprint(conn: &mut Conn<'_>, fingerprint: Fingerprint) -> Result<Option<Kept>, StoreError> {
    one(conn, "fingerprint = $1 AND state <> 'resolved'", fingerprint.to_string()).await
}

/// By the platform's id, whatever the name is now.
pub async fn open_by_resource(conn: &mut Conn<'_>, resource: &str) -> Result<Option<Kept>, StoreError> {
    one(conn, "resource_id = $1 AND state <> 'resolved'", clean(resource)).await
}

pub async fn by_id(conn: &mut Conn<'_>, id: IncidentId) -> Result<Option<Kept>, StoreError> {
    one(conn, "id = $1", id.to_string()).await
}

/// Whoever reads an incident in a transaction may change it there; facts and outcomes come at the same time.
async fn one(conn: &mut Conn<'_>, condition: &'static str, value: String) -> Result<Option<Kept>, StoreError> {
    let lock = conn.for_update();
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM incident WHERE {condition}{lock}"));
    let row: Option<Row> = on!(conn, c => sqlx::query_as(sql).bind(value).fetch_optional(c).await)?;
    row.map(Kept::try_from).transpose()
}

/// Incidents that are not resolved.
pub async fn open(conn: &mut Conn<'_>) -> Result<Vec<Kept>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM incident WHERE state <> 'resolved'"));
    let rows: Vec<Row> = on!(conn, c => sqlx::query_as(sql).fetch_all(c).await)?;
    rows.into_iter().map(Kept::try_from).collect()
}

/// Newest first; of one state when it is given.
pub async fn list(conn: &mut Conn<'_>, state: Option<State>, page: &Page) -> Result<Vec<Kept>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM incident WHERE ($1 = '' OR id < $1) AND ($2 = '' OR state = $2) \
         ORDER BY id DESC LIMIT $3"
    ));
    let state = state.map(|state| to_word(&state)).unwrap_or_default();
    let after = page.after.clone().unwrap_or_default();
    let rows: Vec<Row> =
        on!(conn, c => sqlx::query_as(sql).bind(after).bind(state).bind(page.size).fetch_all(c).await)?;
    rows.into_iter().map(Kept::try_from).collect()
}

/// Keeps an incident with what was added to its story, and its narrative written anew.
pub async fn save(
    conn: &mut Conn<'_>,
    incident: &Incident,
    added: &[Moment],
    trace: Option<&TraceParent>,
) -> Result<(), StoreError> {
    let mut story = story(&mut *conn, incident.id).await?;
    // The same symptom again takes the place of the last one: a loop without end must not make a story without end.
    if let (Some(last), [next, ..]) = (story.last(), added)
        && last.is_repeated_by(next)
    {
        story.pop();
    }
    let first = story.len();
    story.extend_from_slice(added);
    let narrative = to_json(&narrate(incident, &story));
    on!(&mut *conn, c => sqlx::query(
        "INSERT INTO incident (id, fingerprint, resource_id, resource, detector, severity, state, outcome, opened_at, \
         updated_at, resolved_at, occurrences, trace, narrative) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
         ON CONFLICT (id) DO UPDATE SET resource_id = $3, resource = $4, detector = $5, severity = $6, state = $7, \
         outcome = $8, updated_at = $10, resolved_at = $11, occurrences = $12, narrative = $14")
        .bind(incident.id.to_string()).bind(incident.fingerprint.to_string()).bind(clean(&incident.resource.id))
        .bind(to_json(&incident.resource)).bind(to_word(&incident.detector)).bind(to_word(&incident.severity))
        .bind(to_word(&incident.state)).bind(to_word(&incident.outcome)).bind(incident.opened_at.micros())
        .bind(incident.updated_at.micros()).bind(incident.resolved_at.map(Timestamp::micros))
        .bind(i64::from(incident.occurrences)).bind(trace.map(ToString::to_string)).bind(narrative)
        .execute(c).await.map(drop))?;
    for (at, moment) in added.iter().enumerate() {
        let position = i64::try_from(first + at).unwrap_or(i64::MAX);
        on!(&mut *conn, c => sqlx::query(
            "INSERT INTO moment (incident_id, position, at, what, evidence) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (incident_id, position) DO UPDATE SET at = $3, what = $4, evidence = $5")
            .bind(incident.id.to_string()).bind(position).bind(moment.at.micros()).bind(to_json(&moment.what))
            .bind(to_json(&moment.evidence)).execute(c).await.map(drop))?;
    }
    Ok(())
}

async fn story(conn: &mut Conn<'_>, id: IncidentId) -> Result<Vec<Moment>, StoreError> {
    let rows: Vec<(i64, String, String)> = on!(conn, c => sqlx::query_as(
        "SELECT at, what, evidence FROM moment WHERE incident_id = $1 ORDER BY position")
        .bind(id.to_string()).fetch_all(c).await)?;
    rows.into_iter()
        .map(|(at, what, evidence)| {
            Ok(Moment {
                at: Timestamp::from_micros(at),
                what: from_json(&what, "moment.what")?,
                evidence: from_json(&evidence, "moment.evidence")?,
            })
        })
        .collect()
}

pub async fn history(conn: &mut Conn<'_>, resource: &str) -> Result<History, StoreError> {
    // Facts and the quiet period change it in turn.
    let sql = sqlx::AssertSqlSafe(format!("SELECT state FROM history WHERE resource_id = $1{}", conn.for_update()));
    let text: Option<String> = on!(conn, c => sqlx::query_scalar(sql)
        .bind(clean(resource)).fetch_optional(c).await)?;
    text.map_or_else(|| Ok(History::default()), |text| from_json(&text, "history.state"))
}

pub async fn save_history(conn: &mut Conn<'_>, resource: &str, history: &History) -> Result<(), StoreError> {
    on!(conn, c => sqlx::query(
        "INSERT INTO history (resource_id, state) VALUES ($1, $2) ON CONFLICT (resource_id) DO UPDATE SET state = $2")
        .bind(clean(resource)).bind(to_json(history)).execute(c).await.map(drop))?;
    Ok(())
}

/// Nothing more will be observed of it.
pub async fn forget_history(conn: &mut Conn<'_>, resource: &str) -> Result<(), StoreError> {
    on!(conn, c => sqlx::query("DELETE FROM history WHERE resource_id = $1")
        .bind(clean(resource)).execute(c).await.map(drop))?;
    Ok(())
}

/// The last fact of this collector's store that was applied; 0 before the first.
pub async fn cursor(conn: &mut Conn<'_>, epoch: Epoch) -> Result<u64, StoreError> {
    let last: Option<i64> = on!(conn, c => sqlx::query_scalar("SELECT sequence FROM fact_cursor WHERE epoch = $1")
        .bind(epoch.to_string()).fetch_optional(c).await)?;
    Ok(last.and_then(|last| u64::try_from(last).ok()).unwrap_or(0))
}

pub async fn save_cursor(conn: &mut Conn<'_>, epoch: Epoch, sequence: u64) -> Result<(), StoreError> {
    on!(conn, c => sqlx::query(
        "INSERT INTO fact_cursor (epoch, sequence) VALUES ($1, $2) ON CONFLICT (epoch) DO UPDATE SET sequence = $2")
        .bind(epoch.to_string()).bind(i64::try_from(sequence).unwrap_or(i64::MAX)).execute(c).await.map(drop))?;
    Ok(())
}
