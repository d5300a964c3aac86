//! What the log half is told of containers and asks about them. The collector's watch knows; nothing else of it is needed
//! here.

use std::collections::HashSet;

use async_trait::async_trait;
use overseer_model::{ResourceKey, ResourceState};
use overseer_storage::StoreError;

/// A container as the watch saw it last. Its readers are woken by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The platform's immutable id.
    pub id: String,
    pub workload: String,
    pub state: ResourceState,
}

/// The stored inventory of the site.
#[async_trait]
pub trait Inventory: Send + Sync {
    /// The ids of all containers, also of those that were removed lately; `None` before the first full listing, when an id
    /// that is missing means nothing.
    async fn container_ids(&self) -> Result<Option<HashSet<String>>, StoreError>;

    /// The workload that a resource belongs to; `None` when the resource is not known.
    async fn workload(&self, resource: &ResourceKey) -> Result<Option<String>, StoreError>;
}
