//! What is known of the resources that plans act on: a table that the inventory's events keep, read by whoever assesses
//! and dispatches, so that a collector that is silent starves nobody; and a question to the collector itself, for a
//! person who approves now.

use std::time::Duration;

use overseer_contract::v1 as pb;
use overseer_contract::v1::inventory_service_client::InventoryServiceClient;
use overseer_model::{Capability, Fingerprint, ResourceRef, ServiceName, Timestamp};
use overseer_runtime::{Peers, Upstream};
use tonic::Status;

/// A resource that is there, as the inventory last reported it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetRecord {
    pub fingerprint: Fingerprint,
    pub capabilities: Vec<Capability>,
    /// When somebody last started it by request; `None` when that was not seen.
    pub started_by_request_at: Option<Timestamp>,
}

/// What a look-up of a target answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Present(TargetRecord),
    /// The authoritative source said that it is no more.
    Gone,
    /// Not reported yet, or not inspected yet. It decides nothing.
    Unknown,
}

impl Target {
    /// Whether it is for sure not the target that something was made for.
    #[must_use]
    pub fn differs_from(&self, expected: Fingerprint) -> bool {
        match self {
            Self::Present(record) => record.fingerprint != expected,
            Self::Gone => true,
            Self::Unknown => false,
        }
    }
}

/// What the collector answers a person who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Located {
    Present(Fingerprint),
    Gone,
    Unknown,
}

/// Longest wait for the collector, while a person waits.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// The collector's inventory.
#[derive(Clone)]
pub struct Inventory(InventoryServiceClient<Upstream>);

impl Inventory {
    pub fn new(peers: &Peers) -> Self {
        Self(InventoryServiceClient::new(peers.to(ServiceName::Collector)))
    }

    /// # Errors
    /// When the collector does not answer in time.
    pub async fn locate(&self, resource: &ResourceRef) -> Result<Located, Status> {
        let request = pb::LocateResourceRequest { resource: Some(resource.clone().into()) };
        let mut client = self.0.clone();
        let answer = tokio::time::timeout(ANSWER_WITHIN, client.locate_resource(request)).await;
        let answer = answer.map_err(|_| Status::deadline_exceeded("the collector did not answer in time"))??;
        let pb::LocateResourceResponse { presence, resource } = answer.into_inner();
        Ok(match (pb::Presence::try_from(presence), resource) {
            (Ok(pb::Presence::Present), Some(resource)) => {
                resource.fingerprint.parse().map_or(Located::Unknown, Located::Present)
            }
            (Ok(pb::Presence::Gone), _) => Located::Gone,
            (Ok(pb::Presence::Present | pb::Presence::Unknown | pb::Presence::Unspecified) | Err(_), _) => {
                Located::Unknown
            }
        })
    }
}
