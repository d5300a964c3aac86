//! Opens a segment and gives its lines back. Whatever the bytes are, reading them ends in lines or in [`Corrupt`].

use std::cell::OnceCell;
use std::io;
use std::ops::Range;
use std::rc::Rc;

use super::choose::unzigzag;
use super::encode::clock_of;
use super::rows::{CLASSES, CodeOf, Part, Refer, SOURCES, What};
use crate::parquet::{Chunk, Column, Footer, Pages, RowGroup, Texts, WIDE, footer_len, read_footer};
use crate::shape::{Holds, Kind};

/// What cannot be read of a segment, and why.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes are not what a writer leaves.
    #[error("its {0} cannot be read")]
    Corrupt(&'static str),
    /// The bytes could not be fetched.
    #[error("it cannot be fetched")]
    Fetch(#[source] io::Error),
}

pub type Result<T> = std::result::Result<T, ReadError>;

pub fn or_corrupt<T>(value: Option<T>, what: &'static str) -> Result<T> {
    value.ok_or(ReadError::Corrupt(what))
}

/// Where a segment's bytes are.
pub trait Source {
    /// Bytes in all.
    fn size(&self) -> usize;
    /// Exactly the bytes of `range`.
    fn read(&self, range: Range<usize>) -> io::Result<Vec<u8>>;
}

impl Source for [u8] {
    fn size(&self) -> usize {
        self.len()
    }

    fn read(&self, range: Range<usize>) -> io::Result<Vec<u8>> {
        self.get(range).map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// How much of the end of a file is fetched first: most footers fit.
const TAIL: usize = 16 * 1024;

/// The footer of a segment.
pub fn footer(source: &(impl Source + ?Sized)) -> Result<Footer> {
    let len = source.size();
    let fetch = |from: usize| source.read(from..len).map_err(ReadError::Fetch);
    let mut tail = fetch(len.saturating_sub(TAIL))?;
    let wanted = or_corrupt(footer_len(&tail).filter(|wanted| *wanted <= len), "footer")?;
    if wanted > tail.len() {
        tail = fetch(len - wanted)?;
    }
    or_corrupt(read_footer(&tail, len), "footer")
}

/// One block of a segment; what is read of it is kept until it is dropped.
pub struct Block<'a, S: Source + ?Sized> {
    source: &'a S,
    chunks: [Chunk; 5],
    rows: usize,
    text: Lists<Texts>,
    code: Lists<Vec<u32>>,
    num: Lists<Vec<i64>>,
    wide: Lists<Vec<[u8; WIDE]>>,
    /// The tables of rows that have one.
    tables: Vec<OnceCell<Rc<Texts>>>,
    pub layouts: Vec<Layout>,
    /// Resource and instance of each source.
    pub sources: Vec<(String, String)>,
    /// Stream, severity and signature of each class.
    pub classes: Vec<[u64; 3]>,
}

/// The pages of a column, fetched and decompressed when they are asked for.
struct Lists<T> {
    column: OnceCell<(Vec<u8>, Pages)>,
    pages: OnceCell<Vec<OnceCell<Rc<T>>>>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { column: OnceCell::new(), pages: OnceCell::new() }
    }
}

/// A list: a part of a page.
pub struct List<T> {
    page: Rc<T>,
    pub range: Range<usize>,
}

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        Self { page: self.page.clone(), range: self.range.clone() }
    }
}

impl<T> List<Vec<T>> {
    pub fn slice(&self) -> &[T] {
        self.page.get(self.range.clone()).unwrap_or_default()
    }
}

impl List<Texts> {
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        if index >= self.range.len() { None } else { self.page.get(self.range.start + index) }
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.range.clone().filter_map(|index| self.page.get(index))
    }

    /// All of its strings in one, and where each of them ends in that.
    pub fn joined(&self) -> (&[u8], impl Iterator<Item = usize>) {
        let before = self.range.start.checked_sub(1);
        let start = before.and_then(|before| self.page.ends.get(before)).map_or(0, |end| *end as usize);
        let ends = self.page.ends.get(self.range.clone()).unwrap_or_default();
        let end = ends.last().map_or(start, |end| *end as usize);
        (self.page.bytes.get(start..end).unwrap_or_default(), ends.iter().map(move |end| *end as usize - start))
    }
}

/// One layout of a block: in which rows its parts are.
#[derive(Default)]
pub struct Layout {
    /// Number of lines.
    pub count: usize,
    template: Option<usize>,
    time: Option<(usize, i64)>,
    tie: Option<usize>,
    source: Option<usize>,
    class: Option<usize>,
    slots: Vec<(usize, What)>,
}

impl<'a, S: Source + ?Sized> Block<'a, S> {
    pub fn open(source: &'a S, group: &RowGroup) -> Result<Self> {
        let mut block = Self {
            source,
            chunks: group.chunks,
            rows: group.rows,
            text: Lists::default(),
            code: Lists::default(),
            num: Lists::default(),
            wide: Lists::default(),
            tables: (0..group.rows).map(|_| OnceCell::new()).collect(),
            layouts: Vec::new(),
            sources: Vec::new(),
            classes: Vec::new(),
        };
        let what = block.fetch(Column::What)?;
        let pages = or_corrupt(Pages::read(Column::What, &what, block.rows), "list of rows")?;
        let mut row = 0;
        for page in 0..pages.len() {
            let texts = or_corrupt(pages.texts(&what, page), "list of rows")?;
            for text in texts.iter() {
                or_corrupt(block.place(row, text), "list of rows")??;
                row += 1;
            }
        }
        for at in 0..block.layouts.len() {
            block.count(at)?;
        }
        Ok(block)
    }

    fn fetch(&self, column: Column) -> Result<Vec<u8>> {
        let chunk = self.chunks.get(column as usize).copied().unwrap_or_default();
        self.source.read(chunk.offset..chunk.offset + chunk.len).map_err(ReadError::Fetch)
    }

    /// Puts row number `row` where it belongs; `None` when it cannot be.
    fn place(&mut self, row: usize, text: &[u8]) -> Option<Result<()>> {
        let text = std::str::from_utf8(text).ok()?;
        match text {
            SOURCES => return Some(self.read_sources(row)),
            CLASSES => return Some(self.read_classes(row)),
            _ => {}
        }
        let what = What::parse(text)?;
        let number = usize::try_from(what.layout).ok().filter(|number| *number < self.rows)?;
        if number >= self.layouts.len() {
            self.layouts.resize_with(number + 1, Layout::default);
        }
        let layout = self.layouts.get_mut(number)?;
        let free = match what.part {
            Part::Template => layout.template.replace(row).is_none(),
            Part::Time => {
                let Refer::Epoch(unit) = what.refer else { return None };
                layout.time.replace((row, i64::try_from(unit).ok()?)).is_none()
            }
            Part::Tie => layout.tie.replace(row).is_none(),
            Part::Source => layout.source.replace(row).is_none(),
            Part::Class => layout.class.replace(row).is_none(),
            Part::Slot(_) => {
                layout.slots.push((row, what));
                true
            }
        };
        free.then_some(Ok(()))
    }

    fn read_sources(&mut self, row: usize) -> Result<()> {
        let list = self.texts(row)?;
        let mut names = list.iter().map(|name| String::from_utf8_lossy(name).into_owned());
        while let (Some(resource), Some(instance)) = (names.next(), names.next()) {
            self.sources.push((resource, instance));
        }
        Ok(())
    }

    fn read_classes(&mut self, row: usize) -> Result<()> {
        let list = self.nums(row)?;
        self.classes = list.slice().as_chunks::<3>().0.iter().map(|class| class.map(|value| value as u64)).collect();
        Ok(())
    }

    /// Sorts the slots of a layout and reads how many lines it has.
    fn count(&mut self, at: usize) -> Result<()> {
        let Some(layout) = self.layouts.get_mut(at) else { return Ok(()) };
        layout.slots.sort_by_key(|(_, what)| match what.part {
            Part::Slot(slot) => slot,
            _ => 0,
        });
        let in_order = layout.slots.iter().enumerate().all(|(at, (_, what))| what.part == Part::Slot(at as u16));
        let template = or_corrupt(layout.template.filter(|_| in_order), "list of slots")?;
        let count = self.nums(template)?.slice().first().copied().and_then(|count| usize::try_from(count).ok());
        let count = or_corrupt(count.filter(|count| *count > 0), "number of lines")?;
        if let Some(layout) = self.layouts.get_mut(at) {
            layout.count = count;
        }
        Ok(())
    }

    fn column(&self, column: Column) -> Result<(Vec<u8>, Pages)> {
        let chunk = self.fetch(column)?;
        let pages = or_corrupt(Pages::read(column, &chunk, self.rows), "pages")?;
        Ok((chunk, pages))
    }

    fn list<T: Default>(
        &self,
        lists: &Lists<T>,
        column: Column,
        row: usize,
        read: impl FnOnce(&Pages, &[u8], usize) -> Option<T>,
    ) -> Result<List<T>> {
        let (chunk, pages) = self.pages_of(lists, column)?;
        let Some((page, range)) = pages.list(row) else { return Ok(List { page: Rc::default(), range: 0..0 }) };
        let cells = lists.pages.get_or_init(|| (0..pages.len()).map(|_| OnceCell::new()).collect());
        let cell = or_corrupt(cells.get(page), "pages")?;
        let values = match cell.get() {
            Some(values) => values,
            None => {
                let values = or_corrupt(read(pages, chunk, page), "values")?;
                cell.get_or_init(|| Rc::new(values))
            }
        };
        Ok(List { page: values.clone(), range })
    }

    fn pages_of<'l, T>(&self, lists: &'l Lists<T>, column: Column) -> Result<&'l (Vec<u8>, Pages)> {
        match lists.column.get() {
            Some(column) => Ok(column),
            None => {
                let read = self.column(column)?;
                Ok(lists.column.get_or_init(|| read))
            }
        }
    }

    pub fn texts(&self, row: usize) -> Result<List<Texts>> {
        self.list(&self.text, Column::Text, row, Pages::texts)
    }

    pub fn codes(&self, row: usize) -> Result<List<Vec<u32>>> {
        self.list(&self.code, Column::Code, row, Pages::codes)
    }

    pub fn nums(&self, row: usize) -> Result<List<Vec<i64>>> {
        self.list(&self.num, Column::Num, row, Pages::nums)
    }

    pub fn wides(&self, row: usize) -> Result<List<Vec<[u8; WIDE]>>> {
        self.list(&self.wide, Column::Wide, row, Pages::wide)
    }

    /// The numbers of a row, whichever column they are in.
    fn numbers(&self, row: usize) -> Result<Vec<u64>> {
        let codes = self.codes(row)?;
        if codes.range.is_empty() {
            return Ok(self.nums(row)?.slice().iter().map(|num| *num as u64).collect());
        }
        Ok(codes.slice().iter().map(|code| u64::from(*code)).collect())
    }

    /// The constants of a layout: one more than it has slots.
    pub fn constants(&self, layout: &Layout) -> Result<List<Texts>> {
        let constants = self.texts(layout.template.unwrap_or_default())?;
        or_corrupt((constants.range.len() == layout.slots.len() + 1).then_some(constants), "template")
    }

    /// Times of a layout's lines in nanoseconds since the epoch.
    pub fn times(&self, layout: &Layout) -> Result<Vec<i64>> {
        let (row, unit) = or_corrupt(layout.time, "times")?;
        let steps = self.numbers(row)?;
        if steps.len() != layout.count {
            return Err(ReadError::Corrupt("times"));
        }
        let mut time = 0i64;
        let times = steps.into_iter().map(|step| {
            time = time.wrapping_add(unzigzag(step));
            time.wrapping_mul(unit)
        });
        Ok(times.collect())
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
                for (number, time) in numbers.iter_mut().zip(times) {
                    *number = clock_of(*time, what.kind, what.refer).wrapping_add(unzigzag(*number)) as u64;
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
