//! Answers questions about incidents. Reading a narrative is recorded.

use overseer_contract::v1 as pb;
use overseer_contract::v1::incident_service_server::IncidentService;
use overseer_model::{IncidentId, Timestamp};
use overseer_runtime::{Page, Problem, caller};
use overseer_storage::{Db, StoreError, audit};
use tonic::{Request, Response, Status};

use crate::{store, wire};

pub struct Incidents {
    pub db: Db,
}

#[tonic::async_trait]
impl IncidentService for Incidents {
    async fn list_incidents(
        &self,
        request: Request<pb::ListIncidentsRequest>,
    ) -> Result<Response<pb::ListIncidentsResponse>, Status> {
        let pb::ListIncidentsRequest { page_size, page_token, state } = request.into_inner();
        let page = Page::of(page_size, &page_token)?;
        let listed = async {
            let mut reader = self.db.reader().await?;
            store::list(&mut reader.conn(), wire::state_filter(state), &page).await
        };
        let incidents = listed.await.map_err(Problem::from)?;
        let next_page_token = page.next(&incidents, |stored| stored.incident.id.to_string());
        let incidents = incidents.into_iter().map(|stored| stored.incident.into()).collect();
        Ok(Response::new(pb::ListIncidentsResponse { incidents, next_page_token }))
    }

    async fn get_incident(
        &self,
        request: Request<pb::GetIncidentRequest>,
    ) -> Result<Response<pb::IncidentDetail>, Status> {
        let actor = caller(&request);
        let unknown = || Problem::not_found("incident", "overseer incidents");
        let id: IncidentId = request.into_inner().id.parse().map_err(|_| unknown())?;
        let stored = self.read(id, &actor).await.map_err(Problem::from)?.ok_or_else(unknown)?;
        let narrative = wire::narrative(&stored.incident, stored.narrative);
        Ok(Response::new(pb::IncidentDetail { incident: Some(stored.incident.into()), narrative: Some(narrative) }))
    }
}

impl Incidents {
    async fn read(&self, id: IncidentId, actor: &str) -> Result<Option<store::StoredIncident>, StoreError> {
        let mut tx = self.db.begin_write().await?;
        let stored = store::by_id(&mut tx.conn(), id).await?;
        if stored.is_some() {
            let object = id.to_string();
            let record =
                audit::Record { at: Timestamp::now(), actor, action: "narrative.read", object: &object, detail: "" };
            audit::append(&mut tx.conn(), &record).await?;
        }
        tx.commit().await?;
        Ok(stored)
    }
}
