//! The bus inside one process, for `overseer up`: channels instead of a server.
//!
//! An event is safe once every durable that wants it has committed it, so [`Bus::publish`] returns only then, and holds
//! nothing over a crash: the outbox sends again. A handler must therefore not wait for a publish of its own key. A
//! durable that nobody has subscribed yet gets nothing: the binary subscribes all services before it runs any.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use futures::StreamExt;
use futures::future::join_all;
use futures::stream::{self, BoxStream};
use overseer_contract::Event;
use tokio::sync::{broadcast, oneshot};
use tokio_util::sync::CancellationToken;

use crate::lanes::{self, Inlets, Outlets, Settle, Work};
use crate::{Bus, BusError, Durable, Handler, Incarnation, MAX_EVENT_BYTES, Subscription, check_size};

/// Events that wait in one lane before publishers wait.
const LANE_CAPACITY: usize = 256;
/// Events that a watcher may be behind before it misses some.
const WATCH_CAPACITY: usize = 1024;

/// Clones are the same bus.
#[derive(Clone)]
pub struct InProcess {
    durables: Arc<Mutex<HashMap<String, Registered>>>,
    watchers: broadcast::Sender<Arc<Event>>,
}

struct Registered {
    durable: Durable,
    inlets: Inlets<Committed>,
    /// Gone when the last subscription is; then publishing fails, for the durable still must miss nothing.
    outlets: Weak<Outlets<Committed>>,
}

/// Tells the publisher; dropped untold when the durable stopped before.
struct Committed(oneshot::Sender<()>);

impl Settle for Committed {
    async fn done(self, _: &Event) {
        // A publisher that gave up waiting sends again, and the inbox recognises the event.
        let _ = self.0.send(());
    }
}

impl InProcess {
    #[must_use]
    pub fn new() -> Self {
        Self { durables: Arc::default(), watchers: broadcast::Sender::new(WATCH_CAPACITY) }
    }

    fn inlets_for(&self, event: &Event) -> Vec<Inlets<Committed>> {
        let durables = self.durables.lock().unwrap_or_else(PoisonError::into_inner);
        durables.values().filter(|to| to.durable.wants(event)).map(|to| to.inlets.clone()).collect()
    }
}

impl Default for InProcess {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Bus for InProcess {
    async fn subscribe(&self, durable: Durable) -> Result<Box<dyn Subscription>, BusError> {
        durable.check()?;
        let mut durables = self.durables.lock().unwrap_or_else(PoisonError::into_inner);
        let name = durable.name();
        let shared = durables.get(&name).and_then(|old| Some((old.inlets.clone(), old.outlets.upgrade()?)));
        let (inlets, outlets) = shared.unwrap_or_else(|| lanes::lanes(LANE_CAPACITY));
        durables.insert(name, Registered { durable, inlets, outlets: Arc::downgrade(&outlets) });
        Ok(Box::new(InProcessSubscription { outlets }))
    }

    async fn publish(&self, event: &Event) -> Result<(), BusError> {
        check_size(event, MAX_EVENT_BYTES)?;
        // An error only says that nobody watches.
        let _ = self.watchers.send(Arc::new(event.clone()));
        // All at once: an event that waits for room at one durable must not lose its place at another.
        let committed = join_all(self.inlets_for(event).into_iter().map(|inlets| {
            let event = event.clone();
            async move {
                let (settle, committed) = oneshot::channel();
                inlets.put(Work { event, settle: Committed(settle) }).await && committed.await.is_ok()
            }
        }));
        if committed.await.into_iter().all(|committed| committed) { Ok(()) } else { Err(BusError::Stopped) }
    }

    async fn watch(&self) -> Result<BoxStream<'static, Event>, BusError> {
        let events = stream::unfold(self.watchers.subscribe(), async |mut watched| {
            loop {
                match watched.recv().await {
                    Ok(event) => return Some((Event::clone(&event), watched)),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        });
        Ok(events.boxed())
    }

    async fn incarnation(&self) -> Result<Incarnation, BusError> {
        // Nothing is held here that could be lost.
        Ok(Incarnation("in-process".to_owned()))
    }
}

struct InProcessSubscription {
    outlets: Arc<Outlets<Committed>>,
}

#[async_trait]
impl Subscription for InProcessSubscription {
    async fn run(self: Box<Self>, handler: Arc<dyn Handler>, stop: CancellationToken) -> Result<(), BusError> {
        lanes::run(self.outlets, handler, stop).await;
        Ok(())
    }
}
