//! What the services parked, for people: listed, replayed and dropped, and that is audited.

use overseer_contract::v1 as pb;
use overseer_contract::v1::own_parked_service_client::OwnParkedServiceClient;
use overseer_contract::v1::parked_service_server::ParkedService;
use overseer_model::{ServiceName, Timestamp};
use overseer_runtime::{Peers, Problem, Upstream, caller};
use overseer_storage::{Db, StoreError, audit};
use tonic::{Request, Response, Status};

use crate::grpc::CHAINED;

pub struct Parked {
    pub db: Db,
    pub peers: Peers,
}

impl Parked {
    fn of(&self, service: ServiceName) -> OwnParkedServiceClient<Upstream> {
        OwnParkedServiceClient::new(self.peers.to(service))
    }

    async fn record(&self, actor: &str, action: &str, service: ServiceName, id: &str) -> Result<(), StoreError> {
        let mut tx = self.db.begin_write().await?;
        let (at, detail) = (Timestamp::now(), service.as_str());
        audit::append(&mut tx.conn(), &audit::Record { at, actor, action, object: id, detail }).await?;
        tx.commit().await
    }
}

fn service_named(name: &str) -> Result<ServiceName, Problem> {
    let found = CHAINED.into_iter().find(|service| service.as_str() == name);
    found.ok_or_else(|| Problem::not_found("service with parked events", "overseer parked list"))
}

#[tonic::async_trait]
impl ParkedService for Parked {
    async fn list_parked(&self, _: Request<pb::ListParkedRequest>) -> Result<Response<pb::ListParkedResponse>, Status> {
        let mut events = Vec::new();
        for service in CHAINED {
            let request = pb::ListOwnParkedRequest { page_size: 500, page_token: String::new() };
            // An unreachable service is an error: what it parked must not be passed over in silence.
            events.extend(self.of(service).list_own_parked(request).await?.into_inner().events);
        }
        Ok(Response::new(pb::ListParkedResponse { events }))
    }

    async fn replay_parked(
        &self,
        request: Request<pb::ReplayParkedRequest>,
    ) -> Result<Response<pb::ReplayParkedResponse>, Status> {
        let actor = caller(&request);
        let pb::ReplayParkedRequest { service, id } = request.into_inner();
        let service = service_named(&service)?;
        self.record(&actor, "parked.replayed", service, &id).await.map_err(Problem::from)?;
        self.of(service).replay_own_parked(pb::ReplayOwnParkedRequest { id: id.clone() }).await?;
        Ok(Response::new(pb::ReplayParkedResponse { id }))
    }

    async fn drop_parked(
        &self,
        request: Request<pb::DropParkedRequest>,
    ) -> Result<Response<pb::DropParkedResponse>, Status> {
        let actor = caller(&request);
        let pb::DropParkedRequest { service, id } = request.into_inner();
        let service = service_named(&service)?;
        self.record(&actor, "parked.dropped", service, &id).await.map_err(Problem::from)?;
        self.of(service).drop_own_parked(pb::DropOwnParkedRequest { id: id.clone() }).await?;
        Ok(Response::new(pb::DropParkedResponse { id }))
    }
}
