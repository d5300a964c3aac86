//! The incidents that are not resolved, as their events tell them.

use overseer_model::{IncidentId, ResourceKey};
use overseer_storage::column::{from_json, to_json};
use overseer_storage::{Conn, StoreError, on};

use crate::assess::Incident;

pub async fn save_incident(conn: &mut Conn<'_>, incident: &Incident) -> Result<(), StoreError> {
    on!(conn, c => sqlx::query(
        "INSERT INTO open_incident (id, resource, incident) VALUES ($1, $2, $3) \
         ON CONFLICT (id) DO UPDATE SET resource = $2, incident = $3")
        .bind(incident.id.to_string()).bind(incident.resource.key.to_string()).bind(to_json(incident))
        .execute(c).await.map(drop))?;
    Ok(())
}

pub async fn close_incident(conn: &mut Conn<'_>, id: IncidentId) -> Result<(), StoreError> {
    on!(conn, c => sqlx::query("DELETE FROM open_incident WHERE id = $1")
        .bind(id.to_string()).execute(c).await.map(drop))?;
    Ok(())
}

/// The incident, when it is open; locked, so that one assessment follows another.
pub async fn open_incident(conn: &mut Conn<'_>, id: IncidentId) -> Result<Option<Incident>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT incident FROM open_incident WHERE id = $1{}", conn.for_update()));
    let json: Option<String> = on!(conn, c => sqlx::query_scalar(sql).bind(id.to_string()).fetch_optional(c).await)?;
    json.map(|json| from_json(&json, "open_incident.incident")).transpose()
}

/// The open incidents of a resource; locked likewise.
pub async fn open_incidents_on(conn: &mut Conn<'_>, resource: &ResourceKey) -> Result<Vec<Incident>, StoreError> {
    let lock = conn.for_update();
    let sql = sqlx::AssertSqlSafe(format!("SELECT incident FROM open_incident WHERE resource = $1 ORDER BY id{lock}"));
    let rows: Vec<String> = on!(conn, c => sqlx::query_scalar(sql).bind(resource.to_string()).fetch_all(c).await)?;
    rows.iter().map(|json| from_json(json, "open_incident.incident")).collect()
}
