//! Lines of a segment: tests on columns rule out what they can, and what is left is printed.

use std::ops::Range;
use std::sync::Arc;

use super::{Found, Wanted};
use crate::part::Partition;
use crate::query::{Key, Order};
use crate::segment::find::{Lines, find};
use crate::segment::{Block, Layout, Pattern, Printer, ReadError, Source, Walk, footer};
use crate::types::{Line, Nanos};

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
