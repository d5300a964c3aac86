//! Finds a query's lines in one part of the store: a segment, or lines in memory.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use crate::automaton::Automaton;
use crate::error::StoreError;
use crate::part::{Part, Partition};
use crate::query::{Key, Matcher, Order, Query, Text, parse};
use crate::segment::find::{Lines, find};
use crate::segment::{Block, Layout, Pattern, Printer, ReadError, Source, Walk, footer};
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

/// The wanted lines that are in memory, in the query's order, as many as a page takes.
pub fn in_memory(part: &Part, wanted: &Wanted) -> Vec<(Key, Line)> {
    let mut found = Found::new(wanted, &part.partition);
    let keep_source: Vec<bool> =
        part.tables.sources.iter().map(|(resource, _)| wanted.query.has_resource(resource)).collect();
    let keep_class: Vec<bool> = part.tables.classes.iter().map(|class| wanted.query.has_class(class)).collect();
    let kept =
        |flags: &[bool], number: Option<&u32>| number.and_then(|number| flags.get(*number as usize)) == Some(&true);
    // Places are in order of arrival, so the tie of a line is its rank among equal times: sorting is stable.
    let mut places: Vec<(i64, u64, usize, u32)> = Vec::new();
    for (number, chunk) in part.chunks.iter().enumerate() {
        let hits = hits(&chunk.text, &chunk.ends, &wanted.matcher);
        let lines: Box<dyn Iterator<Item = u32>> = match hits {
            Some(hits) => Box::new(hits.into_iter()),
            None => Box::new(0..chunk.times.len() as u32),
        };
        for line in lines {
            let at = line as usize;
            let Some(time) = chunk.times.get(at).copied().filter(|time| wanted.query.in_time(*time)) else { continue };
            if kept(&keep_source, chunk.sources.get(at)) && kept(&keep_class, chunk.classes.get(at)) {
                places.push((time, 0, number, line));
            }
        }
    }
    let partition = Arc::new(part.partition.clone());
    // Chunk and line stand for arrival while sorting.
    wanted.sort(&mut places);
    for (time, _, number, at) in places {
        if found.is_full() {
            break;
        }
        let Some(chunk) = part.chunks.get(number) else { continue };
        let text = chunk.line(at as usize);
        let tie = tie(part, time, number, at as usize);
        let key = Key { time, first: part.first, partition: partition.clone(), tie };
        if !wanted.is_behind(&key) || wanted.matcher.regex.is_some() && !wanted.matcher.matches(text) {
            continue;
        }
        let source = chunk.sources.get(at as usize).and_then(|source| part.tables.sources.get(*source as usize));
        let class = chunk.classes.get(at as usize).and_then(|class| part.tables.classes.get(*class as usize));
        found.push(key, source, class, text);
    }
    found.lines
}

/// How many lines of the same time arrived earlier.
fn tie(part: &Part, time: i64, number: usize, line: usize) -> u64 {
    let equal = |times: &[i64]| times.iter().filter(|other| **other == time).count() as u64;
    let before: u64 = part.chunks.iter().take(number).map(|chunk| equal(&chunk.times)).sum();
    let own = part.chunks.get(number).and_then(|chunk| chunk.times.get(..line)).map_or(0, equal);
    before + own
}

/// Numbers of the lines that have the literal; `None` when all must be looked at.
fn hits(text: &[u8], ends: &[usize], matcher: &Matcher) -> Option<Vec<u32>> {
    if matcher.literals.is_empty() {
        return None;
    }
    let mut lines = Vec::new();
    for (literal, finder) in &matcher.literals {
        let mut from = 0;
        while let Some(hit) = text.get(from..).and_then(|rest| finder.find(rest)).map(|hit| from + hit) {
            let line = ends.partition_point(|end| *end < hit);
            let Some(end) = ends.get(line).copied() else { break };
            if hit + literal.len() <= end {
                lines.push(line as u32);
                from = end + 1;
            } else {
                from = hit + 1; // it reaches over a line end
            }
        }
    }
    lines.sort_unstable();
    lines.dedup();
    Some(lines)
}

/// The wanted lines of a segment, in the query's order, as many as a page takes; and the payload looked at.
pub fn in_segment<S: Source + ?Sized>(
    source: &S,
    partition: &Arc<Partition>,
    first: u64,
    wanted: &Wanted,
) -> Result<(Vec<(Key, Line)>, usize), ReadError> {
    let footer = footer(source)?;
    let mut found = Found::new(wanted, partition);
    let mut groups: Vec<_> = footer.groups.iter().collect();
    if wanted.query.order == Order::NewestFirst {
        groups.reverse();
    }
    let mut blocks = 0;
    let mut pattern = wanted.pattern.lock().ok();
    for group in groups {
        if found.is_full() {
            break;
        }
        if wanted.overlaps(Nanos(group.times.0), Nanos(group.times.1)) {
            blocks += 1;
            let block = Block::open(source, group)?;
            let (from, to) = wanted.times();
            let is_whole = from <= group.times.0 && group.times.1 <= to;
            let pattern = pattern.as_mut().and_then(|pattern| pattern.as_mut());
            Search { block: &block, is_whole, partition, first, wanted }.run(&mut found, pattern)?;
        }
    }
    Ok((found.lines, blocks))
}

struct Search<'s, 'b, S: Source + ?Sized> {
    block: &'s Block<'b, S>,
    /// All its lines are in time.
    is_whole: bool,
    partition: &'s Arc<Partition>,
    first: u64,
    wanted: &'s Wanted<'s>,
}

/// Lines looked at before it is asked whether the page is full; doubled each time.
const FIRST_BATCH: usize = 4096;

impl<S: Source + ?Sized> Search<'_, '_, S> {
    fn run(&self, found: &mut Found, mut pattern: Option<&mut Pattern>) -> Result<(), ReadError> {
        // Time, tie, layout and line of all that may be wanted.
        let mut candidates = Vec::new();
        let mut known: Vec<Option<Known>> = Vec::new();
        for (number, layout) in self.block.layouts.iter().enumerate() {
            known.push(self.candidates(number, layout, pattern.as_deref_mut(), &mut candidates)?);
        }
        // The lines of one layout are in order already: sorting that knows runs has little to do.
        self.wanted.sort(&mut candidates);
        let mut rest = candidates.as_mut_slice();
        let mut size = FIRST_BATCH;
        while !rest.is_empty() && !found.is_full() {
            let (batch, behind) = rest.split_at_mut(size.min(rest.len()));
            self.batch(batch, &mut known, found)?;
            rest = behind;
            size *= 2;
        }
        Ok(())
    }

    /// Adds the lines of a layout that pass every test on columns.
    fn candidates(
        &self,
        number: usize,
        layout: &Layout,
        pattern: Option<&mut Pattern>,
        candidates: &mut Vec<(i64, u64, usize, u32)>,
    ) -> Result<Option<Known>, ReadError> {
        let (mut classes, mut sources) = (self.block.class_codes(layout)?, self.block.source_codes(layout)?);
        let keep_class =
            |class: usize| self.block.classes.get(class).is_some_and(|class| self.wanted.query.has_class(class));
        let keep_source = |source: usize| {
            self.block.sources.get(source).is_some_and(|(name, _)| self.wanted.query.has_resource(name))
        };
        let (all_classes, all_sources) = (classes.all(keep_class), sources.all(keep_source));
        if all_classes == Some(false) || all_sources == Some(false) {
            return Ok(None);
        }
        // Times tell first when they rule out much, and last when they rule out nothing.
        let mut within = 0..layout.count;
        if !self.is_whole {
            within = self.within(&self.block.times(layout)?);
        }
        if within.is_empty() {
            return Ok(None);
        }
        let mut lines = self.having_literals(layout, &within)?;
        let mut is_sure = lines.is_some() && self.wanted.matcher.regex.is_none();
        if let Some(pattern) = pattern
            && lines != Some(Lines::These(Vec::new()))
            && let Some(matching) = self.matching(layout, pattern, &within, lines.as_ref())?
        {
            if matching != Lines::All {
                lines = Some(matching);
            }
            is_sure = true;
        }
        if lines == Some(Lines::These(Vec::new())) {
            return Ok(None);
        }
        let times = self.block.times(layout)?;
        if all_classes.is_none() {
            self.block.load(&mut classes)?;
        }
        if all_sources.is_none() {
            self.block.load(&mut sources)?;
        }
        let ties = self.block.ties(layout)?;
        let mut keep = |line: u32| {
            let at = line as usize;
            let own_class = all_classes == Some(true) || keep_class(classes.get(at));
            if own_class && (all_sources == Some(true) || keep_source(sources.get(at))) {
                let time = times.get(at).copied().unwrap_or(0);
                candidates.push((time, ties.get(at).copied().unwrap_or(0), number, line));
            }
        };
        let lines = match lines {
            Some(Lines::These(lines)) => {
                lines.iter().copied().for_each(&mut keep);
                lines.first().map_or(0, |line| *line as usize)..lines.last().map_or(0, |line| *line as usize + 1)
            }
            Some(Lines::All) | None => {
                within.clone().for_each(|line| keep(line as u32));
                within
            }
        };
        Ok(Some(Known { lines, is_sure, printer: None, sources, classes }))
    }

    /// The lines that the regular expression matches; `None` when each must be looked at.
    fn matching(
        &self,
        layout: &Layout,
        pattern: &mut Pattern,
        within: &Range<usize>,
        lines: Option<&Lines>,
    ) -> Result<Option<Lines>, ReadError> {
        let Some(mut walk) = Walk::new(self.block, layout, pattern, within.clone())? else { return Ok(None) };
        match lines {
            Some(Lines::These(lines)) => walk.lines(self.block, layout, pattern, lines.iter().copied()),
            Some(Lines::All) | None => walk.lines(self.block, layout, pattern, within.start as u32..within.end as u32),
        }
    }

    /// The lines of `within` that have one of the literals that a match needs; `None` when that is not known.
    fn having_literals(&self, layout: &Layout, within: &Range<usize>) -> Result<Option<Lines>, ReadError> {
        let mut all: Option<Vec<u32>> = None;
        for (literal, finder) in &self.wanted.matcher.literals {
            match find(self.block, layout, within, literal, finder)? {
                Some(Lines::These(lines)) => all.get_or_insert_default().extend(lines),
                other => return Ok(other),
            }
        }
        Ok(all.map(|mut lines| {
            lines.sort_unstable();
            lines.dedup();
            Lines::These(lines)
        }))
    }

    /// The lines of a layout, whose times ascend, that are in time.
    fn within(&self, times: &[i64]) -> Range<usize> {
        let (from, to) = self.wanted.times();
        times.partition_point(|time| *time < from)..times.partition_point(|time| *time <= to)
    }

    /// Prints and checks `batch`, layout by layout, then adds what matched in the query's order.
    fn batch(
        &self,
        batch: &mut [(i64, u64, usize, u32)],
        known: &mut [Option<Known>],
        found: &mut Found,
    ) -> Result<(), ReadError> {
        let matcher = &self.wanted.matcher;
        let key = |time, tie| Key { time, first: self.first, partition: self.partition.clone(), tie };
        let mut matched = Vec::new();
        let mut text = Vec::new();
        let has_text = matcher.regex.is_some() || !matcher.literals.is_empty();
        // In memory the lines of a layout are neighbours, in time they are not.
        if matcher.regex.is_some() && known.iter().flatten().any(|layout| !layout.is_sure) {
            batch.sort_unstable_by_key(|(_, _, layout, line)| (*layout, *line));
        }
        for candidate in batch.iter() {
            let (time, tie, number, line) = *candidate;
            if self.wanted.after.as_ref().is_some_and(|after| after.time == time)
                && !self.wanted.is_behind(&key(time, tie))
            {
                continue;
            }
            let Some(Some(layout)) = known.get_mut(number) else { continue };
            if has_text && !layout.is_sure {
                text.clear();
                layout.printer(self.block, number)?.put(line as usize, &mut text);
                if !matcher.matches(&text) {
                    continue;
                }
            }
            matched.push(*candidate);
        }
        self.wanted.sort(&mut matched);
        found.lines.reserve(matched.len().min(self.wanted.query.lines));
        for (time, tie, number, at) in matched {
            if found.is_full() {
                break;
            }
            let Some(Some(layout)) = known.get_mut(number) else { continue };
            text.clear();
            layout.printer(self.block, number)?.put(at as usize, &mut text);
            self.block.load(&mut layout.sources)?;
            self.block.load(&mut layout.classes)?;
            let source = self.block.sources.get(layout.sources.get(at as usize));
            let class = self.block.classes.get(layout.classes.get(at as usize));
            found.push(key(time, tie), source, class, &text);
        }
        Ok(())
    }
}

/// What was read of a layout.
struct Known {
    /// From the first of its candidates to the last.
    lines: Range<usize>,
    /// Its candidates have the text for certain.
    is_sure: bool,
    printer: Option<Printer>,
    sources: crate::segment::Coded,
    classes: crate::segment::Coded,
}

impl Known {
    fn printer<S: Source + ?Sized>(&mut self, block: &Block<S>, number: usize) -> Result<&Printer, ReadError> {
        if self.printer.is_none() {
            let layout = block.layouts.get(number).ok_or(ReadError::Corrupt("layouts"))?;
            self.printer = Some(Printer::new(block, layout, self.lines.clone())?);
        }
        self.printer.as_ref().ok_or(ReadError::Corrupt("layouts"))
    }
}
