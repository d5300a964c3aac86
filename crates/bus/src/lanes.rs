//! The order of one durable: events of one key are handled one after the other, in the order in which they were put
//! in; events of different keys wait for each other only when they share one of [`LANES`] lanes.
//!
//! Once `stop` fires, the event in hand is finished and nothing new is begun; what was not begun is dropped here, and
//! whoever put it in learns so from its [`Settle`] being dropped.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use overseer_contract::Event;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{Delivery, Handler, Verdict};

/// Events of so many keys are handled at once. More than the connections that a service has to its database would
/// only wait there.
const LANES: usize = 8;
/// First and longest wait after a handler panicked; it doubles with each attempt.
const PANIC_BACKOFF: Duration = Duration::from_millis(100);
const PANIC_BACKOFF_LONGEST: Duration = Duration::from_secs(30);

/// What happens once the handler is done with an event.
pub trait Settle: Send + 'static {
    fn done(self, event: &Event) -> impl Future<Output = ()> + Send;
}

pub struct Work<S> {
    pub event: Event,
    pub settle: S,
}

/// Where events are put in. Closed once all [`Outlets`] are gone.
pub struct Inlets<S>(Arc<[mpsc::Sender<Work<S>>]>);

impl<S> Clone for Inlets<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Where events come out. A lane is run by one at a time; a second one stands by.
pub struct Outlets<S>(Vec<Mutex<mpsc::Receiver<Work<S>>>>);

/// Each lane holds up to `capacity` events; whoever puts in more waits.
pub fn lanes<S: Settle>(capacity: usize) -> (Inlets<S>, Arc<Outlets<S>>) {
    let (inlets, outlets): (Vec<_>, Vec<_>) = (0..LANES).map(|_| mpsc::channel(capacity)).unzip();
    (Inlets(inlets.into()), Arc::new(Outlets(outlets.into_iter().map(Mutex::new).collect())))
}

impl<S: Settle> Inlets<S> {
    /// Takes its place in the lane when first polled. `false` when the lanes are closed.
    pub async fn put(&self, work: Work<S>) -> bool {
        let mut hasher = DefaultHasher::new();
        work.event.key.hash(&mut hasher);
        let lane = usize::try_from(hasher.finish() % LANES as u64).unwrap_or_default();
        let Some(inlet) = self.0.get(lane) else { return false };
        // Else the runtime may, to be fair to others, refuse the place at the first poll.
        tokio::task::coop::unconstrained(inlet.send(work)).await.is_ok()
    }
}

/// Works on all lanes until `stop` fires and what is in hand is finished. Dropped, it drops what is in hand.
pub async fn run<S: Settle>(outlets: Arc<Outlets<S>>, handler: Arc<dyn Handler>, stop: CancellationToken) {
    let mut workers = JoinSet::new();
    for lane in 0..LANES {
        let (outlets, handler, stop) = (Arc::clone(&outlets), Arc::clone(&handler), stop.clone());
        workers.spawn(async move {
            let Some(outlet) = outlets.0.get(lane) else { return };
            let mut outlet = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                outlet = outlet.lock() => outlet,
            };
            run_lane(&mut outlet, handler.as_ref(), &stop).await;
        });
    }
    while let Some(ended) = workers.join_next().await {
        if let Err(error) = ended {
            // Handlers' panics are caught before; this one is ours, and the durable must not limp on with seven lanes.
            tracing::error!(error = &error as &dyn std::error::Error, "bus lane panicked");
            std::panic::resume_unwind(Box::new(error.to_string()));
        }
    }
}

async fn run_lane<S: Settle>(outlet: &mut mpsc::Receiver<Work<S>>, handler: &dyn Handler, stop: &CancellationToken) {
    loop {
        let next = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            next = outlet.recv() => next,
        };
        let Some(Work { event, settle }) = next else { return };
        let mut delivery = Delivery { event, attempt: 1 };
        while let Verdict::Again { after } = handle(handler, &delivery).await {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(after) => delivery.attempt = delivery.attempt.saturating_add(1),
            }
        }
        settle.done(&delivery.event).await;
    }
}

/// The handler's verdict; a panic is taken as [`Verdict::Again`], for it must not end the lane.
async fn handle(handler: &dyn Handler, delivery: &Delivery) -> Verdict {
    let Delivery { event, attempt } = delivery;
    AssertUnwindSafe(handler.handle(delivery)).catch_unwind().await.unwrap_or_else(|panic| {
        let why = panic.downcast_ref::<String>().map(String::as_str);
        let why = why.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
        let after = PANIC_BACKOFF.saturating_mul(1 << (attempt - 1).min(16)).min(PANIC_BACKOFF_LONGEST);
        tracing::error!(event = %event.id, kind = %event.kind, attempt, why, ?after, "handler panicked; the event is delivered again");
        metrics::counter!("overseer_bus_handler_panics_total", "kind" => event.kind.as_str()).increment(1);
        Verdict::Again { after }
    })
}
