//! The consumers of the control plane: what the incident engine, the inventory and the executor report.

use std::sync::Arc;

use async_trait::async_trait;
use overseer_contract::v1 as pb;
use overseer_contract::{BadWire, Event};
use overseer_model::{EventKind, Timestamp};
use overseer_runtime::{ApplyError, Base, Consumer};
use overseer_storage::{Conn, StoreError, Tx, audit};
use tokio::sync::Notify;

use crate::outcomes::Report;

pub struct Events {
    pub base: Base,
    /// Wakes the dispatcher: a step came back, or another may follow.
    pub approved: Arc<Notify>,
}

#[async_trait]
impl Consumer for Events {
    async fn apply(&self, event: &Event) -> Result<(), ApplyError> {
        match event.kind {
            EventKind::IncidentDetected => {
                self.incident_goes_on(event, event.payload::<pb::IncidentDetected>()?.incident).await
            }
            EventKind::IncidentUpdated => {
                self.incident_goes_on(event, event.payload::<pb::IncidentUpdated>()?.incident).await
            }
            EventKind::IncidentResolved => {
                self.incident_resolved(event, event.payload::<pb::IncidentResolved>()?.incident).await
            }
            EventKind::ResourceChanged => self.resource_changed(event, event.payload()?).await,
            EventKind::StepStarted => self.step_moved(event, Report::started(event.payload()?)?).await,
            EventKind::StepActed => self.step_moved(event, Report::acted(event.payload()?)?).await,
            EventKind::StepVerified => self.step_moved(event, Report::verified(event.payload()?)?).await,
            EventKind::StepFailed => self.step_moved(event, Report::failed(event.payload()?)?).await,
            EventKind::StepInDoubt => self.step_moved(event, Report::in_doubt(event.payload()?)?).await,
            EventKind::FactBatch
            | EventKind::LogSignatures
            | EventKind::PlanRejected
            | EventKind::PlanReady
            | EventKind::PlanFinished
            | EventKind::ApprovalRequired
            | EventKind::ApprovalGranted
            | EventKind::ApprovalDenied
            | EventKind::StepDispatched => Ok(()),
        }
    }
}

impl Events {
    pub async fn commit(&self, tx: Tx) -> Result<(), ApplyError> {
        tx.commit().await?;
        self.base.relay.wake();
        self.approved.notify_one();
        Ok(())
    }
}

pub fn id<T: std::str::FromStr>(text: &str, field: &'static str) -> Result<T, BadWire> {
    text.parse().map_err(|_| BadWire { field })
}

/// Records what the control plane did by itself.
pub async fn record(
    conn: &mut Conn<'_>,
    at: Timestamp,
    action: &str,
    object: &str,
    detail: &str,
) -> Result<(), StoreError> {
    audit::append(conn, &audit::Record { at, actor: "service:control-plane", action, object, detail }).await
}
