//! What the services parked, for people: listed, replayed and dropped. That it was asked for is audited before, and that
//! it was done after.

use overseer_contract::v1 as pb;
use overseer_contract::v1::own_parked_service_client::OwnParkedServiceClient;
use overseer_contract::v1::parked_service_server::ParkedService;
use overseer_model::{ServiceName, Timestamp};
use overseer_runtime::{Code, Page, Peers, Problem, Upstream, caller};
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

/// Where a page begins: at a service, and there after an event.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    service: ServiceName,
    /// Empty for its first event.
    after: String,
}

impl Place {
    fn of(token: Option<&str>) -> Result<Self, Problem> {
        let Some(token) = token else { return Ok(Self { service: CHAINED[0], after: String::new() }) };
        let place = token.split_once('/').and_then(|(name, after)| {
            let service = CHAINED.into_iter().find(|service| service.as_str() == name)?;
            Some(Self { service, after: after.to_owned() })
        });
        place.ok_or_else(|| {
            Problem::new(Code::SchemaInvalid, "invalid page_token", "send the next_page_token of the previous page")
        })
    }
}

fn service_named(name: &str) -> Result<ServiceName, Problem> {
    let found = CHAINED.into_iter().find(|service| service.as_str() == name);
    found.ok_or_else(|| Problem::not_found("service with parked events", "overseer parked list"))
}

#[tonic::async_trait]
impl ParkedService for Parked {
    async fn list_parked(
        &self,
        request: Request<pb::ListParkedRequest>,
    ) -> Result<Response<pb::ListParkedResponse>, Status> {
        let pb::ListParkedRequest { page_size, page_token } = request.into_inner();
        let page = Page::of(page_size, &page_token)?;
        let begin = Place::of(page.after.as_deref())?;
        let mut listed = pb::ListParkedResponse::default();
        for service in CHAINED.into_iter().skip_while(|service| *service != begin.service) {
            let room = usize::try_from(page.size).unwrap_or_default().saturating_sub(listed.events.len());
            let after = if service == begin.service { begin.after.clone() } else { String::new() };
            if room == 0 {
                listed.next_page_token = format!("{service}/");
                break;
            }
            let request =
                pb::ListOwnParkedRequest { page_size: u32::try_from(room).unwrap_or_default(), page_token: after };
            match self.of(service).list_own_parked(request).await {
                Ok(answer) => {
                    let pb::ListOwnParkedResponse { events, next_page_token } = answer.into_inner();
                    listed.events.extend(events);
                    if !next_page_token.is_empty() {
                        listed.next_page_token = format!("{service}/{next_page_token}");
                        break;
                    }
                }
                // Named, because what it parked must not be passed over in silence.
                Err(status) if status.code() == tonic::Code::Unavailable => {
                    listed.unanswered.push(service.to_string());
                }
                Err(status) => return Err(status),
            }
        }
        Ok(Response::new(listed))
    }

    async fn replay_parked(
        &self,
        request: Request<pb::ReplayParkedRequest>,
    ) -> Result<Response<pb::ReplayParkedResponse>, Status> {
        let actor = caller(&request);
        let pb::ReplayParkedRequest { service, id } = request.into_inner();
        let service = service_named(&service)?;
        self.record(&actor, "parked.replay_requested", service, &id).await.map_err(Problem::from)?;
        self.of(service).replay_own_parked(pb::ReplayOwnParkedRequest { id: id.clone() }).await?;
        self.record(&actor, "parked.replayed", service, &id).await.map_err(Problem::from)?;
        Ok(Response::new(pb::ReplayParkedResponse { id }))
    }

    async fn drop_parked(
        &self,
        request: Request<pb::DropParkedRequest>,
    ) -> Result<Response<pb::DropParkedResponse>, Status> {
        let actor = caller(&request);
        let pb::DropParkedRequest { service, id } = request.into_inner();
        let service = service_named(&service)?;
        self.record(&actor, "parked.drop_requested", service, &id).await.map_err(Problem::from)?;
        self.of(service).drop_own_parked(pb::DropOwnParkedRequest { id: id.clone() }).await?;
        self.record(&actor, "parked.dropped", service, &id).await.map_err(Problem::from)?;
        Ok(Response::new(pb::DropParkedResponse { id }))
    }
}
