//! Looks at single resources, beside the events and never in their way: one at a time for each resource, a few at once
//! in all.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use overseer_contract::TraceParent;
use overseer_model::{FactSource, Timestamp};
use overseer_provider_port::{Observe, ObserveError, PlatformEvent, Snapshot};
use tokio::sync::Semaphore;

/// Looks under way at once.
const AT_ONCE: usize = 8;

/// Why a look is wanted.
#[derive(Clone, Debug)]
pub struct Ask {
    pub source: FactSource,
    /// To be sure that events are lost and not only on their way, the engine is also asked for what it remembers since
    /// this time.
    pub confirm: Option<Timestamp>,
    /// Of what led to it.
    pub trace: Option<TraceParent>,
}

/// What a look found.
pub struct Looked {
    pub id: String,
    pub ask: Ask,
    /// The turn of the watch in which it began.
    pub begun: u64,
    pub found: Result<InspectionResult, ObserveError>,
}

pub struct InspectionResult {
    /// `None` when there is no such resource any more.
    pub snapshot: Option<Snapshot>,
    /// What the engine remembers, when it was asked to confirm.
    pub remembered: Vec<PlatformEvent>,
}

pub struct Looks {
    observe: Arc<dyn Observe>,
    slots: Arc<Semaphore>,
    running: FuturesUnordered<BoxFuture<'static, Looked>>,
    /// Resources with a look under way, and what was asked of them since it began.
    asked: HashMap<String, Option<Ask>>,
}

impl Looks {
    pub fn new(observe: Arc<dyn Observe>) -> Self {
        Self {
            observe,
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            running: FuturesUnordered::new(),
            asked: HashMap::new(),
        }
    }

    /// Looks at it now, or again once the look under way has ended.
    pub fn ask(&mut self, id: &str, ask: Ask, turn: u64) {
        if let Some(again) = self.asked.get_mut(id) {
            // The newer wish stands; one to confirm comes again when it is still needed.
            *again = Some(ask);
            return;
        }
        self.asked.insert(id.to_owned(), None);
        let (observe, slots, id) = (self.observe.clone(), self.slots.clone(), id.to_owned());
        self.running.push(Box::pin(async move {
            // Closed only with the watch itself.
            let _slot = slots.acquire_owned().await;
            let found = look(observe.as_ref(), &id, ask.confirm).await;
            Looked { id, ask, begun: turn, found }
        }));
    }

    /// The next that ends; never when none is under way.
    pub async fn next(&mut self) -> Looked {
        match self.running.next().await {
            Some(looked) => looked,
            None => std::future::pending().await,
        }
    }

    /// To be called with each look once it was taken into account; one that was asked for meanwhile begins.
    pub fn ended(&mut self, id: &str, turn: u64) {
        if let Some(Some(again)) = self.asked.remove(id) {
            self.ask(id, again, turn);
        }
    }
}

async fn look(observe: &dyn Observe, id: &str, confirm: Option<Timestamp>) -> Result<InspectionResult, ObserveError> {
    let snapshot = match observe.inspect(id).await {
        Ok(snapshot) => Some(snapshot),
        Err(ObserveError::NotFound { .. }) => None,
        Err(error) => return Err(error),
    };
    let remembered = match confirm {
        // After the look, so that whatever the snapshot shows is remembered if it was told at all.
        Some(from) => observe.history(id, from, observe.clock().platform(Timestamp::now())).await?,
        None => Vec::new(),
    };
    Ok(InspectionResult { snapshot, remembered })
}
