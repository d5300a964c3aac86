//! The loop that turns what the engine says into facts. Its order of work is what the product's speed rests on: an event
//! is decided from memory, committed in one transaction, and published; no look at the engine, poll or timer lies
//! between. Looks and listings run beside it and repair what the events left open.
//!
//! An engine or a database that is away makes it wait, never end.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt};
use overseer_contract::TraceParent;
use overseer_model::{FactSource, ResourceRef, Timestamp};
use overseer_provider_port::{Moment, Observe, ObserveError, PlatformEvent, PlatformEventKind, Snapshot};
use overseer_runtime::{Backoff, Base, Dependency, Health, telemetry};
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::looks::{Ask, Looked, Looks};
use crate::memory::{Meaning, Memory, Stopped};
use crate::store::Batch;

/// The name under which readiness tells of the engine.
pub const DEPENDENCY: &str = "collector.docker";
/// Most events in one transaction. Only those that are there already are taken together; none waits for another.
const BURST: usize = 64;
/// Events of different containers can be told a little out of order, so they are asked for again from before the last.
const OVERLAP: Duration = Duration::from_secs(1);

type Events = futures::stream::ReadyChunks<BoxStream<'static, Result<PlatformEvent, ObserveError>>>;
type Listing = BoxFuture<'static, Result<Vec<Snapshot>, ObserveError>>;

pub struct Watch {
    observe: Arc<dyn Observe>,
    health: Health,
    listing_every: Duration,
    stop: CancellationToken,
    memory: Memory,
    looks: Looks,
    /// The one under way, and the turn in which it began.
    listing: Option<(u64, Listing)>,
}

impl Watch {
    pub fn new(base: &Base, observe: Arc<dyn Observe>, memory: Memory, listing_every: Duration) -> Self {
        Self {
            looks: Looks::new(observe.clone()),
            observe,
            health: base.health.clone(),
            listing_every,
            stop: base.stop.clone(),
            memory,
            listing: None,
        }
    }

    /// Watches until it is told to stop; an observation in hand is committed first.
    pub async fn run(mut self) {
        let _stopped = self.watch().await;
    }

    async fn watch(&mut self) -> Result<(), Stopped> {
        self.memory.reload().await?;
        let mut backoff = Backoff::default();
        loop {
            let since = self.memory.told_until().map(|at| at - OVERLAP);
            let error = match self.observe.follow(since).await {
                Ok(events) => {
                    backoff = Backoff::default();
                    self.health.set(DEPENDENCY, Dependency::Ready);
                    self.session(events.ready_chunks(BURST)).await?
                }
                Err(error) => Some(error),
            };
            self.health.set(DEPENDENCY, Dependency::Waiting);
            if backoff.is_fresh() {
                let error = error.as_ref().map(|error| error as &dyn Error);
                tracing::warn!(error, "engine event stream ended; reconnecting");
            }
            self.memory.pause(&mut backoff).await?;
        }
    }

    /// One connection to the engine, until it ends; why, when the engine said so.
    async fn session(&mut self, mut events: Events) -> Result<Option<ObserveError>, Stopped> {
        let mut every = listing_interval(self.listing_every);
        self.listing = None;
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Stopped),
                burst = events.next() => {
                    let Some(burst) = burst else { return Ok(None) };
                    if let Some(error) = self.take_burst(burst).await? {
                        return Ok(Some(error));
                    }
                }
                looked = self.looks.next() => self.take_look(looked).await?,
                (begun, listed) = next_listing(&mut self.listing) => {
                    if let Some(error) = self.take_listing(begun, listed).await? {
                        return Ok(Some(error));
                    }
                }
                _ = every.tick() => self.begin_listing(),
            }
        }
    }

    fn moment(&self, source: FactSource) -> Moment {
        Moment { now: Timestamp::now(), clock: self.observe.clock(), source }
    }

    fn begin_listing(&mut self) {
        if self.listing.is_none() {
            let observe = self.observe.clone();
            self.listing = Some((self.memory.turn(), Box::pin(async move { observe.list().await })));
        }
    }

    /// Takes the events, then gives the error that ended them.
    async fn take_burst(
        &mut self,
        burst: Vec<Result<PlatformEvent, ObserveError>>,
    ) -> Result<Option<ObserveError>, Stopped> {
        let mut events = Vec::with_capacity(burst.len());
        let mut failed = None;
        for item in burst {
            match item {
                Ok(event) => events.push(event),
                Err(error) => failed = Some(error),
            }
        }
        self.take_happenings(&events).await?;
        Ok(failed)
    }

    /// The hot path.
    async fn take_happenings(&mut self, events: &[PlatformEvent]) -> Result<(), Stopped> {
        metrics::counter!("overseer_collector_events_total").increment(events.len() as u64);
        // A span each: what one container's exit causes is one trace.
        let traced: Vec<_> = events
            .iter()
            .map(|event| {
                let PlatformEvent { resource: ResourceRef { key, name }, at, kind } = event;
                let span = tracing::info_span!("engine_event", resource = %key, name, at = at.micros(), ?kind);
                let trace = span.in_scope(telemetry::current_trace);
                (event, span, trace)
            })
            .collect();
        let clock = self.observe.clock();
        self.memory
            .commit(|memory| {
                let mut batch = Batch { told_until: events.last().map(|last| last.at), ..Batch::default() };
                for (event, _, trace) in &traced {
                    let newest = batch.changes.iter().rev().map(|(change, _)| &change.record);
                    let known = newest
                        .into_iter()
                        .find(|known| known.resource.key == event.resource.key)
                        .or_else(|| memory.known(event.resource.id()));
                    let change = memory.interpret().event(known, event, clock);
                    batch.changes.extend(change.map(|change| (change, trace.clone())));
                }
                batch
            })
            .await?;
        for (event, _, trace) in traced {
            if wants_look(event.kind) {
                let ask = Ask { source: FactSource::Inspection, confirm: None, trace };
                self.looks.ask(event.resource.id(), ask, self.memory.turn());
            }
        }
        Ok(())
    }

    async fn take_look(&mut self, looked: Looked) -> Result<(), Stopped> {
        let Looked { id, ask, begun, found } = looked;
        match found {
            Ok(mut found) => {
                // Not told yet, or lost on the way.
                let told_until = self.memory.known(&id).map(|known| known.events.at);
                found.remembered.retain(|event| told_until.is_none_or(|until| event.at > until));
                if !found.remembered.is_empty() {
                    self.take_happenings(&found.remembered).await?;
                }
                self.take_sight(&id, ask, begun, found.snapshot.as_ref()).await?;
            }
            // The next listing looks at it again.
            Err(error) => tracing::debug!(resource = id, error = &error as &dyn Error, "inspection failed"),
        }
        self.looks.ended(&id, self.memory.turn());
        Ok(())
    }

    async fn take_sight(&mut self, id: &str, ask: Ask, begun: u64, snapshot: Option<&Snapshot>) -> Result<(), Stopped> {
        let (at, confirmed) = (self.moment(ask.source), ask.confirm.is_some());
        let meaning = self.memory.meaning(id, begun, snapshot, confirmed, at);
        match meaning {
            Meaning::Nothing => Ok(()),
            Meaning::Unsure => {
                let from = self.memory.known(id).map(|known| known.events.at).unwrap_or_default();
                self.looks.ask(id, Ask { confirm: Some(from), ..ask }, self.memory.turn());
                Ok(())
            }
            Meaning::Change(_) => {
                self.memory
                    .commit(|memory| {
                        let meaning = memory.meaning(id, begun, snapshot, confirmed, at);
                        let changes = match meaning {
                            Meaning::Change(change) => vec![(*change, ask.trace.clone())],
                            Meaning::Nothing | Meaning::Unsure => Vec::new(),
                        };
                        Batch { changes, ..Batch::default() }
                    })
                    .await
            }
        }
    }

    /// A full listing. One that failed, or is partial, says nothing about what is absent.
    async fn take_listing(
        &mut self,
        begun: u64,
        listed: Result<Vec<Snapshot>, ObserveError>,
    ) -> Result<Option<ObserveError>, Stopped> {
        let snapshots = match listed {
            Ok(snapshots) => snapshots,
            Err(error) => {
                metrics::counter!("overseer_collector_listing_failures_total").increment(1);
                tracing::warn!(error = &error as &dyn Error, "listing failed");
                // A connection that is half dead shows here first.
                return Ok(matches!(error, ObserveError::Unreachable { .. }).then_some(error));
            }
        };
        let span = tracing::info_span!("engine_listing", resources = snapshots.len());
        let trace = span.in_scope(telemetry::current_trace);
        let at = self.moment(FactSource::Listing);
        let first = !self.memory.was_listed().await?;
        self.memory
            .commit(|memory| {
                let sights = snapshots.iter().map(|snapshot| {
                    // There is nothing to be compared with: what is found is how things are.
                    let confirmed = first && memory.known(snapshot.resource.id()).is_none();
                    memory.meaning(snapshot.resource.id(), begun, Some(snapshot), confirmed, at)
                });
                let changes = sights.filter_map(|meaning| match meaning {
                    Meaning::Change(change) => Some((*change, trace.clone())),
                    Meaning::Nothing | Meaning::Unsure => None,
                });
                Batch { changes: changes.collect(), listed: first, ..Batch::default() }
            })
            .await?;
        self.make_sure(begun, &snapshots, trace.as_ref(), at);
        Ok(None)
    }

    /// Looks closer at whatever the listing shows that no event has told.
    fn make_sure(&mut self, begun: u64, snapshots: &[Snapshot], trace: Option<&TraceParent>, at: Moment) {
        let listed: HashMap<&str, &Snapshot> =
            snapshots.iter().map(|snapshot| (snapshot.resource.id(), snapshot)).collect();
        let ids = self.memory.ids().chain(listed.keys().copied());
        let unsure: HashSet<String> = ids
            .filter(|id| {
                let sight = listed.get(id).copied();
                matches!(self.memory.meaning(id, begun, sight, false, at), Meaning::Unsure)
            })
            .map(str::to_owned)
            .collect();
        for id in unsure {
            let confirm = Some(self.memory.known(&id).map(|known| known.events.at).unwrap_or_default());
            self.looks.ask(
                &id,
                Ask { source: FactSource::Listing, confirm, trace: trace.cloned() },
                self.memory.turn(),
            );
        }
    }
}

/// Whether the engine knows more after this than the event says: the rule, the count, or that it was the last exit.
const fn wants_look(kind: PlatformEventKind) -> bool {
    match kind {
        PlatformEventKind::Created
        | PlatformEventKind::Started
        | PlatformEventKind::Exited { .. }
        | PlatformEventKind::StopRequested
        | PlatformEventKind::RestartRequested
        | PlatformEventKind::Unpaused
        | PlatformEventKind::Renamed => true,
        PlatformEventKind::OomKilled
        | PlatformEventKind::Paused
        | PlatformEventKind::Health(_)
        | PlatformEventKind::Removed => false,
    }
}

/// At once, and then each time the span has passed since the last.
fn listing_interval(span: Duration) -> Interval {
    let mut every = tokio::time::interval(span.max(Duration::from_secs(1)));
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    every
}

/// The listing under way; never when there is none.
async fn next_listing(listing: &mut Option<(u64, Listing)>) -> (u64, Result<Vec<Snapshot>, ObserveError>) {
    let Some((begun, running)) = listing else { return std::future::pending().await };
    let (begun, listed) = (*begun, running.await);
    *listing = None;
    (begun, listed)
}
