//! Opens a segment and gives its lists back, each from its page. Whatever the bytes are, reading them ends in lists or in
//! [`ReadError::Corrupt`]; what the lists mean is for [`super::values`].

use std::cell::{OnceCell, RefCell};
use std::io;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::rows::{CLASSES, Part, Refer, SOURCES, What};
use crate::parquet::{
    Chunk, Column, Footer, Inflate, Pages, Planes, PlanesPage, RowGroup, Texts, WIDE, footer_len, read_footer,
};

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
    inflate: RefCell<Inflate>,
    text: Lists<Texts>,
    code: Lists<PlanesPage>,
    num: Lists<PlanesPage>,
    wide: Lists<Vec<u8>>,
    /// The tables and the times of rows that have such.
    pub(super) tables: Vec<OnceCell<List<Texts>>>,
    pub(super) times: Vec<OnceCell<Rc<Vec<i64>>>>,
    pub layouts: Vec<Layout>,
    /// Resource and instance of each source.
    pub sources: Vec<(Arc<str>, Arc<str>)>,
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

impl List<Vec<u8>> {
    pub fn wide(&self) -> &[[u8; WIDE]] {
        self.page.as_chunks().0.get(self.range.clone()).unwrap_or_default()
    }
}

impl List<Texts> {
    /// All of `texts`.
    pub fn whole(texts: Texts) -> Self {
        Self { range: 0..texts.len(), page: Rc::new(texts) }
    }

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
    pub(super) template: Option<usize>,
    pub(super) time: Option<(usize, i64)>,
    pub(super) tie: Option<usize>,
    pub(super) source: Option<usize>,
    pub(super) class: Option<usize>,
    pub(super) slots: Vec<(usize, What)>,
}

impl<'a, S: Source + ?Sized> Block<'a, S> {
    pub fn open(source: &'a S, group: &RowGroup) -> Result<Self> {
        let mut block = Self {
            source,
            chunks: group.chunks,
            rows: group.rows,
            inflate: RefCell::default(),
            text: Lists::default(),
            code: Lists::default(),
            num: Lists::default(),
            wide: Lists::default(),
            tables: (0..group.rows).map(|_| OnceCell::new()).collect(),
            times: (0..group.rows).map(|_| OnceCell::new()).collect(),
            layouts: Vec::new(),
            sources: Vec::new(),
            classes: Vec::new(),
        };
        let what = block.fetch(Column::What)?;
        let pages = or_corrupt(Pages::read(Column::What, &what, block.rows), "list of rows")?;
        let mut row = 0;
        for page in 0..pages.len() {
            let texts = or_corrupt(pages.texts(&mut block.inflate.borrow_mut(), &what, page), "list of rows")?;
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
        let mut names = list.iter().map(|name| Arc::from(String::from_utf8_lossy(name)));
        while let (Some(resource), Some(instance)) = (names.next(), names.next()) {
            self.sources.push((resource, instance));
        }
        Ok(())
    }

    fn read_classes(&mut self, row: usize) -> Result<()> {
        let list = self.nums(row)?;
        self.classes = list.all().as_chunks::<3>().0.to_vec();
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
        let count = self.nums(template)?.get(0).and_then(|count| usize::try_from(count).ok());
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
        read: impl FnOnce(&Pages, &mut Inflate, &[u8], usize) -> Option<T>,
    ) -> Result<List<T>> {
        let (chunk, pages) = self.pages_of(lists, column)?;
        let Some((page, range)) = pages.list(row) else { return Ok(List { page: Rc::default(), range: 0..0 }) };
        let cells = lists.pages.get_or_init(|| (0..pages.len()).map(|_| OnceCell::new()).collect());
        let cell = or_corrupt(cells.get(page), "pages")?;
        let values = match cell.get() {
            Some(values) => values,
            None => {
                let values = or_corrupt(read(pages, &mut self.inflate.borrow_mut(), chunk, page), "values")?;
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

    pub fn codes(&self, row: usize) -> Result<Planes> {
        self.planes(&self.code, Column::Code, row)
    }

    pub fn nums(&self, row: usize) -> Result<Planes> {
        self.planes(&self.num, Column::Num, row)
    }

    fn planes(&self, lists: &Lists<PlanesPage>, column: Column, row: usize) -> Result<Planes> {
        let read =
            |pages: &Pages, inflate: &mut Inflate, chunk: &[u8], page| pages.planes(column, inflate, chunk, page);
        self.list(lists, column, row, read).map(|list| Planes::new(list.page, list.range))
    }

    pub fn wides(&self, row: usize) -> Result<List<Vec<u8>>> {
        self.list(&self.wide, Column::Wide, row, Pages::wide)
    }

    /// The numbers of a row, whichever column they are in.
    pub(super) fn numbers(&self, row: usize) -> Result<Planes> {
        let codes = self.codes(row)?;
        if codes.len() == 0 { self.nums(row) } else { Ok(codes) }
    }
}
