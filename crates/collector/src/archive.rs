//! Where log lines are kept: redacted, joined to the events that they belong to, mined, and stored with the mark of how
//! far their source was read.
//!
//! ```text
//! batch ─▶ redact ─▶ join ─▶ mine ─▶ one commit of the log store: lines and marks ─▶ who follows
//! ```
//!
//! **Nothing is stored before it is redacted.** A private key that spans lines is known over a restart too: a mark holds
//! where in a key the stream is, beside the position of its source.
//!
//! A line that continues an event (a frame of a stack trace) has the signature and severity of the event's first line.

mod follow;
mod grpc;
mod live;
mod open;
mod progress;

use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use overseer_logstore::{Group, MarkKey, Nanos, Rank, Record, Signature, Store};
use overseer_provider_port::{LONGEST_LINE, LogPosition};
use overseer_redaction::Redactor;
use overseer_signatures::Miner;
use tokio_util::sync::CancellationToken;

pub use grpc::Logs;
use live::Live;
pub use open::ArchiveError;
use progress::{Mark, Progress};

use crate::logs::{Batch, Line, Positions, Sink, SinkError, SourceKey, Workloads};

/// What the lines of one host are grouped by: they share segments.
const GROUP: &str = "containers";
const MAINTAIN_EVERY: Duration = Duration::from_secs(10);
/// Lines after which what was learned is written down. What a crash loses of it is learned again.
const SAVE_AFTER: usize = 100_000;

/// The log lines of one site.
#[derive(Clone)]
pub struct Archive(Arc<Inner>);

struct Inner {
    store: Store,
    redactor: Redactor,
    workloads: Workloads,
    learned: Mutex<Learned>,
    live: Arc<Live>,
    folder: PathBuf,
}

/// What is carried from line to line.
#[derive(Default)]
struct Learned {
    miner: Miner,
    sources: HashMap<SourceKey, Progress>,
    /// Lines since what was learned was written down.
    unsaved: usize,
}

/// Whether what was learned is written down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Saving {
    Now,
    WhenMuchIsNew,
}

/// A line as it is stored.
struct Kept<'a> {
    line: &'a Line,
    resource: Arc<str>,
    severity: Rank,
    signature: Signature,
    text: Vec<u8>,
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
            let (inner, now) = (self.0.clone(), now());
            let saving = if stopping { Saving::Now } else { Saving::WhenMuchIsNew };
            let done = tokio::task::spawn_blocking(move || inner.maintain(now, saving)).await;
            if let Ok(Err(error)) = done {
                tracing::error!(error = &error as &dyn Error, "the log store could not be kept in order");
            }
            if stopping {
                return;
            }
        }
    }

    /// Lines that match, newest first or oldest first, in bounded pages.
    ///
    /// # Errors
    /// When the query cannot be answered.
    pub async fn read(&self, query: overseer_logstore::Query) -> Result<overseer_logstore::Page, ArchiveError> {
        let inner = self.0.clone();
        Ok(tokio::task::spawn_blocking(move || inner.store.read(&query)).await??)
    }

    /// All signatures, the most frequent first.
    ///
    /// # Errors
    /// When the process is ending.
    pub async fn signatures(&self) -> Result<Vec<overseer_signatures::Signature>, ArchiveError> {
        let inner = self.0.clone();
        let mut signatures = tokio::task::spawn_blocking(move || {
            let learned = inner.learned.lock().unwrap_or_else(PoisonError::into_inner);
            learned.miner.signatures().collect::<Vec<_>>()
        })
        .await?;
        signatures.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.id.cmp(&b.id)));
        Ok(signatures)
    }
}

impl Inner {
    fn accept(&self, batch: &Batch) -> Result<(), ArchiveError> {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let Learned { miner, sources, .. } = &mut *learned;
        // What the batch changes is kept only once the batch is.
        let mut changed: HashMap<SourceKey, Progress> = HashMap::new();
        let mut kept = Vec::with_capacity(batch.lines.len());
        for line in &batch.lines {
            let progress = changed
                .entry(line.source.clone())
                .or_insert_with(|| sources.get(&line.source).cloned().unwrap_or_default());
            let mut text = self.redactor.redact_line(&mut progress.block, &line.text).into_owned();
            // A mark can be longer than the secret in its place, and what is too long would be refused for ever.
            text.truncate(LONGEST_LINE);
            let (signature, severity) = progress.event(miner, &text);
            let resource = self.workloads.of(&line.source);
            kept.push(Kept { line, resource, severity: Rank(severity as u8), signature: Signature(signature.0), text });
        }
        let records: Vec<Record<'_>> = kept.iter().map(Kept::record).collect();
        let marks: Vec<(MarkKey, Vec<u8>)> = batch
            .marks
            .iter()
            .map(|(source, position)| {
                let progress = changed.get(source).or_else(|| sources.get(source));
                let block = progress.map(|progress| progress.block).unwrap_or_default();
                (MarkKey(source.to_string()), Mark { position: *position, block }.to_bytes())
            })
            .collect();
        let group = Group(GROUP.to_owned());
        let append = || self.store.append(&[(&group, &records)], &marks).map(drop);
        self.live.commit(append, kept.iter().map(Kept::told))?;
        sources.extend(changed);
        learned.unsaved += kept.len();
        Ok(())
    }

    fn position(&self, source: &SourceKey) -> Result<Option<LogPosition>, ArchiveError> {
        let Some(bytes) = self.store.mark(&MarkKey(source.to_string()))? else { return Ok(None) };
        let Some(mark) = Mark::from_bytes(&bytes) else {
            return Err(ArchiveError::BadMark { source_key: source.to_string() });
        };
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        learned.sources.entry(source.clone()).or_insert_with(|| Progress::after(mark.block));
        Ok(Some(mark.position))
    }

    fn maintain(&self, now: Nanos, saving: Saving) -> Result<(), ArchiveError> {
        self.store.maintain(now)?;
        let state = {
            let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
            let due = learned.unsaved > 0 && saving == Saving::Now || learned.unsaved >= SAVE_AFTER;
            if !due {
                return Ok(());
            }
            learned.unsaved = 0;
            learned.miner.save()
        };
        open::save_miner(&self.folder, &state)
    }
}

impl Kept<'_> {
    /// For those who follow.
    fn told(&self) -> overseer_logstore::Line {
        let Record { time, resource, instance, stream, severity, signature, text } = self.record();
        overseer_logstore::Line {
            time,
            group: Group(GROUP.to_owned()),
            resource: resource.to_owned(),
            instance: instance.to_owned(),
            stream,
            severity,
            signature,
            text: text.to_vec(),
        }
    }

    fn record(&self) -> Record<'_> {
        Record {
            time: Nanos(self.line.at.0),
            resource: &self.resource,
            instance: self.line.source.as_str(),
            stream: self.line.stream,
            severity: self.severity,
            signature: self.signature,
            text: &self.text,
        }
    }
}

#[async_trait]
impl Sink for Archive {
    async fn accept(&self, batch: &Batch) -> Result<(), SinkError> {
        let (inner, batch) = (self.0.clone(), batch.clone());
        let accepted = tokio::task::spawn_blocking(move || inner.accept(&batch)).await.map_err(ArchiveError::from);
        accepted.and_then(|accepted| accepted).map_err(|error| SinkError(error.into()))
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
