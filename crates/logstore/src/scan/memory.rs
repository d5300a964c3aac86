//! Lines in memory: each chunk is searched as one text.

use std::sync::Arc;

use super::{Found, Wanted};
use crate::part::Part;
use crate::query::{Key, Matcher};
use crate::types::Line;

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
