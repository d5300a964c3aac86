//! Follows every container that the inventory knows, each in a task of its own.
//!
//! What the inventory tells only wakes: the log itself says what there is. A container that runs is followed until it
//! ends, one that ended is read to its end, and one that starts again is read on from where its reader was. An engine
//! that is away is waited for, longer each time.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::StreamExt;
use overseer_logstore::Stream;
use overseer_model::{ResourceState, Timestamp};
use overseer_provider_port::{LogError, LogLine, LogPosition, LogStart, LogStream, Logs};
use overseer_runtime::Backoff;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::queue::Entry;
use super::{DropReason, Intake, Line, Positions, Queues, Source, SourceKey, SourceState, States, Workloads};
use crate::Sighting;

/// Lines that are put into the queue together, when they are there already.
const TOGETHER: usize = 256;
/// Logs that are opened at once, so that a start with hundreds of containers does not burden the engine.
const OPENINGS: usize = 16;

/// What a reader is told.
#[derive(Clone, Copy, Debug)]
struct Wake {
    /// Counts what was told, so that a start and an end between two looks are seen.
    told: u64,
    runs: bool,
}

pub(crate) struct Containers {
    intake: Intake,
    queues: Queues,
    openings: Arc<Semaphore>,
    readers: HashMap<String, watch::Sender<Wake>>,
    tasks: JoinSet<()>,
}

impl Containers {
    pub fn new(intake: Intake, queues: Queues) -> Self {
        let openings = Arc::new(Semaphore::new(OPENINGS));
        Self { intake, queues, openings, readers: HashMap::new(), tasks: JoinSet::new() }
    }

    /// Follows what the inventory tells of until it is told to stop.
    pub async fn run(mut self, mut sightings: mpsc::UnboundedReceiver<Sighting>, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(sighting) = sightings.recv() => self.take(sighting),
                Some(_) = self.tasks.join_next() => {}
                else => return stop.cancelled().await,
            }
        }
    }

    fn take(&mut self, Sighting { id, workload, state }: Sighting) {
        let key = SourceKey::container(&id);
        self.intake.workloads.tell(&key, &workload);
        let runs = match state {
            ResourceState::Running | ResourceState::Paused => true,
            // It has no log before its first start.
            ResourceState::Created => return,
            ResourceState::Restarting | ResourceState::Exited | ResourceState::Unknown => false,
            ResourceState::Removed => {
                // Its reader reads what is left, and ends with the log.
                if let Some(wake) = self.readers.remove(&id) {
                    wake.send_modify(|wake| *wake = Wake { told: wake.told + 1, runs: false });
                }
                return;
            }
        };
        let next = |wake: &mut Wake| *wake = Wake { told: wake.told + 1, runs };
        match self.readers.get(&id) {
            Some(wake) if !wake.is_closed() => wake.send_modify(next),
            // None yet, or its reader took the container for gone.
            Some(_) | None => {
                let (wake, woken) = watch::channel(Wake { told: 1, runs });
                let reader = Reader {
                    source: self.queues.source(key.clone()),
                    logs: self.intake.logs.clone(),
                    positions: self.intake.positions.clone(),
                    states: self.intake.states.clone(),
                    workloads: self.intake.workloads.clone(),
                    retention: self.intake.retention,
                    openings: self.openings.clone(),
                    id: id.clone(),
                    key,
                    woken,
                    position: None,
                };
                self.readers.insert(id, wake);
                self.tasks.spawn(reader.run());
            }
        }
    }
}

/// Reads one container's log.
struct Reader {
    id: String,
    key: SourceKey,
    source: Source,
    logs: Arc<dyn Logs>,
    positions: Arc<dyn Positions>,
    states: States,
    workloads: Workloads,
    retention: Duration,
    openings: Arc<Semaphore>,
    woken: watch::Receiver<Wake>,
    /// After the last line that is in the queue, or was.
    position: Option<LogPosition>,
}

impl Reader {
    /// Reads until the container is gone.
    async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let Wake { told, runs } = *self.woken.borrow_and_update();
            match self.read(&mut backoff).await {
                Ok(()) => {
                    let wake = *self.woken.borrow();
                    if wake.told == told && !runs {
                        self.states.set(&self.key, SourceState::Ended);
                        backoff = Backoff::default();
                        if self.woken.changed().await.is_err() {
                            break;
                        }
                    } else if wake.told == told {
                        // It ran by the last that was told: that it ended may be on its way, or the engine is ending.
                        self.wait(&mut backoff).await;
                    }
                }
                Err(error @ LogError::NotFound { .. }) => {
                    tracing::debug!(error = &error as &dyn Error, "log is gone");
                    break;
                }
                Err(error @ LogError::BadPosition { .. }) => {
                    tracing::warn!(error = &error as &dyn Error, "position lost; reading the log from its oldest line");
                    self.position = None;
                    if let Err(error) = self.read_from(self.oldest(), &mut backoff).await {
                        self.say(&error, &backoff);
                    }
                    self.wait(&mut backoff).await;
                }
                Err(error) if error.may_pass() => {
                    self.say(&error, &backoff);
                    self.wait(&mut backoff).await;
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn Error, "log cannot be read");
                    self.states.set(&self.key, SourceState::Refused { why: error.to_string() });
                    // Only another start can change that.
                    if self.woken.changed().await.is_err() {
                        break;
                    }
                }
            }
        }
        self.states.remove(&self.key);
        self.workloads.gone(&self.key);
    }

    fn say(&self, error: &LogError, backoff: &Backoff) {
        if backoff.is_fresh() {
            tracing::warn!(error = error as &dyn Error, "log interrupted; retrying");
        }
        self.states.set(&self.key, SourceState::Waiting { why: error.to_string() });
    }

    /// Waits for the time to try again, or for news.
    async fn wait(&mut self, backoff: &mut Backoff) {
        tokio::select! {
            () = backoff.wait() => {}
            changed = self.woken.changed() => {
                if changed.is_err() {
                    // Nobody tells any more, so only time remains.
                    backoff.wait().await;
                }
            }
        }
    }

    /// Follows to the end, again and again until nothing more comes: an engine may end a log before its last line is stored.
    async fn read(&mut self, backoff: &mut Backoff) -> Result<(), LogError> {
        let mut start = self.start().await?;
        loop {
            let before = self.position;
            self.read_from(start, backoff).await?;
            if self.position == before {
                return Ok(());
            }
            start = self.position.map_or(start, LogStart::After);
        }
    }

    fn oldest(&self) -> LogStart {
        LogStart::Since(Timestamp::now() - self.retention)
    }

    async fn start(&mut self) -> Result<LogStart, LogError> {
        if self.position.is_none() {
            let stored = self.positions.position(&self.key).await;
            self.position =
                stored.map_err(|source| LogError::Interrupted { id: self.id.clone(), source: source.into() })?;
        }
        Ok(self.position.map_or_else(|| self.oldest(), LogStart::After))
    }

    async fn read_from(&mut self, start: LogStart, backoff: &mut Backoff) -> Result<(), LogError> {
        let opening = self.openings.acquire().await;
        let lines = self.logs.follow_logs(&self.id, start).await?;
        drop(opening);
        self.states.set(&self.key, SourceState::Following);
        let mut lines = lines.ready_chunks(TOGETHER);
        while let Some(chunk) = lines.next().await {
            *backoff = Backoff::default();
            let (mut entries, mut failed) = (Vec::with_capacity(chunk.len()), None);
            for line in chunk {
                match line {
                    Ok(line) => entries.push(entry(&self.key, line)),
                    Err(error) => failed = Some(error),
                }
            }
            let last = entries.last().map(|entry: &Entry| entry.position);
            self.source.push(entries).await;
            self.position = last.or(self.position);
            if let Some(error) = failed {
                return Err(error);
            }
        }
        Ok(())
    }
}

fn entry(key: &SourceKey, line: LogLine) -> Entry {
    let LogLine { at, stream, text, dropped, position } = line;
    let stream = match stream {
        LogStream::Stdout => Stream::Stdout,
        LogStream::Stderr => Stream::Stderr,
    };
    Entry {
        line: Some(Line { source: key.clone(), at, stream, text, cut: dropped > 0 }),
        dropped: (dropped > 0).then_some((DropReason::LongLine, dropped)),
        position,
    }
}
