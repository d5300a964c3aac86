//! The tables of the incident engine.

use overseer_contract::TraceParent;
use overseer_model::{Epoch, Fingerprint, IncidentId, ResourceKey, Timestamp};
use overseer_runtime::Page;
use overseer_storage::column::{from_count, from_json, from_text, from_word, to_json, to_word};
use overseer_storage::{Conn, StoreError, on, row};

use crate::detect::DetectorState;
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

/// An incident as it is stored.
pub struct StoredIncident {
    pub incident: Incident,
    pub narrative: Narrative,
    /// Of the engine's event that opened it.
    pub trace: Option<TraceParent>,
}

impl TryFrom<Row> for StoredIncident {
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

pub async fn open_by_fingerprint(
    conn: &mut Conn<'_>,
    fingerprint: Fingerprint,
) -> Result<Option<StoredIncident>, StoreError> {
    one(conn, "fingerprint = $1 AND state <> 'resolved'", fingerprint.to_string()).await
}

/// By the resource's key, whatever its name is now.
pub async fn open_by_resource(
    conn: &mut Conn<'_>,
    resource: &ResourceKey,
) -> Result<Option<StoredIncident>, StoreError> {
    one(conn, "resource_key = $1 AND state <> 'resolved'", resource.to_string()).await
}

pub async fn by_id(conn: &mut Conn<'_>, id: IncidentId) -> Result<Option<StoredIncident>, StoreError> {
    one(conn, "id = $1", id.to_string()).await
}

/// Whoever reads an incident in a transaction may change it there; facts and outcomes come at the same time.
async fn one(
    conn: &mut Conn<'_>,
    condition: &'static str,
    value: String,
) -> Result<Option<StoredIncident>, StoreError> {
    let lock = conn.for_update();
    let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM incident WHERE {condition}{lock}"));
    let row: Option<Row> = on!(conn, c => sqlx::query_as(sql).bind(value).fetch_optional(c).await)?;
    row.map(StoredIncident::try_from).transpose()
}

/// The oldest open incidents whose resource is calm since `until` or longer; when there are none, since when the next is
/// calm.
pub async fn calm(conn: &mut Conn<'_>, until: Timestamp) -> Result<(Vec<IncidentId>, Option<Timestamp>), StoreError> {
    let rows: Vec<(String, i64)> = on!(conn, c => sqlx::query_as(
        "SELECT id, calm_since FROM incident WHERE calm_since IS NOT NULL ORDER BY calm_since LIMIT 100")
        .fetch_all(c).await)?;
    let due = rows.iter().take_while(|(_, since)| *since <= until.micros());
    let due: Vec<IncidentId> = due.map(|(id, _)| from_text(id, "incident.id")).collect::<Result<_, _>>()?;
    let next = rows.get(due.len()).map(|(_, since)| Timestamp::from_micros(*since));
    Ok((due, next))
}

/// Notes since when the open incidents of a resource are calm.
pub async fn set_calm(conn: &mut Conn<'_>, resource: &ResourceKey, since: Option<Timestamp>) -> Result<(), StoreError> {
    on!(conn, c => sqlx::query("UPDATE incident SET calm_since = $2 WHERE resource_key = $1 AND state = 'open'")
        .bind(resource.to_string()).bind(since.map(Timestamp::micros)).execute(c).await.map(drop))?;
    Ok(())
}

/// Newest first; of one state when it is given.
pub async fn list(conn: &mut Conn<'_>, state: Option<State>, page: &Page) -> Result<Vec<StoredIncident>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM incident WHERE ($1 = '' OR id < $1) AND ($2 = '' OR state = $2) \
         ORDER BY id DESC LIMIT $3"
    ));
    let state = state.map(|state| to_word(&state)).unwrap_or_default();
    let after = page.after.clone().unwrap_or_default();
    let rows: Vec<Row> =
        on!(conn, c => sqlx::query_as(sql).bind(after).bind(state).bind(page.size).fetch_all(c).await)?;
    rows.into_iter().map(StoredIncident::try_from).collect()
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
        "INSERT INTO incident (id, fingerprint, resource_key, resource, detector, severity, state, outcome, opened_at, \
         updated_at, resolved_at, occurrences, trace, narrative) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
         ON CONFLICT (id) DO UPDATE SET resource_key = $3, resource = $4, detector = $5, severity = $6, state = $7, \
         outcome = $8, updated_at = $10, resolved_at = $11, occurrences = $12, narrative = $14, \
         calm_since = CASE WHEN $7 = 'open' THEN incident.calm_since ELSE NULL END")
        .bind(incident.id.to_string()).bind(incident.fingerprint.to_string()).bind(incident.resource.key.to_string())
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
            .bind(incident.id.to_string()).bind(position).bind(moment.at.micros()).bind(to_json(&moment.kind))
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
                kind: from_json(&what, "moment.what")?,
                evidence: from_json(&evidence, "moment.evidence")?,
            })
        })
        .collect()
}

/// What every detector remembers of a resource. Facts and the quiet period change it in turn.
pub async fn states(conn: &mut Conn<'_>, resource: &ResourceKey) -> Result<Vec<DetectorState>, StoreError> {
    let lock = conn.for_update();
    let sql = sqlx::AssertSqlSafe(format!("SELECT state FROM detector_state WHERE resource = $1{lock}"));
    let rows: Vec<String> = on!(conn, c => sqlx::query_scalar(sql).bind(resource.to_string()).fetch_all(c).await)?;
    let stored: Vec<DetectorState> =
        rows.iter().map(|json| from_json(json, "detector_state.state")).collect::<Result<_, _>>()?;
    let of = |fresh: DetectorState| stored.iter().find(|state| state.name() == fresh.name()).cloned().unwrap_or(fresh);
    Ok(DetectorState::fresh().into_iter().map(of).collect())
}

pub async fn save_states(
    conn: &mut Conn<'_>,
    resource: &ResourceKey,
    states: &[DetectorState],
    now: Timestamp,
) -> Result<(), StoreError> {
    for state in states {
        on!(&mut *conn, c => sqlx::query(
            "INSERT INTO detector_state (detector, resource, state, updated_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (detector, resource) DO UPDATE SET state = $3, updated_at = $4")
            .bind(state.name()).bind(resource.to_string()).bind(to_json(state)).bind(now.micros())
            .execute(c).await.map(drop))?;
    }
    Ok(())
}

/// Nothing more will be observed of it.
pub async fn forget_states(conn: &mut Conn<'_>, resource: &ResourceKey) -> Result<(), StoreError> {
    on!(conn, c => sqlx::query("DELETE FROM detector_state WHERE resource = $1")
        .bind(resource.to_string()).execute(c).await.map(drop))?;
    Ok(())
}

/// The last fact of this collector's store that was applied; 0 before the first. Whoever reads it applies what follows: the
/// row is locked, also when it is new.
pub async fn cursor(conn: &mut Conn<'_>, epoch: Epoch, now: Timestamp) -> Result<u64, StoreError> {
    let last: i64 = on!(conn, c => sqlx::query_scalar(
        "INSERT INTO fact_cursor (epoch, sequence, updated_at) VALUES ($1, 0, $2) \
         ON CONFLICT (epoch) DO UPDATE SET sequence = fact_cursor.sequence RETURNING sequence")
        .bind(epoch.to_string()).bind(now.micros()).fetch_one(c).await)?;
    from_count(last, "fact_cursor.sequence")
}

pub async fn save_cursor(conn: &mut Conn<'_>, epoch: Epoch, sequence: u64, now: Timestamp) -> Result<(), StoreError> {
    on!(conn, c => sqlx::query(
        "INSERT INTO fact_cursor (epoch, sequence, updated_at) VALUES ($1, $2, $3) \
         ON CONFLICT (epoch) DO UPDATE SET sequence = $2, updated_at = $3")
        .bind(epoch.to_string()).bind(i64::try_from(sequence).unwrap_or(i64::MAX)).bind(now.micros())
        .execute(c).await.map(drop))?;
    Ok(())
}
