//! Finds a query's lines in one part of the store: a segment, or lines in memory.

mod memory;
mod sealed;

use std::sync::{Arc, Mutex};

pub use memory::in_memory;
pub use sealed::in_segment;

use crate::automaton::Automaton;
use crate::error::StoreError;
use crate::part::Partition;
use crate::query::{Key, Matcher, Order, Query, Text, parse};
use crate::segment::Pattern;
use crate::types::{Group, Line, Nanos, Rank, Signature, Stream};

/// A query made ready.
pub struct Wanted<'q> {
    pub query: &'q Query,
    pub matcher: Matcher,
    /// The regular expression of the matcher, taken apart.
    pub pattern: Mutex<Option<Pattern>>,
    /// Lines must lie strictly behind this in the query's order.
    pub after: Option<Key>,
}

impl<'q> Wanted<'q> {
    pub fn new(query: &'q Query) -> Result<Self, StoreError> {
        let matcher = Matcher::new(query.text.as_ref())?;
        let pattern = match &query.text {
            Some(Text::Regex(pattern)) => parse(pattern).and_then(|hir| Automaton::new(&hir)).map(Pattern::new),
            Some(Text::Literal(_)) | None => None,
        };
        let after = query.after.as_ref().map(|cursor| cursor.0.clone());
        Ok(Self { query, matcher, pattern: Mutex::new(pattern), after })
    }

    fn is_behind(&self, key: &Key) -> bool {
        match (&self.after, self.query.order) {
            (None, _) => true,
            (Some(after), Order::OldestFirst) => key > after,
            (Some(after), Order::NewestFirst) => key < after,
        }
    }

    /// Times that a line may have, both ends included.
    fn times(&self) -> (i64, i64) {
        let last = if self.query.until == Nanos::MAX { i64::MAX } else { self.query.until.0.saturating_sub(1) };
        let (mut from, mut to) = (self.query.from.0, last);
        match (&self.after, self.query.order) {
            (None, _) => {}
            (Some(after), Order::OldestFirst) => from = from.max(after.time),
            (Some(after), Order::NewestFirst) => to = to.min(after.time),
        }
        (from, to)
    }

    /// Whether lines of these times may be wanted.
    pub fn overlaps(&self, earliest: Nanos, latest: Nanos) -> bool {
        let (from, to) = self.times();
        earliest.0 <= to && latest.0 >= from
    }

    fn sort(&self, keys: &mut [(i64, u64, usize, u32)]) {
        match self.query.order {
            Order::OldestFirst => keys.sort(),
            Order::NewestFirst => keys.sort_by(|a, b| b.cmp(a)),
        }
    }
}

/// Lines found so far in one part: at most what a page takes.
struct Found<'q> {
    wanted: &'q Wanted<'q>,
    group: Arc<Group>,
    lines: Vec<(Key, Line)>,
    bytes: usize,
}

impl<'q> Found<'q> {
    fn new(wanted: &'q Wanted, partition: &Partition) -> Self {
        Self { wanted, group: Arc::new(partition.group.clone()), lines: Vec::new(), bytes: 0 }
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= self.wanted.query.lines || self.bytes >= self.wanted.query.bytes
    }

    fn push(&mut self, key: Key, source: Option<&(Arc<str>, Arc<str>)>, class: Option<&[u64; 3]>, text: &[u8]) {
        let (resource, instance) = source.cloned().unwrap_or_default();
        let [stream, severity, signature] = class.copied().unwrap_or_default();
        self.bytes += text.len();
        let line = Line {
            time: Nanos(key.time),
            group: self.group.clone(),
            resource,
            instance,
            stream: Stream::from_code(stream),
            severity: Rank(severity as u8),
            signature: Signature(signature),
            text: text.to_vec(),
        };
        self.lines.push((key, line));
    }
}
