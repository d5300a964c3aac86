//! What the collector's inventory says of a target now.

use overseer_contract::v1::inventory_service_client::InventoryServiceClient;
use overseer_contract::v1::{GetResourceRequest, ResourceState};
use overseer_model::{Actor, Fingerprint, ServiceName};
use overseer_runtime::{Peers, Upstream};
use tonic::{Code, Status};

#[derive(Clone)]
pub struct Targets(InventoryServiceClient<Upstream>);

/// Whether a target is there, and as which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    There(Fingerprint),
    Gone,
}

impl Targets {
    pub fn new(peers: &Peers) -> Self {
        let actor = Actor::Service(ServiceName::ControlPlane);
        Self(InventoryServiceClient::new(peers.to(ServiceName::Collector, &actor)))
    }

    /// # Errors
    /// When the collector does not answer; then nothing is known.
    pub async fn look(&self, id: &str) -> Result<Target, Status> {
        let answer = self.0.clone().get_resource(GetResourceRequest { id: id.to_owned() }).await;
        match answer {
            Ok(resource) if resource.get_ref().state() == ResourceState::Removed => Ok(Target::Gone),
            Ok(resource) => resource
                .into_inner()
                .fingerprint
                .parse()
                .map(Target::There)
                .map_err(|_| Status::internal("the inventory gave no fingerprint")),
            Err(status) if status.code() == Code::NotFound => Ok(Target::Gone),
            Err(status) => Err(status),
        }
    }
}
