//! The service's methods.

use overseer_contract::v1;
use overseer_contract::v1::delivery_service_server::DeliveryService;
use overseer_model::DeliveryId;
use overseer_runtime::{Code, Page, Problem};
use overseer_storage::Db;
use tonic::{Request, Response, Status};

use crate::delivery::State;
use crate::store::{self, Record};

pub struct Deliveries {
    pub db: Db,
}

#[tonic::async_trait]
impl DeliveryService for Deliveries {
    async fn list_deliveries(
        &self,
        request: Request<v1::ListDeliveriesRequest>,
    ) -> Result<Response<v1::ListDeliveriesResponse>, Status> {
        let v1::ListDeliveriesRequest { page_size, page_token } = request.into_inner();
        let page = Page::of(page_size, &page_token)?;
        let before = page.after.as_deref().map(before).transpose()?;
        let records = self.list(before, page.size).await?;
        let next_page_token = page.next(&records, |record| record.id.to_string());
        let deliveries = records.into_iter().map(v1::Delivery::from).collect();
        Ok(Response::new(v1::ListDeliveriesResponse { deliveries, next_page_token }))
    }
}

impl Deliveries {
    async fn list(&self, before: Option<DeliveryId>, most: i64) -> Result<Vec<Record>, Problem> {
        let mut reader = self.db.reader().await?;
        Ok(store::list(&mut reader.conn(), before, most).await?)
    }
}

fn before(token: &str) -> Result<DeliveryId, Problem> {
    token.parse().map_err(|_| {
        Problem::new(Code::SchemaInvalid, "invalid page_token", "send the next_page_token of the previous page")
    })
}

impl From<Record> for v1::Delivery {
    fn from(record: Record) -> Self {
        let Record { id, target, kind, state, attempts, created, last_error } = record;
        let (state, settled) = match state {
            State::Pending { due: _ } => (v1::DeliveryState::Pending, None),
            State::Delivered { at } => (v1::DeliveryState::Delivered, Some(at)),
            State::Dead { at } => (v1::DeliveryState::Dead, Some(at)),
        };
        Self {
            id: id.to_string(),
            target,
            kind: kind.as_str().to_owned(),
            state: state.into(),
            attempts,
            created_at: Some(overseer_contract::to_timestamp(created)),
            settled_at: settled.map(overseer_contract::to_timestamp),
            last_error,
        }
    }
}
