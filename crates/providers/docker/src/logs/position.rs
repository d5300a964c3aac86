//! Where a reader is in a container's log.
//!
//! The engine can be asked for the entries from a time on (included), and gives them in the order in which they were
//! written. Their times are no order: two streams are stamped apart from each other, the pieces of a long line all carry
//! the time of the first, and a clock can be set back. So a position is a time to ask from, and for each stream how many
//! of the entries from that time on are done. Those counts stay right whatever the times are, because what is written is
//! only ever added to; and when the engine has thrown old entries away, the newest time that was done tells which of the
//! counted ones are gone.
//!
//! Not promised: what is written while nobody reads and the engine's clock is more than [`BACK`] behind where it was.

use std::collections::VecDeque;

use overseer_provider_port::{LogPosition, LogStream};

/// How far behind the newest entry a position asks from, when it moves.
const BACK: i64 = 2_000_000_000;
/// Runs of entries with one time that are remembered, so that a position can move. 24 bytes each.
const RUNS: usize = 4096;
const VERSION: u8 = 1;

/// What is done of each stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Done {
    /// Entries from the position's time on.
    entries: u32,
    /// The newest time among all that was done.
    newest: i64,
}

/// The serialised form: a version, the time, and for each stream a count and a time; little endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    since: i64,
    done: [Done; 2],
}

impl Position {
    pub fn read(position: &LogPosition) -> Option<Self> {
        let (version, mut rest) = position.as_bytes().split_first()?;
        if *version != VERSION {
            return None;
        }
        let since = i64::from_le_bytes(take(&mut rest)?);
        let mut done = [Done::default(); 2];
        for stream in &mut done {
            stream.entries = u32::from_le_bytes(take(&mut rest)?);
            stream.newest = i64::from_le_bytes(take(&mut rest)?);
        }
        rest.is_empty().then_some(Self { since, done })
    }

    fn write(self) -> Option<LogPosition> {
        let mut bytes = [0; 33];
        let [first, second] = self.done;
        let fields: [&[u8]; 6] = [
            &[VERSION],
            &self.since.to_le_bytes(),
            &first.entries.to_le_bytes(),
            &first.newest.to_le_bytes(),
            &second.entries.to_le_bytes(),
            &second.newest.to_le_bytes(),
        ];
        bytes.iter_mut().zip(fields.into_iter().flatten()).for_each(|(to, from)| *to = *from);
        LogPosition::from_bytes(&bytes)
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

/// Entries in a row with one time on one stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub at: i64,
    pub stream: LogStream,
    pub entries: u32,
}

/// Follows what is done, and tells it as a position.
#[derive(Debug)]
pub(crate) struct Progress {
    since: i64,
    done: [Done; 2],
    /// Entries that are still to come and were done before.
    to_skip: [Done; 2],
    runs: VecDeque<Run>,
    /// The newest time that is in `done` and not in `runs`: a position cannot move to it or before it.
    forgotten: i64,
}

impl Progress {
    /// At the first entry from a time on.
    pub fn since(since: i64) -> Self {
        let nothing = Done { entries: 0, newest: i64::MIN };
        Self { since, done: [nothing; 2], to_skip: [nothing; 2], runs: VecDeque::new(), forgotten: i64::MIN }
    }

    pub fn after(position: Position) -> Self {
        let Position { since, done } = position;
        let forgotten = done.iter().map(|done| done.newest).max().unwrap_or(i64::MIN);
        Self { since, done, to_skip: done, runs: VecDeque::new(), forgotten }
    }

    /// The time to ask the engine from.
    pub fn ask_from(&self) -> i64 {
        self.since
    }

    /// Whether this entry was done before. To be asked once for each entry, in their order.
    pub fn skips(&mut self, stream: LogStream, at: i64) -> bool {
        let Some(skip) = self.to_skip.get_mut(index(stream)) else { return false };
        if skip.entries > 0 && at <= skip.newest {
            skip.entries -= 1;
            return true;
        }
        // Those that were counted and did not come are gone for ever.
        let gone = std::mem::take(&mut skip.entries);
        if let Some(done) = self.done.get_mut(index(stream)) {
            done.entries -= gone.min(done.entries);
        }
        false
    }

    /// Takes a line as done, whose entries are these.
    pub fn finish(&mut self, run: Run) {
        let Some(done) = self.done.get_mut(index(run.stream)) else { return };
        done.entries = done.entries.saturating_add(run.entries);
        done.newest = done.newest.max(run.at);
        match self.runs.back_mut() {
            Some(last) if last.at == run.at && last.stream == run.stream => last.entries += run.entries,
            Some(_) | None => self.runs.push_back(run),
        }
    }

    /// The position after all that was finished. `pending` is the time of the oldest entry that came and is not finished.
    pub fn position(&mut self, pending: Option<i64>) -> Option<LogPosition> {
        if self.runs.len() >= RUNS {
            self.advance(pending);
        }
        Position { since: self.since, done: self.done }.write()
    }

    /// Moves the time to ask from near to the newest entry, or forgets what it would need for that.
    fn advance(&mut self, pending: Option<i64>) {
        let newest = self.done.iter().map(|done| done.newest).max().unwrap_or(i64::MIN);
        let target = pending.map_or(i64::MAX, |at| at).min(newest.saturating_sub(BACK));
        if target > self.forgotten && target > self.since && self.to_skip.iter().all(|skip| skip.entries == 0) {
            self.since = target;
            self.runs.retain(|run| run.at >= target);
            self.done.iter_mut().for_each(|done| done.entries = 0);
            for run in &self.runs {
                if let Some(done) = self.done.get_mut(index(run.stream)) {
                    done.entries = done.entries.saturating_add(run.entries);
                }
            }
        }
        if self.runs.len() > RUNS / 2 {
            let forgotten = self.runs.drain(..RUNS / 4).map(|run| run.at).max();
            self.forgotten = self.forgotten.max(forgotten.unwrap_or(i64::MIN));
        }
    }
}

const fn index(stream: LogStream) -> usize {
    match stream {
        LogStream::Stdout => 0,
        LogStream::Stderr => 1,
    }
}
