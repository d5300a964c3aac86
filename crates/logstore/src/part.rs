//! Lines of one group and day that are in no segment yet, in memory as they arrived.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::types::{Day, Group, Nanos};
use crate::wal::Batch;

/// Where lines go: a group's lines of one day share segments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    pub group: Group,
    pub day: Day,
}

/// Text of a chunk is at most this and one commit's more. Readers hold chunks, so this is what an append may copy.
const CHUNK: usize = 1 << 20;

/// Lines as columns.
#[derive(Clone, Default)]
pub struct Chunk {
    pub times: Vec<i64>,
    pub sources: Vec<u32>,
    pub classes: Vec<u32>,
    /// Where each line ends in `text`.
    pub ends: Vec<usize>,
    /// The lines, each with a line end behind it: a search need not stop between two.
    pub text: Vec<u8>,
}

impl Chunk {
    pub fn line(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| end + 1);
        let end = self.ends.get(index).copied().unwrap_or(start);
        self.text.get(start..end).unwrap_or_default()
    }
}

/// Lines that are not sealed. Cloning shares all but the tables.
#[derive(Clone)]
pub struct Part {
    pub partition: Partition,
    /// First and last commit in it.
    pub first: u64,
    pub through: u64,
    pub chunks: Vec<Arc<Chunk>>,
    pub tables: Arc<Tables>,
    /// Bytes of text with line ends.
    pub payload: usize,
    pub lines: usize,
    pub earliest: Nanos,
    pub latest: Nanos,
    /// When the first of it was seen by [`crate::Store::maintain`].
    pub since: Option<Nanos>,
}

/// What the columns' numbers mean.
#[derive(Clone, Default)]
pub struct Tables {
    /// Resource and instance.
    pub sources: Vec<(Arc<str>, Arc<str>)>,
    /// Stream, severity and signature.
    pub classes: Vec<[u64; 3]>,
    class_numbers: HashMap<[u64; 3], u32>,
    source_numbers: HashMap<(Arc<str>, Arc<str>), u32>,
}

impl Tables {
    pub fn class(&mut self, class: [u64; 3]) -> u32 {
        let next = self.classes.len() as u32;
        let number = *self.class_numbers.entry(class).or_insert(next);
        if number == next {
            self.classes.push(class);
        }
        number
    }

    pub fn source(&mut self, resource: &str, instance: &str) -> u32 {
        let name = (Arc::from(resource), Arc::from(instance));
        let next = self.sources.len() as u32;
        let number = *self.source_numbers.entry(name.clone()).or_insert(next);
        if number == next {
            self.sources.push(name);
        }
        number
    }
}

impl Part {
    pub fn new(partition: Partition, first: u64) -> Self {
        Self {
            partition,
            first,
            through: first,
            chunks: Vec::new(),
            tables: Arc::default(),
            payload: 0,
            lines: 0,
            earliest: Nanos::MAX,
            latest: Nanos::MIN,
            since: None,
        }
    }

    /// The chunk that takes the next lines.
    #[expect(clippy::indexing_slicing, reason = "a chunk is there: one was pushed when there was none")]
    pub fn room(&mut self) -> &mut Chunk {
        if self.chunks.last().is_none_or(|chunk| chunk.text.len() >= CHUNK) {
            let text = Vec::with_capacity(CHUNK + CHUNK / 4);
            self.chunks.push(Arc::new(Chunk { text, ..Chunk::default() }));
        }
        let at = self.chunks.len().saturating_sub(1);
        Arc::make_mut(&mut self.chunks[at])
    }

    /// Bytes in memory, about.
    pub fn memory(&self) -> usize {
        self.payload + self.lines * 24
    }
}

/// The runs of lines of one day in a batch, each with its text.
pub fn days<'a>(batch: &Batch<'a>) -> Vec<(Partition, Range<usize>, &'a [u8])> {
    let day_of = |index: usize| batch.times.get(index).map(|time| Nanos(i64::from_le_bytes(*time)).day());
    let (mut days, mut start, mut text) = (Vec::new(), 0, batch.text);
    while let Some(day) = day_of(start) {
        let len = (start..batch.times.len()).take_while(|index| day_of(*index) == Some(day)).count();
        let lens = batch.lens.iter().skip(start).take(len);
        let bytes: usize = lens.map(|len| u32::from_le_bytes(*len) as usize + 1).sum();
        let (own, rest) = text.split_at_checked(bytes).unwrap_or((text, &[]));
        days.push((Partition { group: Group(batch.group.to_owned()), day }, start..start + len, own));
        (start, text) = (start + len, rest);
    }
    days
}

impl Part {
    /// Adds the lines of `range` of a commit's batch.
    pub fn extend(&mut self, number: u64, batch: &Batch, range: Range<usize>, text: &[u8]) {
        let tables = Arc::make_mut(&mut self.tables);
        let sources: Vec<u32> =
            batch.sources.iter().map(|(resource, instance)| tables.source(resource, instance)).collect();
        let classes: Vec<u32> = batch.classes.iter().map(|class| tables.class(*class)).collect();
        let translate = |table: &[u32], numbers: &[[u8; 4]], to: &mut Vec<u32>| {
            let numbers = numbers.get(range.clone()).unwrap_or_default();
            to.extend(
                numbers.iter().map(|number| table.get(u32::from_le_bytes(*number) as usize).copied().unwrap_or(0)),
            );
        };
        let times = batch.times.get(range.clone()).unwrap_or_default();
        let (mut earliest, mut latest) = (self.earliest.0, self.latest.0);
        let chunk = self.room();
        chunk.times.extend(times.iter().map(|time| {
            let time = i64::from_le_bytes(*time);
            earliest = earliest.min(time);
            latest = latest.max(time);
            time
        }));
        translate(&sources, batch.source_numbers, &mut chunk.sources);
        translate(&classes, batch.class_numbers, &mut chunk.classes);
        let mut end = chunk.text.len();
        for len in batch.lens.get(range.clone()).unwrap_or_default() {
            end += u32::from_le_bytes(*len) as usize;
            chunk.ends.push(end);
            end += 1;
        }
        chunk.text.extend_from_slice(text);
        (self.earliest, self.latest) = (Nanos(earliest), Nanos(latest));
        self.payload += text.len();
        self.lines += times.len();
        self.through = number;
    }
}
