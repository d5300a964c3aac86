//! From lines to the rows of a block: each layout's constants folded, each slot in the form that is likely smallest.

use std::io;
use std::sync::Arc;

use super::choose::{Coded, Counter, code, cost, differ, follows, zigzag};
use super::columns::Columns;
use super::rows::{CLASSES, CodeOf, Part, Refer, SOURCES, What};
use crate::parquet::{FileWriter, Row, Texts};
use crate::shape::{Holds, Kind, Layout, Piece, Shaper, pieces};

/// Fewer lines than this do not get a layout of their own.
const MIN_LINES: usize = 12;
/// Nanoseconds of a day.
pub const DAY: i64 = 86_400_000_000_000;
/// Rows of at least so many bytes are written at once, smaller ones wait to be sorted by what they hold.
const BIG: usize = 12 * 1024;
/// A slot whose codes may decide other slots has at most so many.
const MAX_KEYS: usize = 1024;

/// What a block is made of, in the order of time, then of arrival.
pub struct Lines<'a> {
    pub times: Vec<i64>,
    pub sources: Vec<u32>,
    pub classes: Vec<u32>,
    pub texts: Vec<&'a [u8]>,
    /// Resource and instance of each source.
    pub source_names: Vec<(Arc<str>, Arc<str>)>,
    /// Stream, severity and signature of each class.
    pub class_values: Vec<[u64; 3]>,
}

/// Writes `lines` as one block.
pub fn write_block(lines: &Lines, file: &mut FileWriter) -> io::Result<()> {
    let mut shaper = Shaper::default();
    let marks = lines.sources.iter().zip(&lines.classes);
    for ((number, text), (source, class)) in (0..).zip(&lines.texts).zip(marks) {
        shaper.add(number, *source, *class, text);
    }
    let mut block = Block::new(lines, file);
    block.tables()?;
    let mut bare = shaper.bare.clone();
    let mut layouts = Vec::new();
    for (skeleton, layout) in shaper.layouts() {
        if layout.lines.len() < MIN_LINES {
            bare.extend_from_slice(&layout.lines);
        } else {
            layouts.push((skeleton, layout));
        }
    }
    if !bare.is_empty() {
        bare.sort_unstable();
        block.bare(&bare)?;
    }
    for (skeleton, layout) in layouts {
        block.layout(skeleton, layout, &shaper)?;
    }
    block.finish()
}

struct Block<'a, 'b> {
    lines: &'a Lines<'b>,
    /// For each line its place among those of its time; empty when every time occurs once.
    ties: Vec<u32>,
    /// Nanoseconds of which every time is a multiple.
    unit: i64,
    file: &'a mut FileWriter,
    small: Vec<(u64, Row)>,
    next: u32,
    counter: Counter,
}

/// A slot under way.
struct Slot {
    kind: Kind,
    /// Where its values begin among a line's.
    at: usize,
}

/// Codes that later slots may follow from.
struct Key {
    of: CodeOf,
    codes: Vec<u32>,
    count: usize,
}

impl<'a, 'b> Block<'a, 'b> {
    fn new(lines: &'a Lines<'b>, file: &'a mut FileWriter) -> Self {
        let mut ties = vec![0; lines.times.len()];
        for (at, pair) in lines.times.windows(2).enumerate() {
            if let ([before, time], Some(last)) = (pair, ties.get(at).copied())
                && before == time
                && let Some(tie) = ties.get_mut(at + 1)
            {
                *tie = last + 1;
            }
        }
        if ties.iter().all(|tie| *tie == 0) {
            ties.clear();
        }
        let units = [1_000_000_000, 1_000_000, 1000];
        let unit = units.into_iter().find(|unit| lines.times.iter().all(|time| time % unit == 0)).unwrap_or(1);
        Self { lines, ties, unit, file, small: Vec::new(), next: 0, counter: Counter::default() }
    }

    fn put(&mut self, row: Row, order: u64) -> io::Result<()> {
        if row.bytes() >= BIG {
            return self.file.row(&row);
        }
        self.small.push((order, row));
        Ok(())
    }

    fn tables(&mut self) -> io::Result<()> {
        let names = self.lines.source_names.iter().flat_map(|(resource, instance)| [resource, instance]);
        let text = names.map(|name| name.as_bytes()).collect();
        self.put(Row { what: SOURCES.to_owned(), text, ..Row::default() }, 0)?;
        let num = self.lines.class_values.iter().flatten().map(|value| *value as i64).collect();
        self.put(Row { what: CLASSES.to_owned(), num, ..Row::default() }, 1)
    }

    /// Lines without a layout: one slot that is the whole text.
    fn bare(&mut self, numbers: &[u32]) -> io::Result<()> {
        let layout = self.next;
        self.next += 1;
        let text = [&b""[..], b""].into_iter().collect();
        self.template(layout, text, numbers.len())?;
        self.heads(layout, numbers)?;
        let text = numbers.iter().filter_map(|number| self.lines.texts.get(*number as usize).copied()).collect();
        let what = What { layout, part: Part::Slot(0), kind: Kind::Line, refer: Refer::Zero };
        self.put(Row { what: what.to_string(), text, ..Row::default() }, order(what))
    }

    fn template(&mut self, layout: u32, text: Texts, count: usize) -> io::Result<()> {
        let what = What { layout, part: Part::Template, kind: Kind::Word, refer: Refer::Zero };
        let row = Row { what: what.to_string(), text, num: vec![count as i64], ..Row::default() };
        self.put(row, order(what))
    }

    /// What every line has: time, place among equals, source and class. Answers the sources' codes.
    fn heads(&mut self, layout: u32, numbers: &[u32]) -> io::Result<Coded> {
        let lines = self.lines;
        let of = |values: &[u32]| -> Vec<u64> {
            numbers.iter().map(|number| u64::from(values.get(*number as usize).copied().unwrap_or(0))).collect()
        };
        let mut before = 0;
        let times = numbers.iter().map(|number| {
            let time = lines.times.get(*number as usize).copied().unwrap_or(0) / self.unit;
            zigzag(time.wrapping_sub(std::mem::replace(&mut before, time)))
        });
        let times: Vec<u64> = times.collect();
        let what = |part, refer| What { layout, part, kind: Kind::Int, refer };
        let time_refer = Refer::Epoch(self.unit as u64);
        self.put(plain(what(Part::Time, time_refer), &times), order(what(Part::Time, time_refer)))?;
        if !self.ties.is_empty() {
            let ties = of(&self.ties);
            if ties.iter().any(|tie| *tie != 0) {
                self.put(plain(what(Part::Tie, Refer::Zero), &ties), order(what(Part::Tie, Refer::Zero)))?;
            }
        }
        let (sources, classes) = (of(&lines.sources), of(&lines.classes));
        let mut coded = |values: &[u64], part| -> io::Result<Coded> {
            let coded =
                code(values, usize::MAX, &mut self.counter).unwrap_or(Coded { dictionary: vec![], codes: vec![] });
            let num = coded.dictionary.iter().map(|value| *value as i64).collect();
            // A list of one value holds for every line.
            let code = if coded.dictionary.len() > 1 { coded.codes.clone() } else { Vec::new() };
            let what = what(part, Refer::Zero);
            let row = Row { what: what.to_string(), num, code, ..Row::default() };
            if row.bytes() >= BIG {
                self.file.row(&row)?
            } else {
                self.small.push((order(what), row))
            }
            Ok(coded)
        };
        let sources = coded(&sources, Part::Source)?;
        coded(&classes, Part::Class)?;
        Ok(sources)
    }

    fn layout(&mut self, skeleton: &[u8], from: &Layout, shaper: &Shaper) -> io::Result<()> {
        let layout = self.next;
        self.next += 1;
        let count = from.lines.len();
        let columns = Columns::of(&from.values, count);
        let sources = self.heads(layout, &from.lines)?;
        let mut keys = Vec::new();
        if (2..=MAX_KEYS).contains(&sources.dictionary.len()) {
            keys.push(Key { of: CodeOf::Source, count: sources.dictionary.len(), codes: sources.codes });
        }
        let (mut constants, mut open) = (Texts::default(), Vec::new());
        let (mut at, mut slots) = (0, 0u16);
        for piece in pieces(skeleton) {
            let kind = match piece {
                Piece::Constant(text) => {
                    open.extend_from_slice(text);
                    continue;
                }
                Piece::Slot(kind) => kind,
            };
            let slot = Slot { kind, at };
            at += if kind.holds() == Holds::Wide { 2 } else { 1 };
            let what = What { layout, part: Part::Slot(slots), kind, refer: Refer::Zero };
            if self.slot(what, &slot, &from.lines, &columns, shaper, &mut keys, &mut open)? {
                slots += 1;
                constants.push(&std::mem::take(&mut open));
            }
        }
        constants.push(&open);
        self.template(layout, constants, count)
    }

    /// Writes one slot; `false` when it is constant and its text went to `open` instead.
    #[expect(clippy::too_many_arguments, reason = "what a layout has at hand, taken apart")]
    fn slot(
        &mut self,
        what: What,
        slot: &Slot,
        lines: &[u32],
        columns: &Columns,
        shaper: &Shaper,
        keys: &mut Vec<Key>,
        open: &mut Vec<u8>,
    ) -> io::Result<bool> {
        let column = columns.get(slot.at);
        if slot.kind.holds() == Holds::Wide {
            return self.wide(what, column, columns.get(slot.at + 1)).map(|()| true);
        }
        let first = column.first().copied().unwrap_or(0);
        if column.iter().all(|value| *value == first) {
            slot.kind.put(first, &shaper.words, open);
            return Ok(false);
        }
        let Part::Slot(number) = what.part else { return Ok(false) };
        for key in keys.iter() {
            if let Some(table) = follows(&key.codes, key.count, column) {
                let what = What { refer: Refer::Codes(key.of), ..what };
                let row = values(what, &table, shaper);
                self.put(row, order(what))?;
                return Ok(true);
            }
        }
        let coded = match slot.kind.holds() {
            Holds::Text => code(column, column.len() * 3 / 5, &mut self.counter),
            _ => match self.number(what, column, lines)? {
                Some(coded) => Some(coded),
                None => return Ok(true),
            },
        };
        match coded {
            None => self.put(values(what, column, shaper), order(what))?,
            Some(coded) => {
                let what = What { refer: Refer::Table, ..what };
                let mut row = values(what, &coded.dictionary, shaper);
                row.code = coded.codes;
                if coded.dictionary.len() <= MAX_KEYS {
                    keys.push(Key { of: CodeOf::Slot(number), codes: row.code.clone(), count: coded.dictionary.len() });
                }
                self.put(row, order(what))?;
            }
        }
        Ok(true)
    }

    fn wide(&mut self, what: What, high: &[u64], low: &[u64]) -> io::Result<()> {
        let wide = high.iter().zip(low).flat_map(|(high, low)| [high.to_be_bytes(), low.to_be_bytes()]);
        let row = Row { what: what.to_string(), wide: wide.flatten().collect(), ..Row::default() };
        self.put(row, order(what))
    }

    /// Writes a list of numbers in the form that is likely smallest, or answers codes when those are.
    fn number(&mut self, what: What, column: &[u64], numbers: &[u32]) -> io::Result<Option<Coded>> {
        let len = column.len();
        let get = |at: usize| column.get(at).copied().unwrap_or(0);
        let step = |at: usize| zigzag(get(at).wrapping_sub(if at == 0 { 0 } else { get(at - 1) }) as i64);
        let time = |at: usize| {
            let number = numbers.get(at).copied().unwrap_or(0);
            self.lines.times.get(number as usize).copied().unwrap_or(0)
        };
        let mut best = (cost(len, get), Refer::Zero);
        let mut consider = |cost: f64, refer: Refer| {
            if cost < best.0 {
                best = (cost, refer);
            }
        };
        consider(cost(len, step), Refer::Previous);
        let own = match what.kind {
            Kind::Clock(..) => Some(Refer::Day),
            Kind::Int => epoch(get(0), time(0)),
            _ => None,
        };
        let clock = clock_of(what.kind, own.unwrap_or(Refer::Zero));
        let apart = |at: usize| zigzag((get(at) as i64).wrapping_sub(clock(time(at))));
        if let Some(refer) = own {
            consider(cost(len, apart), refer);
        }
        let (least, refer) = best;
        // A dictionary pays when values come back.
        if !matches!(refer, Refer::Day | Refer::Epoch(_))
            && !differ(column)
            && let Some(coded) = code(column, (len / 2).min(1 << 16), &mut self.counter)
        {
            let codes = cost(len, |at| u64::from(coded.codes.get(at).copied().unwrap_or(0)));
            let dictionary = cost(coded.dictionary.len(), |at| coded.dictionary.get(at).copied().unwrap_or(0));
            if codes + dictionary < least {
                return Ok(Some(coded));
            }
        }
        let mut list: Vec<u64> = match refer {
            Refer::Previous => (0..len).map(step).collect(),
            Refer::Day | Refer::Epoch(_) => (0..len).map(apart).collect(),
            Refer::Zero | Refer::Table | Refer::Codes(_) => column.to_vec(),
        };
        if refer != Refer::Previous && list.iter().all(|value| Some(value) == list.first()) {
            list.truncate(1);
        }
        let what = What { refer, ..what };
        self.put(plain(what, &list), order(what))?;
        Ok(None)
    }

    fn finish(mut self) -> io::Result<()> {
        self.small.sort_by_key(|(order, _)| *order);
        for (_, row) in &self.small {
            self.file.row(row)?;
        }
        let first = self.lines.times.first().copied().unwrap_or(0);
        self.file.end_block((first, self.lines.times.last().copied().unwrap_or(0)))
    }
}

/// What a clock or a counter of time units would show at a time.
pub fn clock_of(kind: Kind, refer: Refer) -> impl Fn(i64) -> i64 {
    let unit = match (refer, kind) {
        (Refer::Day, Kind::Clock(digits, _)) => 10i64.pow(9 - u32::from(digits.min(9))),
        (Refer::Epoch(unit), _) => i64::try_from(unit).unwrap_or(i64::MAX).max(1),
        _ => 1,
    };
    move |time| match refer {
        Refer::Day => per(time.rem_euclid(DAY), unit),
        Refer::Epoch(_) => time.div_euclid(unit),
        _ => 0,
    }
}

/// Units in `time`. The usual ones are known while compiling, and then no division is made.
fn per(time: i64, unit: i64) -> i64 {
    match unit {
        1000 => time / 1000,
        1_000_000 => time / 1_000_000,
        1_000_000_000 => time / 1_000_000_000,
        _ => time / unit,
    }
}

/// The unit in which `value` is about `time`, if any.
fn epoch(value: u64, time: i64) -> Option<Refer> {
    let units = [1, 1000, 1_000_000, 1_000_000_000];
    let near = |unit: &u64| {
        let nanos = i64::try_from(value).ok()?.checked_mul(*unit as i64)?;
        Some(nanos.abs_diff(time) < 2 * DAY as u64)
    };
    units.into_iter().find(|unit| near(unit) == Some(true)).map(Refer::Epoch)
}

/// A row with these numbers, in 32 bits when they fit.
fn plain(what: What, list: &[u64]) -> Row {
    let mut row = Row { what: what.to_string(), ..Row::default() };
    if list.len() > 1 && list.iter().all(|value| *value < 1 << 31) {
        row.code = list.iter().map(|value| *value as u32).collect();
    } else {
        row.num = list.iter().map(|value| *value as i64).collect();
    }
    row
}

/// A row with these values, which are numbers of words when the kind holds text.
fn values(what: What, list: &[u64], shaper: &Shaper) -> Row {
    let mut row = Row { what: what.to_string(), ..Row::default() };
    match what.kind.holds() {
        Holds::Text => row.text = list.iter().map(|id| shaper.words.get(*id as u32)).collect(),
        _ => row.num = list.iter().map(|value| *value as i64).collect(),
    }
    row
}

/// Small rows lie together by what they hold, so that like compresses with like.
fn order(what: What) -> u64 {
    let part = match what.part {
        Part::Template => 2u64,
        Part::Source => 3,
        Part::Class => 4,
        Part::Time => 5,
        Part::Tie => 6,
        Part::Slot(_) => 7,
    };
    let refer = match what.refer {
        Refer::Zero => 0u64,
        Refer::Previous => 1,
        Refer::Day => 2,
        Refer::Epoch(_) => 3,
        Refer::Table => 4,
        Refer::Codes(_) => 5,
    };
    let [a, b] = what.kind.code();
    part << 56 | refer << 48 | u64::from(a) << 40 | u64::from(b) << 32 | u64::from(what.layout)
}
