//! Commits that come at the same time share one write to the disk: one of those who wait writes for all.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use super::{MAX_COMMIT, Store, lock};
use crate::codec::HEAD;
use crate::error::{StoreError, file};
use crate::types::{Ack, Group, MAX_NAME, MarkKey, Record};
use crate::wal;

/// Commits that wait to be written together.
#[derive(Default)]
pub struct Queue {
    waiting: Vec<(u64, Vec<u8>)>,
    next_ticket: u64,
    is_led: bool,
    done: BTreeMap<u64, Result<u64, Failure>>,
}

/// Why a write failed, for each of those that waited for it.
#[derive(Clone)]
struct Failure {
    path: PathBuf,
    kind: io::ErrorKind,
    code: Option<i32>,
}

impl Failure {
    fn error(self) -> StoreError {
        let source = self.code.map_or_else(|| self.kind.into(), io::Error::from_raw_os_error);
        file("write to", &self.path)(source)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::DiskFull { path, source } | StoreError::File { path, source, .. } => {
                Self { path, kind: source.kind(), code: source.raw_os_error() }
            }
            _ => Self { path: PathBuf::new(), kind: io::ErrorKind::Other, code: None },
        }
    }
}

impl Store {
    pub(super) fn validate(
        &self,
        batches: &[(&Group, &[Record])],
        marks: &[(MarkKey, Vec<u8>)],
    ) -> Result<(), StoreError> {
        let name = |name: &str| match name.len() {
            got if got > MAX_NAME => Err(StoreError::NameTooLong { got, limit: MAX_NAME }),
            _ => Ok(()),
        };
        let mut total = marks.iter().map(|(_, value)| value.len()).sum();
        marks.iter().try_for_each(|(key, _)| name(&key.0))?;
        for (group, records) in batches {
            name(&group.0)?;
            for record in *records {
                let (got, limit) = (record.text.len(), self.config.record_bytes);
                if got > limit {
                    return Err(StoreError::LineTooLong { got, limit });
                }
                name(record.resource)?;
                name(record.instance)?;
                total += got + 32;
            }
        }
        if total > MAX_COMMIT {
            return Err(StoreError::BatchTooLarge { got: total, limit: MAX_COMMIT });
        }
        Ok(())
    }

    /// Waits until `frame` is durable and its lines are in memory. One of those who wait writes for all.
    pub(super) fn commit(&self, frame: Vec<u8>) -> Result<Ack, StoreError> {
        let mut queue = lock(&self.queue)?;
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        queue.waiting.push((ticket, frame));
        loop {
            if let Some(done) = queue.done.remove(&ticket) {
                return done.map(|commit| Ack { commit }).map_err(Failure::error);
            }
            if queue.is_led {
                queue = self.turned.wait(queue).map_err(|_| StoreError::Poisoned)?;
                continue;
            }
            queue.is_led = true;
            let batch = std::mem::take(&mut queue.waiting);
            drop(queue);
            let (tickets, frames): (Vec<u64>, Vec<Vec<u8>>) = batch.into_iter().unzip();
            let written = self.write(frames);
            queue = lock(&self.queue)?;
            queue.is_led = false;
            let first = written.map_err(Failure::from);
            for (at, ticket) in (0..).zip(tickets) {
                queue.done.insert(ticket, first.clone().map(|first| first + at));
            }
            self.turned.notify_all();
        }
    }

    /// Writes and applies commits; answers the number of the first.
    fn write(&self, mut frames: Vec<Vec<u8>>) -> Result<u64, StoreError> {
        let mut writer = lock(&self.writer)?;
        let first = writer.next;
        for (number, frame) in (first..).zip(&mut frames) {
            wal::close(frame, number);
        }
        let marks: wal::Marks =
            if writer.wal.begins_anew() { lock(&self.state)?.marks.clone().into_iter().collect() } else { Vec::new() };
        match frames.as_slice() {
            [only] => writer.wal.write(only, first, &marks)?,
            several => writer.wal.write(&several.concat(), first, &marks)?,
        }
        writer.next += frames.len() as u64;
        let mut state = lock(&self.state)?;
        for frame in &frames {
            if let Some((number, commit)) = frame.get(HEAD..).and_then(wal::Commit::read) {
                state.take(number, commit);
            }
        }
        Ok(first)
    }
}
