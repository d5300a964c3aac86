//! Where log lines are kept: redacted, joined to the events that they belong to, mined, and stored with the mark of how
//! far their source was read.
//!
//! ```text
//! batch ─▶ redact ─▶ join ─▶ mine ─▶ one commit of the log store: lines, marks, what they count for ─▶ who follows
//! ```
//!
//! **Nothing is stored before it is redacted.** A private key that spans lines is known over a restart too: a mark holds
//! where in a key the stream is, beside the position of its source.
//!
//! A line that continues an event (a frame of a stack trace) has the signature and severity of the event's first line.

mod bucket;
mod follow;
mod forms;
mod grpc;
mod live;
mod open;
mod progress;
mod retention;
mod take;
mod tallies;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::error::Error;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use overseer_logstore::{MarkKey, Nanos, Selector, Store};
use overseer_model::Timestamp;
use overseer_provider_port::LogPosition;
use overseer_redaction::Redactor;
use overseer_signatures::{Miner, SignatureId};
use tokio_util::sync::CancellationToken;

pub use bucket::LogBucket;
use forms::Forms;
pub use grpc::Logs;
use live::Live;
pub use open::{ArchiveError, summary_signer};
use progress::{Mark, Progress};
pub use retention::{Days, Retention};
use take::Prepared;
pub use tallies::Tallies;

use crate::intake::{Batch, Positions, Sink, SinkError, SourceKey, Workloads};

const MAINTAIN_EVERY: Duration = Duration::from_secs(10);
/// Lines after which what was learned is written down. What a crash loses of it is learned again.
const SAVE_AFTER: usize = 100_000;
/// The same in time.
const SAVE_EVERY: Nanos = Nanos(300_000_000_000);

/// The log lines of one site.
#[derive(Clone)]
pub struct Archive(Arc<Inner>);

struct Inner {
    store: Store,
    redactor: Redactor,
    workloads: Workloads,
    retention: Retention,
    learned: Mutex<Learned>,
    tallies: Tallies,
    live: Arc<Live>,
    folder: PathBuf,
}

/// What is carried from line to line.
#[derive(Default)]
struct Learned {
    miner: Miner,
    sources: HashMap<SourceKey, Progress>,
    forms: Forms,
    /// The last batch, when the store refused it. It comes again, and is not mined twice.
    refused: Option<Prepared>,
    /// Lines since what was learned was written down.
    unsaved: usize,
    saved_at: Nanos,
}

/// Whether what was learned is written down.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Saving {
    Now,
    WhenMuchIsNew,
}

impl Archive {
    /// Seals what is old enough and writes down what was learned, until it is told to stop.
    pub async fn maintain(self, now: impl Fn() -> Nanos + Send + 'static, stop: CancellationToken) {
        let mut every = tokio::time::interval(MAINTAIN_EVERY);
        loop {
            let stopping = tokio::select! {
                biased;
                () = stop.cancelled() => true,
                _ = every.tick() => false,
            };
            let saving = if stopping { Saving::Now } else { Saving::WhenMuchIsNew };
            if let Err(error) = self.put_in_order(now(), saving).await {
                tracing::error!(error = &error as &dyn Error, "log store maintenance failed");
            }
            if stopping {
                return;
            }
        }
    }

    /// Seals what is old enough, and writes down what was learned.
    ///
    /// # Errors
    /// When the store or the folder cannot be written.
    pub async fn put_in_order(&self, now: Nanos, saving: Saving) -> Result<(), ArchiveError> {
        let inner = self.0.clone();
        tokio::task::spawn_blocking(move || inner.maintain(now, saving)).await?
    }

    /// Lines that match, newest first or oldest first, in bounded pages.
    ///
    /// # Errors
    /// When the query cannot be answered.
    pub async fn read(&self, query: overseer_logstore::Query) -> Result<overseer_logstore::Page, ArchiveError> {
        let inner = self.0.clone();
        Ok(tokio::task::spawn_blocking(move || inner.store.read(&query)).await??)
    }

    /// How long lines are kept.
    pub fn retention(&self) -> &Retention {
        &self.0.retention
    }

    /// What is in no table yet of what lines count for.
    pub fn tallies(&self) -> &Tallies {
        &self.0.tallies
    }

    /// Whose lines were kept long enough before `now`, by how long they are kept.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn expired(&self, now: Timestamp) -> Result<BTreeMap<Days, BTreeSet<String>>, ArchiveError> {
        let inner = self.0.clone();
        tokio::task::spawn_blocking(move || {
            if inner.expired(now)?.is_empty() {
                return Ok(BTreeMap::new());
            }
            // So that no old line is anywhere else.
            inner.store.seal()?;
            inner.expired(now)
        })
        .await?
    }

    /// Deletes the lines that are kept so long and were; how many. `None`, and nothing is deleted, while the count of
    /// any of them waits for the tables.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn purge(&self, days: Days, now: Timestamp) -> Result<Option<u64>, ArchiveError> {
        let inner = self.0.clone();
        tokio::task::spawn_blocking(move || {
            let end = days.end(now);
            // Nothing is committed meanwhile.
            let _learned = inner.learned();
            if inner.tallies.waits_before(end) {
                return Ok(None);
            }
            Ok(Some(inner.store.delete_before(&Selector::Group(days.group()), nanos(end))?))
        })
        .await?
    }

    /// The containers of which it is known how far they were read.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn containers(&self) -> Result<HashSet<String>, ArchiveError> {
        let inner = self.0.clone();
        let marks = tokio::task::spawn_blocking(move || inner.store.marks()).await??;
        Ok(marks.keys().filter_map(|key| SourceKey::container_of(&key.0)).map(str::to_owned).collect())
    }

    /// Forgets how far containers were read that are gone for good.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn forget(&self, gone: HashSet<String>) -> Result<(), ArchiveError> {
        let inner = self.0.clone();
        tokio::task::spawn_blocking(move || {
            let keys: Vec<SourceKey> = gone.iter().map(|id| SourceKey::container(id)).collect();
            let mut learned = inner.learned();
            let marks: Vec<_> = keys.iter().map(|key| (MarkKey(key.to_string()), Vec::new())).collect();
            inner.store.append(&[], &marks)?;
            for key in &keys {
                learned.sources.remove(key);
            }
            Ok(())
        })
        .await?
    }

    /// The ids that count today for some that were given out before.
    ///
    /// # Errors
    /// When the process is ending.
    pub async fn resolve(&self, ids: Vec<SignatureId>) -> Result<Vec<SignatureId>, ArchiveError> {
        let inner = self.0.clone();
        let resolved = tokio::task::spawn_blocking(move || {
            let learned = inner.learned();
            ids.into_iter().map(|id| learned.miner.resolve(id)).collect()
        });
        Ok(resolved.await?)
    }

    /// The templates of signatures, as far as the miner knows them.
    ///
    /// # Errors
    /// When the process is ending.
    pub async fn templates(&self, ids: Vec<SignatureId>) -> Result<HashMap<SignatureId, String>, ArchiveError> {
        let inner = self.0.clone();
        let templates = tokio::task::spawn_blocking(move || {
            let learned = inner.learned();
            let template = |id| Some((id, learned.miner.signature(id)?.template));
            ids.into_iter().filter_map(template).collect()
        });
        Ok(templates.await?)
    }
}

fn nanos(at: Timestamp) -> Nanos {
    Nanos(at.micros().saturating_mul(1_000))
}

impl Inner {
    fn learned(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn expired(&self, now: Timestamp) -> Result<BTreeMap<Days, BTreeSet<String>>, ArchiveError> {
        let mut expired: BTreeMap<Days, BTreeSet<String>> = BTreeMap::new();
        for segment in self.store.segments()? {
            let days = Days::of(&segment.group).filter(|days| segment.latest < nanos(days.end(now)));
            if let Some(days) = days {
                let resources = segment.resources.iter().map(|share| share.resource.clone());
                expired.entry(days).or_default().extend(resources);
            }
        }
        Ok(expired)
    }

    fn position(&self, source: &SourceKey) -> Result<Option<LogPosition>, ArchiveError> {
        let Some(bytes) = self.store.mark(&MarkKey(source.to_string()))? else { return Ok(None) };
        let Some(mark) = Mark::from_bytes(&bytes) else {
            return Err(ArchiveError::BadMark { source_key: source.to_string() });
        };
        let mut learned = self.learned();
        learned.sources.entry(source.clone()).or_insert_with(|| Progress::after(mark.block));
        Ok(Some(mark.position))
    }

    fn maintain(&self, now: Nanos, saving: Saving) -> Result<(), ArchiveError> {
        self.store.maintain(now)?;
        let state = {
            let mut learned = self.learned();
            let late = now.0.saturating_sub(learned.saved_at.0) >= SAVE_EVERY.0;
            let due = learned.unsaved > 0 && (saving == Saving::Now || late) || learned.unsaved >= SAVE_AFTER;
            if !due {
                return Ok(());
            }
            (learned.unsaved, learned.saved_at) = (0, now);
            learned.miner.save()
        };
        open::save_miner(&self.folder, &state)
    }
}

#[async_trait]
impl Sink for Archive {
    async fn accept(&self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        let (inner, batch) = (self.0.clone(), batch.clone());
        let room = self.0.tallies.room().await.map_err(|error| SinkError(error.into()))?;
        let accepted = tokio::task::spawn_blocking(move || inner.accept(&batch)).await.map_err(ArchiveError::from);
        accepted.and_then(|accepted| accepted).map_err(|error| SinkError(error.into()))?;
        // It is free again when the tables have what the batch counts for.
        room.forget();
        Ok(())
    }
}

#[async_trait]
impl Positions for Archive {
    async fn position(&self, source: &SourceKey) -> Result<Option<LogPosition>, SinkError> {
        let (inner, source) = (self.0.clone(), source.clone());
        let found = tokio::task::spawn_blocking(move || inner.position(&source)).await.map_err(ArchiveError::from);
        found.and_then(|found| found).map_err(|error| SinkError(error.into()))
    }
}
