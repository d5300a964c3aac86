//! The intake of logs: what containers print and what declared files say, in fair and bounded batches for one sink.
//!
//! ```text
//! container ── follow ──┐
//! container ── follow ──┤ queues: 1 MB each,     batches: round robin        sink: stores lines
//! file ──────── tail ───┘ a full one waits   ──▶ by bytes, one at a time ──▶ and marks together
//! ```
//!
//! **Exactly once** is made of three things: each line comes with the position after it; a batch's *marks* say how far its
//! sources are, and the sink stores them in the transaction that stores the lines; and a source begins at the position
//! that [`Positions`] gives, which reads what the sink stored. A batch that the sink refused is offered again, unchanged,
//! until it is taken.
//!
//! **A flood waits, and alone**: a source whose queue is full is not read on; its engine or file keeps what is to come.
//! Each batch takes from every source in turn, so a quiet source waits for one batch at most.
//!
//! **Nothing is dropped silently**: what is not kept is counted in the batch, by source and reason, in [`States`] and in
//! `overseer_collector_log_dropped_bytes_total`.
//!
//! Not done here: redaction, joining of lines that belong together, signatures. That is the sink's, before it stores.

mod containers;
pub mod files;
mod queue;
mod states;
mod workloads;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use containers::Containers;
use files::Files;
use overseer_logstore::Stream;
use overseer_provider_port::{LogPosition, LogTime, Logs};
use overseer_runtime::{Backoff, Task};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

pub(crate) use queue::{Queues, Source};
pub use states::{Report, SourceState, States};
pub use workloads::Workloads;

use crate::Sighting;

/// Names what lines come from, for ever: a container by its immutable id, a file by its resource and path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceKey(Arc<str>);

impl SourceKey {
    #[must_use]
    pub fn container(id: &str) -> Self {
        Self(format!("container:{id}").into())
    }
    #[must_use]
    pub fn file(resource: &str, path: &str) -> Self {
        Self(format!("file:{resource}:{path}").into())
    }
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The id of a container; `None` of a file.
    #[must_use]
    pub fn container_id(&self) -> Option<&str> {
        Self::container_of(&self.0)
    }
    /// The id of the container that a key in text names.
    pub(crate) fn container_of(key: &str) -> Option<&str> {
        key.strip_prefix("container:")
    }
}
impl fmt::Display for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One line of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub source: SourceKey,
    /// By the engine's clock; of a file's line when it was read.
    pub at: LogTime,
    pub stream: Stream,
    pub text: Vec<u8>,
    /// Whether the line was longer than what is kept of one.
    pub cut: bool,
}

/// Why something is in no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// Of a line beyond [`overseer_provider_port::LONGEST_LINE`].
    LongLine,
    /// Beyond what the source may give in a day.
    Volume,
    /// The file was emptied or replaced before it was read to its end; the bytes are those that are known of.
    Overwritten,
}

impl DropReason {
    const fn name(self) -> &'static str {
        match self {
            Self::LongLine => "long_line",
            Self::Volume => "volume",
            Self::Overwritten => "overwritten",
        }
    }
}

/// What was dropped of one source since the last batch that told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    pub source: SourceKey,
    pub reason: DropReason,
    pub bytes: u64,
}

/// What is stored together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Of each source in their order.
    pub lines: Vec<Line>,
    /// How far each source in the batch is, once the batch is stored.
    pub marks: Vec<(SourceKey, LogPosition)>,
    pub dropped: Vec<Dropped>,
}

/// A sink could not store a batch.
#[derive(Debug, thiserror::Error)]
#[error("a batch of log lines could not be stored")]
pub struct SinkError(#[source] pub Box<dyn Error + Send + Sync>);

/// Where batches go.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Stores lines and marks together or not at all. After an error the same batch comes again.
    async fn accept(&self, batch: &Arc<Batch>) -> Result<(), SinkError>;
}

/// What the sink has stored.
#[async_trait]
pub trait Positions: Send + Sync {
    /// The newest mark of a source; `None` for one that never had one.
    async fn position(&self, source: &SourceKey) -> Result<Option<LogPosition>, SinkError>;
}

/// What the intake is given.
#[derive(Clone)]
pub struct Intake {
    pub logs: Arc<dyn Logs>,
    pub sink: Arc<dyn Sink>,
    pub positions: Arc<dyn Positions>,
    /// A source without a position begins with lines that are no older than this.
    pub retention: Duration,
    /// Which workload each source belongs to; filled by the readers.
    pub workloads: Workloads,
    /// How each source is doing, for whoever asks.
    pub states: States,
    pub files: files::Declared,
}

impl Intake {
    /// The readers of logs, and what takes their lines to the sink. `sightings` tells of every container.
    #[must_use]
    pub fn tasks(self, sightings: UnboundedReceiver<Sighting>, stop: &CancellationToken) -> [Task; 3] {
        let queues = Queues::default();
        let files = Files::new(self.clone(), queues.clone());
        let containers = Containers::new(self.clone(), queues.clone());
        let (read, tailed, delivered) = (stop.clone(), stop.clone(), stop.clone());
        [
            Task::new("container-logs", async move {
                containers.run(sightings, read).await;
                Ok(())
            }),
            Task::new("file-logs", async move {
                files.run(tailed).await;
                Ok(())
            }),
            Task::new("log-batches", async move {
                deliver(queues, self, delivered).await;
                Ok(())
            }),
        ]
    }
}

/// Gives the queues' batches to the sink until it is told to stop. A batch in hand is finished first; one that the sink
/// refuses is offered again.
async fn deliver(queues: Queues, Intake { sink, states, .. }: Intake, stop: CancellationToken) {
    loop {
        let batch = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            batch = queues.next_batch() => batch,
        };
        for dropped in &batch.dropped {
            metrics::counter!("overseer_collector_log_dropped_bytes_total", "reason" => dropped.reason.name())
                .increment(dropped.bytes);
            states.count(dropped);
        }
        let batch = Arc::new(batch);
        let mut backoff = Backoff::default();
        while let Err(error) = sink.accept(&batch).await {
            if backoff.is_fresh() {
                tracing::error!(error = &error as &dyn Error, "log lines waiting for the log store");
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = backoff.wait() => {}
            }
        }
        metrics::counter!("overseer_collector_log_lines_total").increment(batch.lines.len() as u64);
    }
}
