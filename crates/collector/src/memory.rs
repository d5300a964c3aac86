//! What is known of every resource, in memory as in the tables, and the one way to change it: decide, save in one
//! transaction, then take over. Only the watch changes it, so what is in memory is what is in the tables.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use overseer_logs::Sighting;
use overseer_model::{ResourceState, Timestamp};
use overseer_provider_port::{Change, Interpret, Moment, ResourceRecord, Snapshot};
use overseer_runtime::{Backoff, Relay};
use overseer_storage::StoreError;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::store::{Batch, Store};

/// The process is to end.
pub struct Stopped;

pub struct Memory {
    store: Store,
    interpret: Arc<dyn Interpret>,
    /// Wakes the publisher.
    publish: Arc<Notify>,
    relay: Relay,
    stop: CancellationToken,
    /// Tells the readers of logs.
    sightings: Option<mpsc::UnboundedSender<Sighting>>,
    known: HashMap<String, Entry>,
    told_until: Option<Timestamp>,
    turn: u64,
}

struct Entry {
    known: ResourceRecord,
    /// When it last changed.
    turn: u64,
}

/// What a sight means.
pub enum Meaning {
    Nothing,
    /// Events are missing, or still on their way.
    Unsure,
    Change(Box<Change>),
}

impl Meaning {
    /// A change that changes nothing but the time of the look is none.
    fn of(change: Option<Change>, known: &ResourceRecord) -> Self {
        let same = |change: &Change| {
            let mut known = known.clone();
            known.observed_at = change.record.observed_at;
            change.facts.is_empty() && change.record == known
        };
        match change {
            Some(change) if !same(&change) => Self::Change(Box::new(change)),
            Some(_) | None => Self::Nothing,
        }
    }
}

impl Memory {
    pub fn new(
        store: Store,
        interpret: Arc<dyn Interpret>,
        publish: Arc<Notify>,
        relay: Relay,
        stop: CancellationToken,
    ) -> Self {
        Self {
            store,
            interpret,
            publish,
            relay,
            stop,
            sightings: None,
            known: HashMap::new(),
            told_until: None,
            turn: 0,
        }
    }

    /// Every resource from now on: those that are known at the next reload, then each change.
    pub fn sightings(&mut self) -> mpsc::UnboundedReceiver<Sighting> {
        let (tell, told) = mpsc::unbounded_channel();
        self.sightings = Some(tell);
        told
    }

    fn tell(&self, known: &ResourceRecord) {
        if let Some(sightings) = &self.sightings {
            // Nobody listens once the process is to end.
            let (id, workload) = (known.resource.id().to_owned(), known.workload().to_owned());
            let _told = sightings.send(Sighting { id, workload, state: known.state });
        }
    }

    /// Counts what was taken into account, to tell what is newer.
    pub fn turn(&self) -> u64 {
        self.turn
    }

    /// The time of the last event that was committed.
    pub fn told_until(&self) -> Option<Timestamp> {
        self.told_until
    }

    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }

    /// What a sight of one resource, or its absence, means beside what is known.
    pub fn meaning(&self, id: &str, begun: u64, snapshot: Option<&Snapshot>, confirmed: bool, at: Moment) -> Meaning {
        let entry = self.known.get(id);
        match (entry, snapshot) {
            (Some(entry), Some(snapshot)) if entry.turn > begun => {
                Meaning::of(self.interpret.late_snapshot(&entry.known, snapshot), &entry.known)
            }
            (Some(entry), None) if entry.turn > begun || entry.known.state == ResourceState::Removed => {
                Meaning::Nothing
            }
            (None, None) => Meaning::Nothing,
            (None, Some(_)) | (Some(_), None) if !confirmed => Meaning::Unsure,
            (Some(entry), Some(snapshot)) if !confirmed && self.interpret.misses_events(&entry.known, snapshot) => {
                Meaning::Unsure
            }
            (None, Some(snapshot)) => Meaning::Change(Box::new(self.interpret.first_snapshot(None, snapshot, at))),
            (Some(entry), None) => Meaning::of(self.interpret.absence(&entry.known, at), &entry.known),
            (Some(entry), Some(snapshot)) => {
                Meaning::of(Some(self.interpret.snapshot(&entry.known, snapshot, at)), &entry.known)
            }
        }
    }

    pub fn interpret(&self) -> &dyn Interpret {
        self.interpret.as_ref()
    }

    pub fn known(&self, id: &str) -> Option<&ResourceRecord> {
        self.known.get(id).map(|entry| &entry.known)
    }

    /// Decides and saves, again and again while the database is away. After a failure the decision is made anew from
    /// what the tables say, because the failed commit may have come through.
    pub async fn commit(&mut self, decide: impl Fn(&Self) -> Batch) -> Result<(), Stopped> {
        let mut backoff = Backoff::default();
        loop {
            let batch = decide(self);
            if batch.changes.is_empty() && !batch.listed {
                return Ok(());
            }
            match self.store.save(&batch, Timestamp::now()).await {
                Ok(()) => {
                    self.take_over(batch);
                    return Ok(());
                }
                Err(error @ (StoreError::Unavailable(_) | StoreError::DiskFull(_))) => {
                    if backoff.is_fresh() {
                        tracing::error!(error = &error as &dyn Error, "observations waiting for the database");
                    }
                    self.pause(&mut backoff).await?;
                    self.reload().await?;
                }
                Err(error) => {
                    // It would fail for ever; the next listing tells what is true by then.
                    tracing::error!(error = &error as &dyn Error, "observation could not be saved");
                    return Ok(());
                }
            }
        }
    }

    fn take_over(&mut self, batch: Batch) {
        let Batch { changes, told_until, listed: _ } = batch;
        self.turn += 1;
        self.told_until = told_until.or(self.told_until);
        let (mut facts, mut outbox) = (0, false);
        for (Change { before, record: known, facts: told }, _) in changes {
            facts += told.len() as u64;
            outbox |= before != Some(known.announced());
            self.tell(&known);
            self.known.insert(known.resource.id().to_owned(), Entry { known, turn: self.turn });
        }
        metrics::counter!("overseer_collector_facts_total").increment(facts);
        if facts > 0 {
            self.publish.notify_one();
        }
        if outbox {
            self.relay.wake();
        }
    }

    pub async fn reload(&mut self) -> Result<(), Stopped> {
        let mut backoff = Backoff::default();
        loop {
            match self.store.load().await {
                Ok((all, told_until)) => {
                    self.turn += 1;
                    let turn = self.turn;
                    let entry = |known: ResourceRecord| (known.resource.id().to_owned(), Entry { known, turn });
                    self.known = all.into_iter().map(entry).collect();
                    self.known.values().for_each(|entry| self.tell(&entry.known));
                    self.told_until = told_until;
                    return Ok(());
                }
                Err(error) => self.wait_for_database(&mut backoff, &error).await?,
            }
        }
    }

    pub async fn was_listed(&self) -> Result<bool, Stopped> {
        let mut backoff = Backoff::default();
        loop {
            match self.store.was_listed().await {
                Ok(listed) => return Ok(listed),
                Err(error) => self.wait_for_database(&mut backoff, &error).await?,
            }
        }
    }

    async fn wait_for_database(&self, backoff: &mut Backoff, error: &StoreError) -> Result<(), Stopped> {
        if backoff.is_fresh() {
            tracing::error!(error = error as &dyn Error, "resource records cannot be read");
        }
        self.pause(backoff).await
    }

    pub async fn pause(&self, backoff: &mut Backoff) -> Result<(), Stopped> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Stopped),
            () = backoff.wait() => Ok(()),
        }
    }
}
