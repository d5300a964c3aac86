//! `InventoryService`: what there is, and what was observed of it.

use overseer_contract::v1;
use overseer_contract::v1::inventory_service_server::InventoryService;
use overseer_runtime::{Code, Page, Problem};
use tonic::{Request, Response, Status};

use crate::store::Store;

pub struct Inventory {
    pub store: Store,
}

#[tonic::async_trait]
impl InventoryService for Inventory {
    async fn list_resources(
        &self,
        request: Request<v1::ListResourcesRequest>,
    ) -> Result<Response<v1::ListResourcesResponse>, Status> {
        let v1::ListResourcesRequest { page_size, page_token } = request.into_inner();
        let page = Page::of(page_size, &page_token)?;
        let known = self.store.resources(&page).await.map_err(Problem::from)?;
        let next_page_token = page.next(&known, |known| known.resource.id.clone());
        let resources = known.into_iter().map(Into::into).collect();
        Ok(Response::new(v1::ListResourcesResponse { resources, next_page_token }))
    }

    async fn get_resource(&self, request: Request<v1::GetResourceRequest>) -> Result<Response<v1::Resource>, Status> {
        let v1::GetResourceRequest { id } = request.into_inner();
        let known = self.store.resource(&id).await.map_err(Problem::from)?;
        let known = known.ok_or_else(|| Problem::not_found("resource", "/api/v1/resources"))?;
        Ok(Response::new(known.into()))
    }

    async fn list_facts(
        &self,
        request: Request<v1::ListFactsRequest>,
    ) -> Result<Response<v1::ListFactsResponse>, Status> {
        let v1::ListFactsRequest { resource_id, page_size, page_token } = request.into_inner();
        let page = Page::of(page_size, &page_token)?;
        let resource = (!resource_id.is_empty()).then_some(resource_id.as_str());
        let before = before(&page)?;
        let facts = self.store.facts(resource, before, page.size).await.map_err(Problem::from)?;
        let next_page_token = page.next(&facts, |fact| fact.sequence.to_string());
        let facts = facts.into_iter().map(Into::into).collect();
        Ok(Response::new(v1::ListFactsResponse { facts, next_page_token }))
    }
}

/// The sequence that a page of facts ends before.
fn before(page: &Page) -> Result<i64, Problem> {
    let bad = |_| {
        Problem::new(
            Code::SchemaInvalid,
            "page_token is not one that this list gave",
            "send the next_page_token of the page before, unchanged",
        )
    };
    page.after.as_deref().map_or(Ok(i64::MAX), |token| token.parse().map_err(bad))
}
