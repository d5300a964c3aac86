//! The executor's gRPC methods.

use overseer_contract::v1::execution_service_server::ExecutionService;
use overseer_contract::v1::{ListExecutionsRequest, ListExecutionsResponse};
use overseer_runtime::{Page, Problem};
use overseer_storage::{Db, StoreError};
use tonic::{Request, Response, Status};

use crate::attempt::Attempt;
use crate::ledger;

pub struct Executions {
    pub db: Db,
}

impl Executions {
    async fn page(&self, page: &Page) -> Result<Vec<Attempt>, StoreError> {
        let mut reader = self.db.reader().await?;
        ledger::list(&mut reader.conn(), page.after.as_deref(), page.size).await
    }
}

#[tonic::async_trait]
impl ExecutionService for Executions {
    async fn list_executions(
        &self,
        request: Request<ListExecutionsRequest>,
    ) -> Result<Response<ListExecutionsResponse>, Status> {
        let ListExecutionsRequest { page_size, page_token } = request.into_inner();
        let page = Page::of(page_size, &page_token)?;
        let attempts = self.page(&page).await.map_err(Problem::from)?;
        let next_page_token = page.next(&attempts, |attempt| attempt.id.to_string());
        let executions = attempts.into_iter().map(Into::into).collect();
        Ok(Response::new(ListExecutionsResponse { executions, next_page_token }))
    }
}
