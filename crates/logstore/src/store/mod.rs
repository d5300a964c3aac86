//! The store: commits lines, seals them into segments, and answers queries over both.

mod commit;
mod open;
mod read;
mod sealing;

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use commit::Queue;
pub use read::Look;

use crate::error::StoreError;
use crate::manifest::{Manifest, Segment};
use crate::objects::Objects;
use crate::part::{Part, Partition, days};
use crate::query::Aside;
use crate::types::{Ack, Group, MarkKey, Nanos, Record};
use crate::wal::{self, Wal};

/// How the store works. The defaults suit a machine with some hundred containers.
#[derive(Clone, Debug)]
pub struct Config {
    /// Payload at which a group's lines of a day are sealed into a segment. Bytes.
    pub segment_bytes: usize,
    /// Payload of one block of a segment: what a search for a short time reads at least. Bytes.
    pub block_bytes: usize,
    /// Payload that all lines in memory together may have before the largest are sealed. Bytes. Memory stays below
    /// about three times this and twice `segment_bytes`.
    pub unsealed_bytes: usize,
    /// Lines are sealed at the latest so long after [`Store::maintain`] first saw them.
    pub max_age: Nanos,
    /// Longest text of a record, in bytes.
    pub record_bytes: usize,
    /// zstd level of segments, 1 to 19. Those of a few megabytes always take 19.
    pub level: i32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            block_bytes: 32 << 20,
            unsealed_bytes: 256 << 20,
            max_age: Nanos(3_600_000_000_000),
            record_bytes: 64 << 10,
            level: 1,
        }
    }
}

/// Largest commit, in bytes of text and 32 for each record.
const MAX_COMMIT: usize = 64 << 20;

/// What opening found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Lines that were acknowledged but in no segment, and are back in memory.
    pub recovered: u64,
    /// Segments that cannot be used, by name and why.
    pub aside: Vec<Aside>,
    /// Segments that the manifest did not know, and that count again.
    pub adopted: Vec<String>,
    /// Write-ahead files of which a part could not be read: their lines may be missing.
    pub damaged: Vec<PathBuf>,
}

/// Which lines to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    Group(Group),
    Resource(String),
}

/// See the crate's documentation. All calls block; share it between threads by reference.
pub struct Store {
    config: Config,
    objects: Objects,
    queue: Mutex<Queue>,
    turned: Condvar,
    writer: Mutex<Writer>,
    state: Mutex<State>,
    /// Held while sealing or deleting: one at a time, in the order of commits.
    sealing: Mutex<()>,
    /// Locked for as long as the store is open.
    _held: File,
}

struct Writer {
    wal: Wal,
    /// Number of the next commit.
    next: u64,
}

struct State {
    open: BTreeMap<Partition, Part>,
    /// Parts that take no more lines and are in no segment yet, oldest first.
    frozen: VecDeque<Arc<Part>>,
    manifest: Manifest,
    marks: BTreeMap<MarkKey, Vec<u8>>,
    aside: BTreeMap<String, String>,
}

impl State {
    fn unsealed(&self) -> usize {
        self.open.values().map(Part::memory).sum::<usize>()
            + self.frozen.iter().map(|part| part.memory()).sum::<usize>()
    }

    fn take(&mut self, number: u64, commit: wal::Commit) {
        for (key, value) in commit.marks {
            if value.is_empty() {
                self.marks.remove(&key);
            } else {
                self.marks.insert(key, value);
            }
        }
        for batch in &commit.groups {
            for (partition, range, text) in days(batch) {
                // Up to the floor they are in a segment already.
                if self.manifest.floors.get(&partition).is_none_or(|floor| *floor < number) {
                    let part = self.open.entry(partition.clone()).or_insert_with(|| Part::new(partition, number));
                    part.extend(number, batch, range, text);
                }
            }
        }
    }

    fn freeze(&mut self, partitions: Vec<Partition>) {
        for partition in partitions {
            if let Some(part) = self.open.remove(&partition) {
                self.frozen.push_back(Arc::new(part));
            }
        }
    }

    /// First commit that is needed in the write-ahead files.
    fn oldest(&self) -> Option<u64> {
        self.open.values().map(|part| part.first).chain(self.frozen.iter().map(|part| part.first)).min()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>, StoreError> {
    mutex.lock().map_err(|_| StoreError::Poisoned)
}

impl Store {
    /// Commits lines and marks together, all or nothing. When it returns they are durable, and searches find them. Calls
    /// that come at the same time share one write to the disk. The order of equal times is that of the calls. An empty
    /// mark is none: its key is forgotten.
    ///
    /// When too much is unsealed already, sealing is done here first, and takes its time.
    ///
    /// # Errors
    /// When a line, a name or the whole is too long, or nothing can be written: then nothing of the call is kept.
    pub fn append(&self, batches: &[(&Group, &[Record])], marks: &[(MarkKey, Vec<u8>)]) -> Result<Ack, StoreError> {
        self.validate(batches, marks)?;
        // Before the commit: what was committed is acknowledged.
        if lock(&self.state)?.unsealed() > self.config.unsealed_bytes {
            self.relieve()?;
        }
        self.commit(wal::frame(batches, marks))
    }

    /// The value that was last committed under `key`.
    ///
    /// # Errors
    /// Only after a panic inside the store.
    pub fn mark(&self, key: &MarkKey) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(lock(&self.state)?.marks.get(key).cloned())
    }

    /// All marks.
    ///
    /// # Errors
    /// Only after a panic inside the store.
    pub fn marks(&self) -> Result<BTreeMap<MarkKey, Vec<u8>>, StoreError> {
        Ok(lock(&self.state)?.marks.clone())
    }

    /// The segments, and what is known of them without reading them.
    ///
    /// # Errors
    /// Only after a panic inside the store.
    pub fn segments(&self) -> Result<Vec<Arc<Segment>>, StoreError> {
        Ok(lock(&self.state)?.manifest.segments.values().cloned().collect())
    }

    /// Lines and payload bytes that are in no segment yet, by group.
    ///
    /// # Errors
    /// Only after a panic inside the store.
    pub fn unsealed(&self) -> Result<BTreeMap<Group, (u64, u64)>, StoreError> {
        let state = lock(&self.state)?;
        let mut groups = BTreeMap::new();
        for part in state.open.values().chain(state.frozen.iter().map(|part| &**part)) {
            let (lines, bytes) = groups.entry(part.partition.group.clone()).or_insert((0, 0));
            *lines += part.lines as u64;
            *bytes += part.payload as u64;
        }
        Ok(groups)
    }
}
