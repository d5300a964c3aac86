//! Publishes the facts in their order. A commit wakes it at once; where it stands is in the store, so that nothing is
//! left out over a crash. A bus that lost its data is given again what it would still have kept, one that went back what
//! it may have lost; and because nobody may have been there to notice that, each start begins with what was published last.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use overseer_bus::{Bus, BusError, MAY_BE_LOST, Setback};
use overseer_contract::{BadEvent, Event, v1};
use overseer_model::{Site, Stream, Timestamp};
use overseer_runtime::Backoff;
use overseer_storage::StoreError;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::store::{Store, Traced};

/// Facts read at once. One batch of them stays below what the bus carries, also with the longest names.
const MOST: i64 = 500;
/// All facts of a site are one ordered row.
const KEY: &str = "facts";
/// How often the life of the bus is asked for, and a lost wake-up made good.
const SWEEP: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
enum PublishError {
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("the bus failed")]
    Bus(#[from] BusError),
    #[error("the facts cannot be serialized")]
    Event(#[from] BadEvent),
}

pub struct Publisher {
    pub store: Store,
    pub bus: Arc<dyn Bus>,
    pub site: Site,
    /// The life of the store.
    pub epoch: String,
    pub wake: Arc<Notify>,
}

enum Round {
    Publish,
    /// Asks the bus for its life first.
    CheckAndPublish,
}

impl Publisher {
    /// Publishes until `stop` fires; a batch already on its way is waited for.
    pub async fn run(self, stop: CancellationToken) {
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut backoff = Backoff::default();
        let mut noticed = self.bus.setback();
        // Before anything is published, which would hide when the last fact was.
        while let Err(error) = self.publish_last_again().await {
            tracing::warn!(error = &error as &dyn Error, "facts waiting to be published");
            tokio::select! {
                () = stop.cancelled() => return,
                () = backoff.wait() => {}
            }
        }
        let mut next = Round::CheckAndPublish;
        loop {
            let round = match next {
                Round::Publish => self.publish_all(&stop).await,
                Round::CheckAndPublish => self.check_bus_and_publish(&mut noticed, &stop).await,
            };
            let Err(error) = round else {
                backoff = Backoff::default();
                next = tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    () = self.wake.notified() => Round::Publish,
                    _ = sweep.tick() => Round::CheckAndPublish,
                };
                continue;
            };
            if backoff.is_fresh() {
                tracing::warn!(error = &error as &dyn Error, "facts waiting to be published");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = backoff.wait() => {}
            }
            // The bus may have failed because it is another one now, or went back. Before that is known, nothing may be
            // published that comes after what it lost.
            next = Round::CheckAndPublish;
        }
    }

    async fn publish_last_again(&self) -> Result<(), StoreError> {
        match self.store.last_published().await? {
            None => Ok(()),
            Some(last) => self.store.publish_again(last - MAY_BE_LOST).await,
        }
    }

    async fn check_bus_and_publish(
        &self,
        noticed: &mut Option<Setback>,
        stop: &CancellationToken,
    ) -> Result<(), PublishError> {
        let life = self.bus.incarnation().await?;
        // As far back as the bus would still have them.
        let kept = Stream::Facts.keeps().unwrap_or_default();
        if self.store.meet_bus(&life.0, Timestamp::now() - kept).await? {
            tracing::warn!("bus lost its data; publishing the facts of the last day again");
        }
        if let Some(setback) = self.bus.setback().filter(|setback| Some(*setback) != *noticed) {
            self.store.publish_again(setback.since).await?;
            *noticed = Some(setback);
            tracing::warn!("bus lost facts; publishing the last ones again");
        }
        self.publish_all(stop).await
    }

    async fn publish_all(&self, stop: &CancellationToken) -> Result<(), PublishError> {
        loop {
            let facts = self.store.unpublished(MOST).await?;
            if facts.is_empty() || stop.is_cancelled() {
                return Ok(());
            }
            self.publish(facts).await?;
        }
    }

    /// One event for each run of facts with the same cause.
    async fn publish(&self, facts: Vec<Traced>) -> Result<(), PublishError> {
        for group in facts.chunk_by(|one, other| one.trace == other.trace) {
            let Some(last) = group.last() else { continue };
            let facts = group.iter().map(|traced| traced.fact.clone().into()).collect();
            let batch = v1::FactBatch { epoch: self.epoch.clone(), facts };
            let event = Event::new(self.site.clone(), KEY, Timestamp::now(), last.trace.clone(), &batch)?;
            self.bus.publish(&event).await?;
            self.store.set_published(last.fact.sequence, Timestamp::now()).await?;
        }
        Ok(())
    }
}
