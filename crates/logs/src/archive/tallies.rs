//! Tallies that are in no table yet. Each is committed with the lines that it counts, as a mark of the log store, and
//! numbered; the tables note the number of the last that they took. So each event is counted once, whatever ends when.
//!
//! There is room for [`ROOM`] of them. When the tables are away lines wait for room, and their engine keeps them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use overseer_logstore::{MarkKey, Store, StoreError};
use overseer_model::Timestamp;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use super::ArchiveError;
use crate::chronicle::Counted;

const ROOM: u64 = 64;
/// How long a batch waits for room before it is refused, and offered again.
const PATIENCE: Duration = Duration::from_secs(1);

/// A tally that waits for the tables.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub number: u64,
    pub counted: Arc<Vec<Counted>>,
}

/// Clones are the same.
#[derive(Clone)]
pub struct Tallies(Arc<Inner>);

struct Inner {
    waiting: Mutex<State>,
    room: Semaphore,
    /// Told at each new one.
    news: Notify,
}

struct State {
    /// Of the last that was made.
    number: u64,
    queue: VecDeque<Waiting>,
    /// Those up to this number are in the tables and still in the store.
    left: u64,
    /// Those up to this number are no longer in the store.
    cleared: u64,
}

/// A tally in the same commit as its lines.
pub(super) struct Draft {
    waiting: Waiting,
    cleared: u64,
    /// What is stored of it, and the places that others have left.
    pub marks: Vec<(MarkKey, Vec<u8>)>,
}

fn key(number: u64) -> MarkKey {
    MarkKey(format!("tally:{}", number % ROOM))
}

impl Tallies {
    /// Those that are in the store and in no table. `applied` is the number of the last that is in the tables.
    pub(super) fn load(store: &Store, applied: u64) -> Result<Self, StoreError> {
        let mut queue = VecDeque::new();
        for place in 0..ROOM {
            let Some(bytes) = store.mark(&key(place))? else { continue };
            match read(&bytes) {
                Some(waiting) if waiting.number > applied => queue.push_back(waiting),
                Some(_) => {}
                None => tracing::error!(place, "log tally cannot be parsed; skipped"),
            }
        }
        queue.make_contiguous().sort_by_key(|waiting| waiting.number);
        let number = queue.back().map_or(applied, |last| last.number);
        // Counted from the newest: an older number may share its place with one that waits.
        let cleared = number.saturating_sub(ROOM).min(applied);
        let room = Semaphore::new(usize::try_from(ROOM).unwrap_or(usize::MAX).saturating_sub(queue.len()));
        Ok(Self(Arc::new(Inner {
            waiting: Mutex::new(State { number, queue, left: applied, cleared }),
            room,
            news: Notify::new(),
        })))
    }

    /// Room for one more.
    pub(super) async fn room(&self) -> Result<SemaphorePermit<'_>, ArchiveError> {
        match tokio::time::timeout(PATIENCE, self.0.room.acquire()).await {
            Ok(Ok(room)) => Ok(room),
            Ok(Err(_)) | Err(_) => Err(ArchiveError::NoRoom),
        }
    }

    /// Numbers what a batch counts for. One that is not committed never was.
    pub(super) fn draft(&self, counted: Vec<Counted>) -> Draft {
        let number = self.state(|state| state.number) + 1;
        let mut bytes = number.to_le_bytes().to_vec();
        // Plain data with string keys always has a JSON.
        bytes.extend(serde_json::to_vec(&counted).unwrap_or_default());
        let left = self.state(|state| state.cleared + 1..=state.left);
        let mut marks: Vec<_> = left.clone().map(|number| (key(number), Vec::new())).collect();
        // Last: its place may be one of those.
        marks.push((key(number), bytes));
        Draft { waiting: Waiting { number, counted: Arc::new(counted) }, cleared: *left.end(), marks }
    }

    /// It is in the store.
    pub(super) fn committed(&self, draft: Draft) {
        self.state(|state| {
            state.number = draft.waiting.number;
            state.cleared = state.cleared.max(draft.cleared);
            state.queue.push_back(draft.waiting);
        });
        self.0.news.notify_one();
    }

    /// Ends when there is another.
    pub async fn news(&self) {
        self.0.news.notified().await;
    }

    /// All that wait, in their order.
    pub fn waiting(&self) -> Vec<Waiting> {
        self.state(|state| state.queue.iter().cloned().collect())
    }

    /// Whether the count of any line before `end` waits.
    pub fn waits_before(&self, end: Timestamp) -> bool {
        self.state(|state| {
            let mut counted = state.queue.iter().flat_map(|one| one.counted.iter());
            counted.any(|one| one.first_seen < end)
        })
    }

    /// Those up to this number are in the tables.
    pub fn applied(&self, number: u64) {
        let gone = self.state(|state| {
            let gone = state.queue.partition_point(|waiting| waiting.number <= number);
            state.left = state.left.max(number);
            state.queue.drain(..gone).count()
        });
        self.0.room.add_permits(gone);
    }

    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn read(bytes: &[u8]) -> Option<Waiting> {
    let (number, counted) = bytes.split_first_chunk::<8>()?;
    let counted = Arc::new(serde_json::from_slice(counted).ok()?);
    Some(Waiting { number: u64::from_le_bytes(*number), counted })
}
