//! Notes which incidents a workload had, for the summary of its logs.

use std::sync::Arc;

use async_trait::async_trait;
use overseer_contract::{BadWire, Event, from_timestamp, required, v1};
use overseer_model::{EventKind, ResourceRef};
use overseer_runtime::{ApplyError, Base, Consumer, first_time};

use super::documents;
use super::summary::Linked;
use crate::inventory::Inventory;

pub const KINDS: &[EventKind] = &[EventKind::IncidentDetected];

pub struct IncidentConsumer {
    pub base: Base,
    pub inventory: Arc<dyn Inventory>,
}

#[async_trait]
impl Consumer for IncidentConsumer {
    async fn apply(&self, event: &Event) -> Result<(), ApplyError> {
        let incident = required(event.payload::<v1::IncidentDetected>()?.incident, "incident")?;
        // A resource that only a newer service has a word for has no logs here.
        let Ok(resource) = ResourceRef::try_from(required(incident.resource, "incident.resource")?) else {
            return Ok(());
        };
        let opened_at = from_timestamp(required(incident.opened_at, "incident.opened_at")?);
        let workload = self.inventory.workload(&resource.key).await?.unwrap_or(resource.name);
        if incident.id.is_empty() {
            return Err(BadWire { field: "incident.id" }.into());
        }
        let Some(mut tx) = first_time(&self.base.db, event).await? else { return Ok(()) };
        let linked = Linked { id: incident.id, opened_at, title: incident.title };
        documents::note_incident(&mut tx.conn(), &workload, &linked).await?;
        Ok(tx.commit().await?)
    }
}
