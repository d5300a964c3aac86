//! What the lists of a block mean: times, sources and classes of a layout's lines, the values of its slots, and the lines
//! themselves.

use std::rc::Rc;

use super::choose::unzigzag;
use super::encode::clock_of;
use super::read::{Block, Layout, List, ReadError, Result, Source, or_corrupt};
use super::rows::{CodeOf, Refer, What};
use crate::parquet::{Texts, WIDE};
use crate::shape::{Holds, Kind};

impl<S: Source + ?Sized> Block<'_, S> {
    /// The constants of a layout: one more than it has slots.
    pub fn constants(&self, layout: &Layout) -> Result<List<Texts>> {
        let constants = self.texts(layout.template.unwrap_or_default())?;
        or_corrupt((constants.range.len() == layout.slots.len() + 1).then_some(constants), "template")
    }

    /// Times of a layout's lines in nanoseconds since the epoch.
    pub fn times(&self, layout: &Layout) -> Result<Vec<i64>> {
        let (row, unit) = or_corrupt(layout.time, "times")?;
        let mut time = 0i64;
        let mut next = |step: u64| {
            time = time.wrapping_add(unzigzag(step));
            time.wrapping_mul(unit)
        };
        let codes = self.codes(row)?;
        let times: Vec<i64> = if codes.range.is_empty() {
            self.nums(row)?.slice().iter().map(|step| next(*step as u64)).collect()
        } else {
            codes.slice().iter().map(|step| next(u64::from(*step))).collect()
        };
        or_corrupt((times.len() == layout.count).then_some(times), "times")
    }

    /// The place of each line among those of its time; empty when all are zero.
    pub fn ties(&self, layout: &Layout) -> Result<Vec<u64>> {
        let Some(row) = layout.tie else { return Ok(Vec::new()) };
        let ties = self.numbers(row)?;
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
        let in_table = table.slice().iter().all(|entry| usize::try_from(*entry).is_ok_and(|entry| entry < limit));
        let coded = Coded { table, codes: None, row, count };
        or_corrupt(in_table.then_some(coded), "sources and classes")
    }

    /// Makes [`Coded::get`] answer for each line.
    pub fn load(&self, coded: &mut Coded) -> Result<()> {
        if coded.codes.is_none() && coded.table.range.len() != 1 {
            let codes = self.codes(coded.row)?;
            let in_codes = codes.slice().iter().all(|code| (*code as usize) < coded.table.range.len());
            let counted = codes.range.len() == coded.count || codes.range.is_empty() && coded.table.range.len() == 1;
            coded.codes = Some(or_corrupt((in_codes && counted).then_some(codes), "sources and classes")?);
        }
        Ok(())
    }

    /// How many slots a layout has, and their kinds.
    pub fn kinds<'l>(&self, layout: &'l Layout) -> impl Iterator<Item = Kind> + use<'l, S> {
        layout.slots.iter().map(|(_, what)| what.kind)
    }

    /// The distinct values of a slot as they are printed, when it has a dictionary.
    pub fn table(&self, layout: &Layout, slot: usize) -> Result<Option<Rc<Texts>>> {
        let (row, what) = *or_corrupt(layout.slots.get(slot), "slot")?;
        if !matches!(what.refer, Refer::Table | Refer::Codes(_)) {
            return Ok(None);
        }
        let cell = or_corrupt(self.tables.get(row), "slot")?;
        if let Some(table) = cell.get() {
            return Ok(Some(table.clone()));
        }
        let table = Rc::new(self.read_table(row, what.kind)?);
        Ok(Some(cell.get_or_init(|| table).clone()))
    }

    fn read_table(&self, row: usize, kind: Kind) -> Result<Texts> {
        let mut table = Texts::default();
        if kind.holds() != Holds::Text {
            for num in self.nums(row)?.slice() {
                kind.put_num(*num as u64, &mut table.bytes);
                table.end();
            }
            return Ok(table);
        }
        let texts = self.texts(row)?;
        if kind == Kind::Word {
            let (bytes, ends) = texts.joined();
            return Ok(Texts { bytes: bytes.to_vec(), ends: ends.map(|end| end as u32).collect() });
        }
        for text in texts.iter() {
            kind.put_text(text, &mut table.bytes);
            table.end();
        }
        Ok(table)
    }

    /// The codes behind [`Self::table`], each checked to be below `limit`.
    pub fn table_codes(&self, layout: &Layout, slot: usize, limit: usize) -> Result<List<Vec<u32>>> {
        let (row, what) = *or_corrupt(layout.slots.get(slot), "slot")?;
        let row = match what.refer {
            Refer::Codes(CodeOf::Source) => or_corrupt(layout.source, "slot")?,
            Refer::Codes(CodeOf::Slot(other)) => or_corrupt(layout.slots.get(usize::from(other)), "slot")?.0,
            _ => row,
        };
        let codes = self.codes(row)?;
        let whole = codes.range.len() == layout.count && codes.slice().iter().all(|code| (*code as usize) < limit);
        or_corrupt(whole.then_some(codes), "codes")
    }

    /// The values of a slot.
    pub fn values(&self, layout: &Layout, slot: usize, times: &[i64]) -> Result<Values> {
        if let Some(table) = self.table(layout, slot)? {
            let codes = self.table_codes(layout, slot, table.len())?;
            return Ok(Values::Coded { table, codes });
        }
        let (row, what) = *or_corrupt(layout.slots.get(slot), "slot")?;
        let values = match what.kind.holds() {
            Holds::Wide => Values::Wide(self.wides(row)?),
            Holds::Text => Values::Text(self.texts(row)?),
            Holds::Num => return self.absolute(row, what, layout.count, times).map(Values::Num),
        };
        let count = match &values {
            Values::Wide(list) => list.range.len(),
            Values::Text(list) => list.range.len(),
            Values::Num(_) | Values::Coded { .. } => layout.count,
        };
        or_corrupt((count == layout.count).then_some(values), "values")
    }

    /// Whether [`Self::values`] of a slot need the lines' times.
    pub fn needs_times(&self, layout: &Layout, slot: usize) -> bool {
        layout.slots.get(slot).is_some_and(|(_, what)| matches!(what.refer, Refer::Day | Refer::Epoch(_)))
    }

    /// The numbers of a slot, counted from zero.
    fn absolute(&self, row: usize, what: What, count: usize, times: &[i64]) -> Result<Vec<u64>> {
        let mut numbers = self.numbers(row)?;
        if numbers.len() == 1 && count > 1 {
            numbers.resize(count, numbers.first().copied().unwrap_or(0));
        }
        if numbers.len() != count {
            return Err(ReadError::Corrupt("values"));
        }
        match what.refer {
            Refer::Zero => {}
            Refer::Previous => {
                let mut last = 0u64;
                for number in &mut numbers {
                    last = last.wrapping_add(unzigzag(*number) as u64);
                    *number = last;
                }
            }
            Refer::Day | Refer::Epoch(_) => {
                let clock = clock_of(what.kind, what.refer);
                for (number, time) in numbers.iter_mut().zip(times) {
                    *number = clock(*time).wrapping_add(unzigzag(*number)) as u64;
                }
            }
            Refer::Table | Refer::Codes(_) => return Err(ReadError::Corrupt("values")),
        }
        Ok(numbers)
    }
}

/// Codes with the numbers they stand for.
pub struct Coded {
    pub table: List<Vec<i64>>,
    codes: Option<List<Vec<u32>>>,
    row: usize,
    count: usize,
}

impl Coded {
    /// The number of `line`, once it is loaded, see [`Block::load`].
    pub fn get(&self, line: usize) -> usize {
        let code = self.codes.as_ref().and_then(|codes| codes.slice().get(line)).map_or(0, |code| *code as usize);
        self.table.slice().get(code).map_or(0, |entry| *entry as usize)
    }

    /// Whether `keep` is true of all lines, of none (then `Some(false)`), or of some.
    pub fn all(&self, keep: impl Fn(usize) -> bool) -> Option<bool> {
        let mut kept = self.table.slice().iter().map(|entry| keep(*entry as usize));
        let first = kept.next()?;
        kept.all(|other| other == first).then_some(first)
    }
}

/// The values of a slot, ready to be printed.
pub enum Values {
    Num(Vec<u64>),
    Coded { table: Rc<Texts>, codes: List<Vec<u32>> },
    Text(List<Texts>),
    Wide(List<Vec<[u8; WIDE]>>),
}

impl Values {
    /// The value of `line`, when it is kept as it is printed.
    pub fn text(&self, kind: Kind, line: usize) -> Option<&[u8]> {
        match self {
            Self::Coded { table, codes } => table.get(*codes.slice().get(line)? as usize),
            Self::Text(list) if matches!(kind, Kind::Word | Kind::Line) => list.get(line),
            Self::Text(_) | Self::Num(_) | Self::Wide(_) => None,
        }
    }

    /// Appends the value of `line`.
    pub fn put(&self, kind: Kind, line: usize, out: &mut Vec<u8>) {
        match self {
            Self::Num(numbers) => kind.put_num(numbers.get(line).copied().unwrap_or(0), out),
            Self::Coded { table, codes } => {
                let code = codes.slice().get(line).copied().unwrap_or(0);
                out.extend_from_slice(table.get(code as usize).unwrap_or_default());
            }
            Self::Text(list) => kind.put_text(list.get(line).unwrap_or_default(), out),
            Self::Wide(list) => {
                if let Some(value) = list.slice().get(line) {
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
    pub fn new<S: Source + ?Sized>(block: &Block<S>, layout: &Layout, times: &[i64]) -> Result<Self> {
        let slots = block.kinds(layout).enumerate();
        let slots = slots.map(|(slot, kind)| Ok((kind, block.values(layout, slot, times)?)));
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
