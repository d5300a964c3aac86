//! `InventoryService`: what there is, and what was observed of it.

use overseer_contract::v1::inventory_service_server::InventoryService;
use overseer_contract::{required, v1};
use overseer_model::{Presence, ResourceKey, ResourceRef, ResourceState, Site, Uri};
use overseer_provider_port::ResourceRecord;
use overseer_runtime::{Code, Dependency, Health, Page, Problem};
use tonic::{Request, Response, Status};

use crate::store::Store;
use crate::{watch, wire};

pub struct Inventory {
    pub store: Store,
    pub site: Site,
    pub health: Health,
}

impl Inventory {
    fn key(&self, uri: &str) -> Result<ResourceKey, Problem> {
        let uri: Uri = uri.parse().map_err(|_| {
            let said = "invalid resource: expected `docker://INSTANCE/ID`";
            Problem::new(Code::SchemaInvalid, said, "see `overseer resources`")
        })?;
        Ok(uri.at(self.site.clone()))
    }

    /// What is removed stays so; of what is there nothing is known while its source cannot be asked.
    fn presence(&self, known: Option<ResourceRecord>) -> (Presence, Option<v1::Resource>) {
        let reachable = self.health.state(watch::DEPENDENCY) == Some(Dependency::Ready);
        match known {
            Some(known) if known.state == ResourceState::Removed => (Presence::Gone, None),
            Some(known) if reachable && known.traits.is_some() => (Presence::Present, Some(wire::resource(known))),
            Some(_) | None => (Presence::Unknown, None),
        }
    }
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
        let next_page_token = page.next(&known, |known| known.resource.key.to_string());
        let resources = known.into_iter().map(wire::resource).collect();
        Ok(Response::new(v1::ListResourcesResponse { resources, next_page_token }))
    }

    async fn get_resource(&self, request: Request<v1::GetResourceRequest>) -> Result<Response<v1::Resource>, Status> {
        let v1::GetResourceRequest { uri } = request.into_inner();
        let unknown = || Problem::not_found("resource", "overseer resources");
        let key = self.key(&uri).map_err(|_| unknown())?;
        let known = self.store.resource(&key).await.map_err(Problem::from)?.ok_or_else(unknown)?;
        Ok(Response::new(wire::resource(known)))
    }

    async fn locate_resource(
        &self,
        request: Request<v1::LocateResourceRequest>,
    ) -> Result<Response<v1::LocateResourceResponse>, Status> {
        let bad = |_| Problem::new(Code::SchemaInvalid, "missing or invalid `resource`", "send a complete reference");
        let resource = required(request.into_inner().resource, "resource").and_then(ResourceRef::try_from);
        let key = resource.map_err(bad)?.key;
        let known = if key.site == self.site { self.store.resource(&key).await.map_err(Problem::from)? } else { None };
        let (presence, resource) = self.presence(known);
        let presence = v1::Presence::from(presence).into();
        Ok(Response::new(v1::LocateResourceResponse { presence, resource }))
    }

    async fn list_facts(
        &self,
        request: Request<v1::ListFactsRequest>,
    ) -> Result<Response<v1::ListFactsResponse>, Status> {
        let v1::ListFactsRequest { resource, page_size, page_token } = request.into_inner();
        let page = Page::of(page_size, &page_token)?;
        let resource = if resource.is_empty() { None } else { Some(self.key(&resource)?) };
        let before = before(&page)?;
        let facts = self.store.facts(resource.as_ref(), before, page.size).await.map_err(Problem::from)?;
        let next_page_token = page.next(&facts, |fact| fact.sequence.to_string());
        let facts = facts.into_iter().map(Into::into).collect();
        Ok(Response::new(v1::ListFactsResponse { facts, next_page_token }))
    }
}

/// The sequence that a page of facts ends before.
fn before(page: &Page) -> Result<i64, Problem> {
    let bad =
        |_| Problem::new(Code::SchemaInvalid, "invalid page_token", "send the next_page_token of the previous page");
    page.after.as_deref().map_or(Ok(i64::MAX), |token| token.parse().map_err(bad))
}
