//! What a service parked: listed, replayed and dropped when asked from inside.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use overseer_contract::v1::own_parked_service_server::{OwnParkedService, OwnParkedServiceServer};
use overseer_contract::{to_timestamp, v1};
use overseer_model::{EventId, EventKind, ServiceName, Timestamp};
use overseer_storage::{Db, StoreError, inbox, parked};
use tonic::{Request, Response, Status};

use crate::{Code, Consumer, Page, Problem};

/// What one service consumes, by the kinds of event. It keeps no consumer alive: a consumer holds its [`crate::Base`],
/// which holds this.
#[derive(Clone, Default)]
pub struct Consumers(Arc<Mutex<Vec<Registered>>>);

type Registered = (&'static [EventKind], Weak<dyn Consumer>);

impl Consumers {
    pub(crate) fn add(&self, kinds: &'static [EventKind], consumer: &Arc<dyn Consumer>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((kinds, Arc::downgrade(consumer)));
    }

    fn of(&self, kind: EventKind) -> Option<Arc<dyn Consumer>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|(kinds, _)| kinds.contains(&kind)).and_then(|(_, consumer)| consumer.upgrade())
    }
}

pub(crate) struct OwnParked {
    pub service: ServiceName,
    pub db: Db,
    pub consumers: Consumers,
}

impl OwnParked {
    pub(crate) fn server(self) -> OwnParkedServiceServer<Self> {
        OwnParkedServiceServer::new(self)
    }

    /// Whether it was parked. It is not applied either when the bus delivers it again, as it does after a loss or a start.
    async fn remove(&self, id: EventId) -> Result<bool, StoreError> {
        let mut tx = self.db.begin_write().await?;
        let removed = parked::remove(&mut tx.conn(), id).await?;
        if removed {
            inbox::see(&mut tx.conn(), id, Timestamp::now()).await?;
            tx.commit().await?;
            report(self.service, &self.db).await;
        }
        Ok(removed)
    }

    async fn replay(&self, id: EventId) -> Result<(), Problem> {
        let found = {
            let mut reader = self.db.reader().await?;
            parked::find(&mut reader.conn(), id).await?.ok_or_else(unknown)?
        };
        let consumer = self.consumers.of(found.event.kind).ok_or_else(|| {
            let said = format!("this service does not consume `{}` any more", found.event.kind);
            Problem::new(Code::Conflict, said, "drop the event: overseer parked drop")
        })?;
        // Applied once: by its inbox, or by whatever else the consumer knows an event by.
        consumer.replay(&found.event).await.map_err(|error| {
            tracing::warn!(event = %id, error = &error as &dyn Error, "replay of parked event failed");
            Problem::new(
                Code::Conflict,
                format!("the event failed again: {error}; it remains parked"),
                "check the service's log for the cause, then replay or drop it",
            )
        })?;
        self.remove(id).await?;
        Ok(())
    }
}

fn unknown() -> Problem {
    Problem::not_found("parked event", "overseer parked list")
}

fn id_of(text: &str) -> Result<EventId, Problem> {
    text.parse().map_err(|_| unknown())
}

/// Sets the gauge of what is parked.
pub(crate) async fn report(service: ServiceName, db: &Db) {
    let counted = async {
        let mut reader = db.reader().await?;
        parked::count(&mut reader.conn()).await
    };
    match counted.await {
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        Ok(count) => metrics::gauge!("overseer_parked_events", "service" => service.as_str()).set(count as f64),
        Err(error) => tracing::debug!(error = &error as &dyn Error, "parked events cannot be counted"),
    }
}

#[tonic::async_trait]
impl OwnParkedService for OwnParked {
    async fn list_own_parked(
        &self,
        request: Request<v1::ListOwnParkedRequest>,
    ) -> Result<Response<v1::ListOwnParkedResponse>, Status> {
        let v1::ListOwnParkedRequest { page_size, page_token } = request.into_inner();
        let page = Page::of(page_size, &page_token)?;
        let listed = async {
            let mut reader = self.db.reader().await?;
            parked::list(&mut reader.conn(), page.after.as_deref().unwrap_or_default(), page.size).await
        };
        let events = listed.await.map_err(Problem::from)?;
        let next_page_token = page.next(&events, |parked| parked.event.id.to_string());
        let events = events.into_iter().map(|parked| wire(self.service, parked)).collect();
        Ok(Response::new(v1::ListOwnParkedResponse { events, next_page_token }))
    }

    async fn replay_own_parked(
        &self,
        request: Request<v1::ReplayOwnParkedRequest>,
    ) -> Result<Response<v1::ReplayOwnParkedResponse>, Status> {
        self.replay(id_of(&request.into_inner().id)?).await?;
        Ok(Response::new(v1::ReplayOwnParkedResponse {}))
    }

    async fn drop_own_parked(
        &self,
        request: Request<v1::DropOwnParkedRequest>,
    ) -> Result<Response<v1::DropOwnParkedResponse>, Status> {
        let id = id_of(&request.into_inner().id)?;
        let removed = self.remove(id).await.map_err(Problem::from)?;
        if removed { Ok(Response::new(v1::DropOwnParkedResponse {})) } else { Err(unknown().into()) }
    }
}

fn wire(service: ServiceName, parked: parked::ParkedEvent) -> v1::ParkedEvent {
    // What it says stays in the service.
    let parked::ParkedEvent { event, error, parked_at } = parked;
    v1::ParkedEvent {
        id: event.id.to_string(),
        service: service.to_string(),
        kind: event.kind.to_string(),
        site: event.site.to_string(),
        at: Some(to_timestamp(event.at)),
        parked_at: Some(to_timestamp(parked_at)),
        error,
    }
}
