//! Lines leave memory: into segments, or for good.

use std::sync::{Arc, MutexGuard};

use super::{Selector, Store, lock};
use crate::error::StoreError;
use crate::manifest::{Entry, Segment};
use crate::part::Part;
use crate::seal::{Form, seal};
use crate::types::Nanos;

impl Store {
    /// Seals what is large or old enough at `now`. To be called every few seconds.
    ///
    /// # Errors
    /// When a segment cannot be written. Its lines stay where they are, and the next call tries again.
    pub fn maintain(&self, now: Nanos) -> Result<(), StoreError> {
        let turn = lock(&self.sealing)?;
        let mut state = lock(&self.state)?;
        let mut due = Vec::new();
        for (partition, part) in &mut state.open {
            let since = *part.since.get_or_insert(now);
            if part.payload >= self.config.segment_bytes || now.0.saturating_sub(since.0) >= self.config.max_age.0 {
                due.push(partition.clone());
            }
        }
        state.freeze(due);
        drop(state);
        self.seal_frozen(&turn)
    }

    /// Seals everything.
    ///
    /// # Errors
    /// As [`Self::maintain`].
    pub fn seal(&self) -> Result<(), StoreError> {
        let turn = lock(&self.sealing)?;
        let mut state = lock(&self.state)?;
        let all = state.open.keys().cloned().collect();
        state.freeze(all);
        drop(state);
        self.seal_frozen(&turn)
    }

    /// Seals the largest parts until half of what may be unsealed is free.
    pub(super) fn relieve(&self) -> Result<(), StoreError> {
        let turn = lock(&self.sealing)?;
        let mut state = lock(&self.state)?;
        let mut left = state.open.values().map(Part::memory).sum::<usize>();
        let mut by_size: Vec<_> =
            state.open.iter().map(|(partition, part)| (part.memory(), partition.clone())).collect();
        by_size.sort_unstable_by(|a, b| b.cmp(a));
        let mut due = Vec::new();
        for (size, partition) in by_size {
            if left <= self.config.unsealed_bytes / 2 {
                break;
            }
            left -= size;
            due.push(partition);
        }
        state.freeze(due);
        drop(state);
        self.seal_frozen(&turn)
    }

    fn seal_frozen(&self, _turn: &MutexGuard<()>) -> Result<(), StoreError> {
        loop {
            // Those of one partition are in order of their commits; a failure must end the round, since a later segment
            // says that all before it is sealed.
            let Some(part) = lock(&self.state)?.frozen.front().cloned() else { break };
            let name = part.partition.group.0.clone();
            let (segment, bytes) = seal(&part, self.form()).map_err(|source| StoreError::Encode { name, source })?;
            self.objects.put(&segment.name, bytes)?;
            let mut state = lock(&self.state)?;
            state.manifest.commit(vec![Entry::Sealed(Arc::new(segment))])?;
            state.frozen.pop_front();
        }
        // While the writer is held no commit is between its file and memory.
        let mut writer = lock(&self.writer)?;
        let oldest = lock(&self.state)?.oldest().unwrap_or(writer.next);
        writer.wal.forget(oldest);
        let first = writer.wal.files.first().copied().unwrap_or(writer.next);
        lock(&self.state)?.manifest.forget_floors(first);
        Ok(())
    }

    fn form(&self) -> Form {
        Form { block_bytes: self.config.block_bytes, level: self.config.level }
    }

    /// Deletes what is older than `time` and answers how many lines that were. Whole segments go: of a segment with
    /// lines on both sides of `time` all stay, and lines of a resource that shares its segments stay until the others of
    /// their segment may go too.
    ///
    /// # Errors
    /// When the manifest cannot be written. What was deleted before that stays deleted.
    pub fn delete_before(&self, selector: &Selector, time: Nanos) -> Result<u64, StoreError> {
        let _turn = lock(&self.sealing)?;
        let mut state = lock(&self.state)?;
        let is_old = |segment: &Segment| match selector {
            Selector::Group(group) => segment.group == *group && segment.latest < time,
            Selector::Resource(resource) => {
                segment.latest < time && segment.resources.iter().all(|share| share.resource == *resource)
            }
        };
        let old: Vec<Arc<Segment>> =
            state.manifest.segments.values().filter(|segment| is_old(segment)).cloned().collect();
        let mut entries: Vec<Entry> = old.iter().map(|segment| Entry::Removed(segment.name.clone())).collect();
        let mut lines: u64 = old.iter().map(|segment| segment.lines).sum();
        if let Selector::Group(group) = selector {
            let gone = |part: &Part| part.partition.group == *group && part.latest < time;
            for part in state.open.values().chain(state.frozen.iter().map(|part| &**part)).filter(|part| gone(part)) {
                entries.push(Entry::Floor(part.partition.clone(), part.through));
                lines += part.lines as u64;
            }
            state.manifest.commit(entries)?;
            state.open.retain(|_, part| !gone(part));
            state.frozen.retain(|part| !gone(part));
        } else {
            state.manifest.commit(entries)?;
        }
        drop(state);
        for segment in old {
            self.objects.delete(&segment.name)?;
            lock(&self.state)?.manifest.commit(vec![Entry::Gone(segment.name.clone())])?;
        }
        Ok(lines)
    }
}
