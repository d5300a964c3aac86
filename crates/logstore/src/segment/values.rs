//! What the lists of a block mean: times, sources and classes of a layout's lines, the values of its slots, and the lines
//! themselves.

use std::ops::Range;
use std::rc::Rc;

use super::choose::unzigzag;
use super::encode::clock_of;
use super::read::{Block, Layout, List, ReadError, Result, Source, or_corrupt};
use super::rows::{CodeOf, Refer, What};
use crate::parquet::{Planes, Texts};
use crate::shape::{Holds, Kind};

impl<S: Source + ?Sized> Block<'_, S> {
    /// The constants of a layout: one more than it has slots.
    pub fn constants(&self, layout: &Layout) -> Result<List<Texts>> {
        let constants = self.texts(layout.template.unwrap_or_default())?;
        or_corrupt((constants.range.len() == layout.slots.len() + 1).then_some(constants), "template")
    }

    /// Times of a layout's lines in nanoseconds since the epoch.
    pub fn times(&self, layout: &Layout) -> Result<Rc<Vec<i64>>> {
        let (row, unit) = or_corrupt(layout.time, "times")?;
        let cell = or_corrupt(self.times.get(row), "times")?;
        if let Some(times) = cell.get() {
            return Ok(times.clone());
        }
        let mut time = 0i64;
        let steps = self.numbers(row)?;
        or_corrupt((steps.len() == layout.count).then_some(()), "times")?;
        let next = |step: u64| {
            time = time.wrapping_add(unzigzag(step));
            time.wrapping_mul(unit)
        };
        let times = steps.all().into_iter().map(next).collect();
        Ok(cell.get_or_init(|| Rc::new(times)).clone())
    }

    /// The place of each line among those of its time; empty when all are zero.
    pub fn ties(&self, layout: &Layout) -> Result<Vec<u64>> {
        let Some(row) = layout.tie else { return Ok(Vec::new()) };
        let ties = self.numbers(row)?.all();
        or_corrupt((ties.len() == layout.count || ties.len() == 1).then_some(ties), "ties").map(|ties| {
            let only = if ties.len() == 1 { ties.first().copied() } else { None };
            only.map_or(ties, |tie| vec![tie; layout.count])
        })
    }

    /// Numbers of the lines' sources.
    pub fn source_codes(&self, layout: &Layout) -> Result<Coded> {
        self.coded(layout.source, layout.count, self.sources.len())
    }

    /// Numbers of the lines' classes.
    pub fn class_codes(&self, layout: &Layout) -> Result<Coded> {
        self.coded(layout.class, layout.count, self.classes.len())
    }

    fn coded(&self, row: Option<usize>, count: usize, limit: usize) -> Result<Coded> {
        let row = or_corrupt(row, "sources and classes")?;
        let table = self.nums(row)?;
        or_corrupt(table.are_below(limit).then_some(()), "sources and classes")?;
        Ok(Coded { table: table.all(), codes: None, row, count })
    }

    /// Makes [`Coded::get`] answer for each line.
    pub fn load(&self, coded: &mut Coded) -> Result<()> {
        if coded.codes.is_none() && coded.table.len() != 1 {
            let codes = self.codes(coded.row)?;
            let is_whole = codes.len() == coded.count && codes.are_below(coded.table.len());
            coded.codes = Some(or_corrupt(is_whole.then_some(codes), "sources and classes")?);
        }
        Ok(())
    }

    /// How many slots a layout has, and their kinds.
    pub fn kinds<'l>(&self, layout: &'l Layout) -> impl Iterator<Item = Kind> + use<'l, S> {
        layout.slots.iter().map(|(_, what)| what.kind)
    }

    /// The distinct values of a slot as they are printed, when it has a dictionary.
    pub fn table(&self, layout: &Layout, slot: usize) -> Result<Option<List<Texts>>> {
        let (row, what) = *or_corrupt(layout.slots.get(slot), "slot")?;
        if !matches!(what.refer, Refer::Table | Refer::Codes(_)) {
            return Ok(None);
        }
        let cell = or_corrupt(self.tables.get(row), "slot")?;
        if let Some(table) = cell.get() {
            return Ok(Some(table.clone()));
        }
        let table = self.read_table(row, what.kind)?;
        Ok(Some(cell.get_or_init(|| table).clone()))
    }

    /// Kind and distinct values of a slot, when it has a dictionary of numbers.
    pub fn numbers_in_table(&self, layout: &Layout, slot: usize) -> Result<Option<(Kind, Planes)>> {
        let (row, what) = *or_corrupt(layout.slots.get(slot), "slot")?;
        let is_such = matches!(what.refer, Refer::Table | Refer::Codes(_)) && what.kind.holds() == Holds::Num;
        if is_such { Ok(Some((what.kind, self.nums(row)?))) } else { Ok(None) }
    }

    fn read_table(&self, row: usize, kind: Kind) -> Result<List<Texts>> {
        let mut table = Texts::default();
        if kind.holds() != Holds::Text {
            for num in self.nums(row)?.all() {
                kind.put_num(num, &mut table.bytes);
                table.end();
            }
            return Ok(List::whole(table));
        }
        let texts = self.texts(row)?;
        if kind == Kind::Word {
            return Ok(texts);
        }
        for text in texts.iter() {
            kind.put_text(text, &mut table.bytes);
            table.end();
        }
        Ok(List::whole(table))
    }

    /// The codes behind [`Self::table`], each checked to be below `limit`.
    pub fn table_codes(&self, layout: &Layout, slot: usize, limit: usize) -> Result<Planes> {
        let (row, what) = *or_corrupt(layout.slots.get(slot), "slot")?;
        let row = match what.refer {
            Refer::Codes(CodeOf::Source) => or_corrupt(layout.source, "slot")?,
            Refer::Codes(CodeOf::Slot(other)) => or_corrupt(layout.slots.get(usize::from(other)), "slot")?.0,
            _ => row,
        };
        let codes = self.codes(row)?;
        let is_whole = codes.len() == layout.count && codes.are_below(limit);
        or_corrupt(is_whole.then_some(codes), "codes")
    }

    /// The values of a slot in `lines`, and maybe in others.
    pub fn values(&self, layout: &Layout, slot: usize, lines: Range<usize>) -> Result<Values> {
        if let Some((_, table)) = self.numbers_in_table(layout, slot)?.filter(|(_, table)| table.len() > PRINTED) {
            let codes = self.table_codes(layout, slot, table.len())?;
            return Ok(Values::Numbered { table, codes });
        }
        if let Some(table) = self.table(layout, slot)? {
            let codes = self.table_codes(layout, slot, table.range.len())?;
            return Ok(Values::Coded { table, codes });
        }
        let (row, what) = *or_corrupt(layout.slots.get(slot), "slot")?;
        let values = match what.kind.holds() {
            Holds::Wide => Values::Wide(self.wides(row)?),
            Holds::Text => Values::Text(self.texts(row)?),
            Holds::Num if what.refer == Refer::Zero => Values::Kept(self.numbers(row)?),
            Holds::Num => return self.absolute(layout, row, what, lines),
        };
        let count = match &values {
            Values::Wide(list) => list.range.len(),
            Values::Text(list) => list.range.len(),
            Values::Kept(list) => list.len(),
            _ => layout.count,
        };
        or_corrupt((count == layout.count).then_some(values), "values")
    }

    /// The numbers of a slot in `lines` that are kept as differences.
    fn absolute(&self, layout: &Layout, row: usize, what: What, lines: Range<usize>) -> Result<Values> {
        let kept = self.numbers(row)?;
        let is_whole = kept.len() == layout.count;
        match what.refer {
            Refer::Previous => {
                or_corrupt(is_whole.then_some(()), "values")?;
                let mut last = 0u64;
                let mut values = kept.values(0..lines.end);
                for number in &mut values {
                    last = last.wrapping_add(unzigzag(*number) as u64);
                    *number = last;
                }
                Ok(Values::Summed(values))
            }
            Refer::Day | Refer::Epoch(_) => {
                or_corrupt((is_whole || kept.len() == 1).then_some(()), "values")?;
                Ok(Values::Timed { times: self.times(layout)?, kept, what })
            }
            Refer::Zero | Refer::Table | Refer::Codes(_) => Err(ReadError::Corrupt("values")),
        }
    }
}

/// Codes with the numbers they stand for.
pub struct Coded {
    table: Vec<u64>,
    codes: Option<Planes>,
    row: usize,
    count: usize,
}

impl Coded {
    /// The number of `line`, once it is loaded, see [`Block::load`].
    pub fn get(&self, line: usize) -> usize {
        let code = self.codes.as_ref().and_then(|codes| codes.get(line)).unwrap_or(0);
        self.table.get(code as usize).map_or(0, |entry| *entry as usize)
    }

    /// Whether `keep` is true of all lines, of none (then `Some(false)`), or of some.
    pub fn all(&self, keep: impl Fn(usize) -> bool) -> Option<bool> {
        let mut kept = self.table.iter().map(|entry| keep(*entry as usize));
        let first = kept.next()?;
        kept.all(|other| other == first).then_some(first)
    }
}

/// Larger dictionaries of numbers are printed only for the lines that have them.
const PRINTED: usize = 256;

/// The values of a slot, ready to be printed.
pub enum Values {
    /// Numbers as the segment has them.
    Kept(Planes),
    /// Numbers that were kept as differences.
    Summed(Vec<u64>),
    /// Differences to what a clock shows at the lines' times; a single one is that of all.
    Timed {
        times: Rc<Vec<i64>>,
        kept: Planes,
        what: What,
    },
    /// A dictionary of numbers.
    Numbered {
        table: Planes,
        codes: Planes,
    },
    /// A dictionary of what is printed.
    Coded {
        table: List<Texts>,
        codes: Planes,
    },
    Text(List<Texts>),
    Wide(List<Vec<u8>>),
}

impl Values {
    /// The value of `line`, when it is kept as it is printed.
    pub fn text(&self, kind: Kind, line: usize) -> Option<&[u8]> {
        match self {
            Self::Coded { table, codes } => table.get(codes.get(line)? as usize),
            Self::Text(list) if matches!(kind, Kind::Word | Kind::Line) => list.get(line),
            _ => None,
        }
    }

    /// Which of at most so many distinct values `line` has, when they are numbered.
    pub fn entry(&self, line: usize) -> Option<(usize, usize)> {
        let (codes, count) = match self {
            Self::Coded { table, codes } => (codes, table.range.len()),
            Self::Numbered { table, codes } => (codes, table.len()),
            Self::Kept(list) if list.used() <= 1 => (list, 256),
            _ => return None,
        };
        Some((codes.get(line)? as usize, count))
    }

    /// The numbers of `lines`, when there are numbers.
    pub fn numbers(&self, lines: Range<usize>) -> Option<Vec<u64>> {
        match self {
            Self::Kept(list) => Some(list.values(lines)),
            Self::Timed { times, kept, what } => {
                let clock = clock_of(what.kind, what.refer);
                let only = kept.get(0).filter(|_| kept.len() == 1);
                let apart = only.map_or_else(|| kept.values(lines.clone()), |only| vec![only; lines.len()]);
                let at = |(time, apart): (&i64, u64)| clock(*time).wrapping_add(unzigzag(apart)) as u64;
                Some(times.get(lines)?.iter().zip(apart).map(at).collect())
            }
            _ => lines.map(|line| self.number(line)).collect(),
        }
    }

    /// The number of `line`, when there are numbers.
    pub fn number(&self, line: usize) -> Option<u64> {
        match self {
            Self::Kept(list) => list.get(line),
            Self::Summed(values) => values.get(line).copied(),
            Self::Timed { times, kept, what } => {
                let apart = kept.get(if kept.len() == 1 { 0 } else { line })?;
                let shown = clock_of(what.kind, what.refer)(*times.get(line)?);
                Some(shown.wrapping_add(unzigzag(apart)) as u64)
            }
            Self::Numbered { table, codes } => table.get(codes.get(line)? as usize),
            Self::Coded { .. } | Self::Text(_) | Self::Wide(_) => None,
        }
    }

    /// Appends the value of `line`.
    pub fn put(&self, kind: Kind, line: usize, out: &mut Vec<u8>) {
        match self {
            Self::Kept(_) | Self::Summed(_) | Self::Timed { .. } | Self::Numbered { .. } => {
                kind.put_num(self.number(line).unwrap_or(0), out);
            }
            Self::Coded { table, codes } => {
                let code = codes.get(line).unwrap_or(0);
                out.extend_from_slice(table.get(code as usize).unwrap_or_default());
            }
            Self::Text(list) => kind.put_text(list.get(line).unwrap_or_default(), out),
            Self::Wide(list) => {
                if let Some(value) = list.wide().get(line) {
                    kind.put_wide(value, out);
                }
            }
        }
    }
}

/// Prints the lines of one layout.
pub struct Printer {
    constants: List<Texts>,
    slots: Vec<(Kind, Values)>,
}

impl Printer {
    /// For `lines`.
    pub fn new<S: Source + ?Sized>(block: &Block<S>, layout: &Layout, lines: Range<usize>) -> Result<Self> {
        let slots = block.kinds(layout).enumerate();
        let slots = slots.map(|(slot, kind)| Ok((kind, block.values(layout, slot, lines.clone())?)));
        Ok(Self { constants: block.constants(layout)?, slots: slots.collect::<Result<_>>()? })
    }

    /// Appends the text of `line`.
    pub fn put(&self, line: usize, out: &mut Vec<u8>) {
        let mut constants = self.constants.iter();
        out.extend_from_slice(constants.next().unwrap_or_default());
        for ((kind, values), constant) in self.slots.iter().zip(constants) {
            values.put(*kind, line, out);
            out.extend_from_slice(constant);
        }
    }
}
