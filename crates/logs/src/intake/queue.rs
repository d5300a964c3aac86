//! A bounded queue for each source, and batches that take from all of them in turn.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use overseer_provider_port::LogPosition;
use tokio::sync::Notify;

use super::{Batch, DropReason, Dropped, Line, SourceKey};

/// Most bytes that wait of one source.
const QUEUE: usize = 1 << 20;
/// Most bytes that wait in all; with many sources each has less than [`QUEUE`].
const QUEUES: usize = 64 << 20;
/// A source always has so much, however many there are.
const LEAST: usize = 64 << 10;
/// Most bytes of a batch.
const BATCH: usize = 1 << 20;
/// What a source may add to a batch in one turn.
const TURN: usize = 32 << 10;
/// What a line takes beside its text.
const OVERHEAD: usize = 128;

/// What a source gives: a line or a drop, and the position after it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub line: Option<Line>,
    pub dropped: Option<(DropReason, u64)>,
    pub position: LogPosition,
}

impl Entry {
    fn bytes(&self) -> usize {
        OVERHEAD + self.line.as_ref().map_or(0, |line| line.text.len())
    }
}

#[derive(Default)]
struct Queue {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// Wakes the source when there is room.
    room: Arc<Notify>,
}

#[derive(Default)]
struct State {
    queues: HashMap<SourceKey, Queue>,
    /// Sources that have something, in the order of their turns.
    turns: VecDeque<SourceKey>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Wakes the batches when there is something.
    filled: Notify,
}

/// All queues.
#[derive(Clone, Default)]
pub(crate) struct Queues(Arc<Shared>);

/// One source's end of its queue. The queue goes when it is dropped and what was in it has been taken.
pub(crate) struct Source {
    queues: Queues,
    pub key: SourceKey,
    room: Arc<Notify>,
}

impl Queues {
    /// The queue of a source, which has one [`Source`] at a time.
    pub fn source(&self, key: SourceKey) -> Source {
        let room = self.lock().queues.entry(key.clone()).or_default().room.clone();
        Source { queues: self.clone(), key, room }
    }

    /// The next batch, as soon as there is anything.
    pub async fn next_batch(&self) -> Batch {
        loop {
            let filled = self.0.filled.notified();
            let batch = self.lock().batch();
            if let Some(batch) = batch {
                return batch;
            }
            filled.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn batch(&mut self) -> Option<Batch> {
        let (mut batch, mut bytes) = (Batch::default(), 0);
        let mut marks = HashMap::new();
        while bytes < BATCH {
            let Some(key) = self.turns.pop_front() else { break };
            let Some(queue) = self.queues.get_mut(&key) else { continue };
            bytes += queue.turn(&key, &mut batch, &mut marks);
            if queue.entries.is_empty() {
                // Its source may be gone.
                if Arc::strong_count(&queue.room) == 1 {
                    self.queues.remove(&key);
                }
            } else {
                self.turns.push_back(key);
            }
        }
        batch.marks = marks.into_iter().collect();
        (!batch.marks.is_empty()).then_some(batch)
    }
}

impl Queue {
    /// Moves one turn's entries into the batch; how many bytes they are.
    fn turn(&mut self, key: &SourceKey, batch: &mut Batch, marks: &mut HashMap<SourceKey, LogPosition>) -> usize {
        let mut taken = 0;
        while taken < TURN {
            let Some(entry) = self.entries.pop_front() else { break };
            taken += entry.bytes();
            let Entry { line, dropped, position } = entry;
            batch.lines.extend(line);
            if let Some((reason, bytes)) = dropped {
                let same = batch.dropped.iter_mut().find(|told| told.source == *key && told.reason == reason);
                match same {
                    Some(told) => told.bytes += bytes,
                    None => batch.dropped.push(Dropped { source: key.clone(), reason, bytes }),
                }
            }
            marks.insert(key.clone(), position);
        }
        self.bytes -= taken.min(self.bytes);
        self.room.notify_one();
        taken
    }
}

impl Source {
    /// Puts entries into the queue, in order, and waits while it is full.
    pub async fn push(&self, entries: Vec<Entry>) {
        let mut entries = entries.into_iter().peekable();
        loop {
            self.fill(&mut entries);
            if entries.peek().is_none() {
                return;
            }
            // One permit is kept, so a turn between the two is not missed.
            self.room.notified().await;
        }
    }

    fn fill(&self, entries: &mut std::iter::Peekable<std::vec::IntoIter<Entry>>) {
        let mut state = self.queues.lock();
        let most = (QUEUES / state.queues.len().max(1)).clamp(LEAST, QUEUE);
        let queue = state.queues.entry(self.key.clone()).or_default();
        let was_empty = queue.entries.is_empty();
        while queue.bytes < most
            && let Some(entry) = entries.next()
        {
            queue.bytes += entry.bytes();
            queue.entries.push_back(entry);
        }
        if was_empty && !queue.entries.is_empty() {
            state.turns.push_back(self.key.clone());
            self.queues.0.filled.notify_one();
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let mut state = self.queues.lock();
        if state.queues.get(&self.key).is_some_and(|queue| queue.entries.is_empty()) {
            state.queues.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use overseer_logstore::Stream;
    use overseer_provider_port::LogTime;
    use tokio::time::{Duration, timeout};

    use super::*;

    fn entry(source: &Source, number: u8, length: usize) -> Entry {
        let text = vec![number; length];
        let line = Line { source: source.key.clone(), at: LogTime(0), stream: Stream::Stdout, text, cut: false };
        Entry { line: Some(line), dropped: None, position: LogPosition::from_bytes(&[number]).unwrap() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_waits_and_a_quiet_source_does_not() {
        let queues = Queues::default();
        let (flood, quiet) =
            (queues.source(SourceKey::container("flood")), queues.source(SourceKey::container("quiet")));
        let flooding = tokio::spawn(async move {
            for number in 0..=255 {
                flood.push((0..100).map(|_| entry(&flood, number, 1000)).collect()).await;
            }
        });
        timeout(Duration::from_secs(1), async {
            while !queues.lock().queues.values().any(|q| q.bytes >= QUEUE) {
                tokio::task::yield_now().await
            }
        })
        .await
        .unwrap();
        let most = queues.lock().queues.values().map(|queue| queue.bytes).max().unwrap();
        assert!(most < QUEUE + 2000, "{most}");
        quiet.push(vec![entry(&quiet, 7, 10)]).await;
        let batch = queues.next_batch().await;
        assert!(batch.lines.iter().any(|line| line.source == quiet.key), "the quiet source is in the first batch");
        assert!(batch.lines.len() > 500, "the flood uses what is left of it");
        let mut lines = batch.lines.len();
        while lines < 25_601 {
            lines += queues.next_batch().await.lines.len();
        }
        flooding.await.unwrap();
        assert!(timeout(Duration::from_secs(1), queues.next_batch()).await.is_err(), "there is nothing more");
        // The flood's end is gone, the other is not.
        assert_eq!(queues.lock().queues.keys().collect::<Vec<_>>(), [&quiet.key]);
    }

    #[tokio::test]
    async fn marks_are_those_of_the_last_lines_of_the_batch_and_drops_are_summed() {
        let queues = Queues::default();
        let one = queues.source(SourceKey::container("one"));
        let drop = |bytes| Entry { dropped: Some((DropReason::Volume, bytes)), line: None, ..entry(&one, 9, 0) };
        one.push(vec![entry(&one, 1, 10), drop(5), drop(6), entry(&one, 2, 40_000)]).await;
        one.push(vec![entry(&one, 3, 2_000_000)]).await;
        let batch = queues.next_batch().await;
        assert_eq!(batch.marks, [(one.key.clone(), LogPosition::from_bytes(&[3]).unwrap())]);
        assert_eq!(batch.lines.iter().map(|line| line.text[0]).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(batch.dropped, [Dropped { source: one.key.clone(), reason: DropReason::Volume, bytes: 11 }]);
    }
}
