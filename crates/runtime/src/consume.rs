//! A durable consumer: applies each event once, in a transaction that also records it in the inbox; tries again with
//! backoff; parks an event after its last try, so that the stream goes on. An outage is no try.

use std::any::Any;
use std::collections::HashMap;
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use overseer_bus::{Delivery, Handler, Verdict};
use overseer_contract::{BadEvent, BadWire, Event};
use overseer_model::{EventId, ServiceName, Timestamp};
use overseer_storage::{Db, StoreError, Tx, inbox, parked};
use tracing::Instrument;

use crate::service::{Base, BuildError, Task};
use crate::telemetry;

/// Tries before an event is parked. What fails for an outage is tried for ever.
const TRIES: u32 = 5;

#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("the event cannot be parsed")]
    Event(#[from] BadEvent),
    #[error("the event has invalid content")]
    Wire(#[from] BadWire),
    #[error("a required service is unavailable")]
    Peer(#[source] Box<dyn Error + Send + Sync>),
    #[error("a required service rejected the request")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
    /// Only of a replay: what came after the event was applied meanwhile.
    #[error("newer events of the same sender have been applied: drop it instead")]
    Superseded,
}

/// A peer's answer: one that is away comes back, one that says no says it again.
impl From<tonic::Status> for ApplyError {
    fn from(status: tonic::Status) -> Self {
        match status.code() {
            tonic::Code::Unavailable | tonic::Code::DeadlineExceeded | tonic::Code::Cancelled => {
                Self::Peer(status.into())
            }
            tonic::Code::Ok
            | tonic::Code::Unknown
            | tonic::Code::InvalidArgument
            | tonic::Code::NotFound
            | tonic::Code::AlreadyExists
            | tonic::Code::PermissionDenied
            | tonic::Code::ResourceExhausted
            | tonic::Code::FailedPrecondition
            | tonic::Code::Aborted
            | tonic::Code::OutOfRange
            | tonic::Code::Unimplemented
            | tonic::Code::Internal
            | tonic::Code::DataLoss
            | tonic::Code::Unauthenticated => Self::Refused(status.into()),
        }
    }
}

impl ApplyError {
    /// Whether the same event can succeed later, without anyone having failed at it.
    const fn is_outage(&self) -> bool {
        match self {
            Self::Store(StoreError::DiskFull(_) | StoreError::Unavailable(_) | StoreError::NotHolder)
            | Self::Peer(_) => true,
            Self::Store(_) | Self::Event(_) | Self::Wire(_) | Self::Refused(_) | Self::Superseded => false,
        }
    }
}

#[async_trait]
pub trait Consumer: Send + Sync + 'static {
    /// Applies the event. Called again when it fails, and again for an event that was applied before.
    async fn apply(&self, event: &Event) -> Result<(), ApplyError>;

    /// Applies an event that was parked, when a person asks for it. A consumer that passes over what comes too late says so
    /// here: a person must not be told that it was applied.
    async fn replay(&self, event: &Event) -> Result<(), ApplyError> {
        self.apply(event).await
    }
}

/// A transaction in which this event is seen for the first time; `None` when it was applied before.
///
/// # Errors
/// When the database refuses.
pub async fn first_time(db: &Db, event: &Event) -> Result<Option<Tx>, StoreError> {
    let mut tx = db.begin_write().await?;
    match inbox::see(&mut tx.conn(), event.id, Timestamp::now()).await? {
        inbox::Sight::First => Ok(Some(tx)),
        inbox::Sight::Repeated => Ok(None),
    }
}

/// Registers the durable and gives the task that feeds it to `consumer`.
///
/// # Errors
/// When the bus refuses the durable.
pub async fn consume(
    base: &Base,
    durable: overseer_bus::Durable,
    consumer: Arc<impl Consumer>,
) -> Result<Task, BuildError> {
    let kinds = durable.kinds;
    let subscription = base.bus.subscribe(durable).await.map_err(BuildError::Bus)?;
    let registered: Arc<dyn Consumer> = consumer.clone();
    base.consumers.add(kinds, &registered);
    let handler = Arc::new(Applier { service: base.service, db: base.db.clone(), consumer, tries: Mutex::default() });
    let stop = base.stop.clone();
    Ok(Task::new("consumer", async move { subscription.run(handler, stop).await.map_err(Into::into) }))
}

struct Applier<C> {
    service: ServiceName,
    db: Db,
    consumer: Arc<C>,
    /// Of the events in hand that failed: how often, outages aside.
    tries: Mutex<HashMap<EventId, u32>>,
}

#[async_trait]
impl<C: Consumer> Handler for Applier<C> {
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        let span = telemetry::span_of(&delivery.event, self.service);
        let result = AssertUnwindSafe(self.consumer.apply(&delivery.event).instrument(span)).catch_unwind().await;
        let (error, outage) = match result {
            Ok(Ok(())) => {
                self.settled(delivery.event.id);
                return Verdict::Done;
            }
            Ok(Err(error)) => (with_causes(&error), error.is_outage()),
            // Else an event that panics would hold up its key for ever. Its transaction was rolled back.
            Err(panic) => (format!("the consumer panicked: {}", text_of(panic.as_ref())), false),
        };
        let (kind, attempt) = (delivery.event.kind, delivery.attempt);
        if outage || self.failed(delivery.event.id) < TRIES {
            tracing::warn!(service = %self.service, %kind, attempt, outage, error, "event failed; it will be retried");
            return Verdict::Again { after: backoff(attempt) };
        }
        match self.park(&delivery.event, &error).await {
            Ok(()) => {
                self.settled(delivery.event.id);
                crate::parked::report(self.service, &self.db).await;
                metrics::counter!("overseer_parked_total", "service" => self.service.as_str()).increment(1);
                tracing::error!(service = %self.service, %kind, error, "event parked");
                Verdict::Done
            }
            Err(store) => {
                tracing::error!(service = %self.service, error = &store as &dyn Error, "event cannot be parked");
                Verdict::Again { after: backoff(attempt) }
            }
        }
    }
}

impl<C> Applier<C> {
    async fn park(&self, event: &Event, error: &str) -> Result<(), StoreError> {
        let mut tx = self.db.begin_write().await?;
        parked::park(&mut tx.conn(), event, error, Timestamp::now()).await?;
        tx.commit().await
    }

    /// Counts a failure; how many there are now.
    fn failed(&self, id: EventId) -> u32 {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        let count = tries.entry(id).or_default();
        *count += 1;
        *count
    }

    fn settled(&self, id: EventId) {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a text")
}

/// An error and its causes in one line.
fn with_causes(error: &dyn Error) -> String {
    std::iter::successors(error.source(), |&cause| cause.source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// 100 ms, doubled each time, at most 10 s.
fn backoff(attempt: u32) -> Duration {
    Duration::from_millis(100 << attempt.saturating_sub(1).min(7)).min(Duration::from_secs(10))
}
