//! Reads a segment's file. The bytes are hostile: every offset, length and count is checked against what is there, and a
//! page is decompressed into no more than it announced, which is bounded.

use super::page::{Texts, get_texts};
use super::planes::PlanesPage;
use super::thrift::{LIST, Reader, STRUCT};
use super::{ABOUT, Column, MAGIC, TIMES, ZSTD, levels};

/// Largest page, decompressed. A writer's longest list is one value per line of a block.
const MAX_PAGE: usize = 256 << 20;
/// Most rows of a block, each a slot of a layout; and most values for each byte of a page, reached by empty strings.
const MAX_ROWS: usize = 1 << 20;
const MAX_VALUES_PER_BYTE: usize = 64;
/// zstd cannot shrink more than this, so a page that claims more lies.
const MAX_RATIO: usize = 1 << 15;

/// Magic and length behind the footer.
const TAIL: usize = 8;

pub struct Footer {
    pub groups: Vec<RowGroup>,
    /// What the writer said about the file.
    pub about: String,
}

pub struct RowGroup {
    pub rows: usize,
    /// First and last time of its lines.
    pub times: (i64, i64),
    pub chunks: [Chunk; 5],
}

/// Where a column of a block lies in the file.
#[derive(Clone, Copy, Default)]
pub struct Chunk {
    pub offset: usize,
    pub len: usize,
}

/// How many bytes at the end of the file the footer takes, its tail included.
pub fn footer_len(tail: &[u8]) -> Option<usize> {
    let (len, magic) = tail.last_chunk::<TAIL>()?.split_first_chunk::<4>()?;
    (magic == MAGIC).then_some(u32::from_le_bytes(*len) as usize + TAIL)
}

/// The footer, from at least the last [`footer_len`] bytes of a file of `file_len` bytes.
pub fn read_footer(tail: &[u8], file_len: usize) -> Option<Footer> {
    let len = footer_len(tail)?;
    let start = tail.len().checked_sub(len)?;
    let mut input = Reader { rest: tail.get(start..tail.len() - TAIL)? };
    let (mut groups, mut about, mut times) = (Vec::<RowGroup>::new(), None, None);
    input.fields(|input, id, kind| match (id, kind) {
        (4, LIST) => {
            let (STRUCT, count) = input.list()? else { return None };
            for _ in 0..count {
                groups.push(read_group(input, file_len)?);
            }
            Some(true)
        }
        (5, LIST) => {
            let (STRUCT, count) = input.list()? else { return None };
            for _ in 0..count {
                let (key, value) = read_pair(input)?;
                let value = std::str::from_utf8(value).ok()?;
                if key == ABOUT.as_bytes() {
                    about = Some(value.to_owned());
                } else if key == TIMES.as_bytes() {
                    times = Some(value);
                }
            }
            Some(true)
        }
        _ => Some(false),
    })?;
    let mut times = times?.lines();
    for group in &mut groups {
        let (first, last) = times.next()?.split_once(' ')?;
        group.times = (first.parse().ok()?, last.parse().ok()?);
    }
    Some(Footer { groups, about: about? })
}

fn read_pair<'a>(input: &mut Reader<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    input.fields(|input, id, _| {
        match id {
            1 => key = input.binary()?,
            2 => value = input.binary()?,
            _ => return Some(false),
        }
        Some(true)
    })?;
    Some((key, value))
}

fn read_group(input: &mut Reader, file_len: usize) -> Option<RowGroup> {
    let (mut chunks, mut rows) = ([Chunk::default(); 5], 0);
    input.fields(|input, id, kind| match (id, kind) {
        (1, LIST) => {
            if input.list()? != (STRUCT, Column::ALL.len()) {
                return None;
            }
            for (column, chunk) in Column::ALL.into_iter().zip(&mut chunks) {
                *chunk = read_chunk(input, column)?;
                chunk.offset.checked_add(chunk.len).filter(|end| *end <= file_len)?;
            }
            Some(true)
        }
        (3, _) => {
            rows = input.size().filter(|rows| *rows <= MAX_ROWS)?;
            Some(true)
        }
        _ => Some(false),
    })?;
    Some(RowGroup { rows, times: (0, 0), chunks })
}

fn read_chunk(input: &mut Reader, column: Column) -> Option<Chunk> {
    let mut chunk = Chunk::default();
    input.fields(|input, id, kind| match (id, kind) {
        (3, STRUCT) => {
            input.fields(|input, id, _| {
                match id {
                    1 if input.i64()? != i64::from(column.physical()) => return None,
                    1 => {}
                    4 if input.i64()? != i64::from(ZSTD) => return None,
                    4 => {}
                    7 => chunk.len = input.size()?,
                    9 => chunk.offset = input.size()?,
                    _ => return Some(false),
                }
                Some(true)
            })?;
            Some(true)
        }
        _ => Some(false),
    })?;
    Some(chunk)
}

/// The pages of one column of a block: where each list is, without decompressing anything.
#[derive(Default)]
pub struct Pages {
    pages: Vec<PageAt>,
    /// For each row with values: `(row, page, first value in the page, values)`, by row.
    lists: Vec<(u32, u32, u32, u32)>,
}

struct PageAt {
    start: usize,
    /// Where its values begin, behind the levels.
    values_at: usize,
    end: usize,
    sum: u32,
    raw: usize,
    is_compressed: bool,
    values: usize,
}

struct Header {
    raw: usize,
    stored: usize,
    entries: usize,
    empty: usize,
    rows: usize,
    encoding: i64,
    definition: usize,
    repetition: usize,
    is_compressed: bool,
    sum: u32,
}

fn read_header(input: &mut Reader) -> Option<Header> {
    let mut header = Header {
        raw: 0,
        stored: 0,
        entries: 0,
        empty: 0,
        rows: 0,
        encoding: -1,
        definition: 0,
        repetition: 0,
        is_compressed: true,
        sum: 0,
    };
    input.fields(|input, id, kind| {
        match (id, kind) {
            (1, _) if input.i64()? != 3 => return None,
            (1, _) => {}
            (2, _) => header.raw = input.size()?,
            (3, _) => header.stored = input.size()?,
            (4, _) => header.sum = input.i64()? as u32,
            (8, STRUCT) => input.fields(|input, id, kind| {
                match id {
                    1 => header.entries = input.size()?,
                    2 => header.empty = input.size()?,
                    3 => header.rows = input.size()?,
                    4 => header.encoding = input.i64()?,
                    5 => header.definition = input.size()?,
                    6 => header.repetition = input.size()?,
                    7 => header.is_compressed = kind == super::thrift::TRUE,
                    _ => return Some(false),
                }
                Some(true)
            })?,
            _ => return Some(false),
        }
        Some(true)
    })?;
    Some(header)
}

impl Pages {
    /// Walks the pages of `chunk`, which must hold exactly `rows` rows.
    pub fn read(column: Column, chunk: &[u8], rows: usize) -> Option<Self> {
        let mut input = Reader { rest: chunk };
        let mut pages = Self::default();
        let mut row = 0usize;
        while !input.rest.is_empty() {
            let header = read_header(&mut input)?;
            if header.encoding != i64::from(column.encoding()) || header.rows > rows.checked_sub(row)? {
                return None;
            }
            let levels = header.repetition.checked_add(header.definition)?;
            let (raw, stored) = (header.raw.checked_sub(levels)?, header.stored.checked_sub(levels)?);
            let bounded = if header.is_compressed { raw / MAX_RATIO <= stored } else { raw == stored };
            if !bounded || raw > MAX_PAGE {
                return None;
            }
            let start = chunk.len() - input.rest.len();
            let (repetition, definition) = (input.take(header.repetition)?, input.take(header.definition)?);
            let values_at = chunk.len() - input.rest.len();
            input.take(stored)?;
            let values = header.entries.checked_sub(header.empty)?;
            if values > raw.checked_mul(MAX_VALUES_PER_BYTE)? {
                return None;
            }
            let number = pages.pages.len() as u32;
            let mut first = 0u32;
            let mut place = |row: usize, count: u32| -> Option<()> {
                if count > 0 {
                    pages.lists.push((u32::try_from(row).ok()?, number, first, count));
                    first = first.checked_add(count)?;
                }
                Some(())
            };
            if column.is_list() {
                let counts = levels::counts(repetition, definition, header.entries, header.rows)?;
                counts.iter().enumerate().try_for_each(|(at, count)| place(row + at, *count))?;
            } else {
                if header.rows != header.entries {
                    return None;
                }
                (0..header.rows).try_for_each(|at| place(row + at, 1))?;
            }
            if first as usize != values {
                return None;
            }
            row += header.rows;
            let is_compressed = header.is_compressed;
            let (end, sum) = (values_at + stored, header.sum);
            pages.pages.push(PageAt { start, values_at, end, sum, raw, is_compressed, values });
        }
        (row == rows).then_some(pages)
    }

    /// Page and range of values of the list in `row`; `None` when it is empty.
    pub fn list(&self, row: usize) -> Option<(usize, std::ops::Range<usize>)> {
        let at = self.lists.binary_search_by_key(&row, |list| list.0 as usize).ok()?;
        let (_, page, first, count) = *self.lists.get(at)?;
        Some((page as usize, first as usize..first as usize + count as usize))
    }

    /// How many pages there are.
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// The values' bytes.
    fn values<'v>(&self, inflate: &'v mut Inflate, chunk: &'v [u8], page: &PageAt) -> Option<&'v [u8]> {
        let stored = self.stored(chunk, page)?;
        if page.is_compressed { inflate.page(stored, page.raw) } else { Some(stored) }
    }

    /// The values' bytes as they are stored, once they are known to be those that were written.
    fn stored<'c>(&self, chunk: &'c [u8], page: &PageAt) -> Option<&'c [u8]> {
        let is_whole = crc32fast::hash(chunk.get(page.start..page.end)?) == page.sum;
        chunk.get(page.values_at..page.end).filter(|_| is_whole)
    }

    pub fn texts(&self, inflate: &mut Inflate, chunk: &[u8], page: usize) -> Option<Texts> {
        let page = self.pages.get(page)?;
        let values = self.values(inflate, chunk, page)?;
        get_texts(values, page.values)
    }

    /// The integers of a page of `column`.
    pub fn planes(&self, column: Column, inflate: &mut Inflate, chunk: &[u8], page: usize) -> Option<PlanesPage> {
        let page = self.pages.get(page).filter(|page| page.is_of(column))?;
        let values = self.values(inflate, chunk, page)?;
        Some(PlanesPage::new(values, page.values))
    }

    /// Of the column `wide`, the values one behind the other.
    pub fn wide(&self, inflate: &mut Inflate, chunk: &[u8], page: usize) -> Option<Vec<u8>> {
        let page = self.pages.get(page).filter(|page| page.is_of(Column::Wide))?;
        let stored = self.stored(chunk, page)?;
        if !page.is_compressed {
            return Some(stored.to_vec());
        }
        let mut values = Vec::new();
        inflate.into(stored, page.raw, &mut values)?;
        Some(values)
    }
}

impl PageAt {
    /// Whether its bytes can be its values.
    fn is_of(&self, column: Column) -> bool {
        column.width().and_then(|width| self.values.checked_mul(width)) == Some(self.raw)
    }
}

/// Decompresses pages, one after the other in the same memory.
#[derive(Default)]
pub struct Inflate {
    zstd: Option<zstd::bulk::Decompressor<'static>>,
    values: Vec<u8>,
}

impl Inflate {
    /// What `stored` holds, which must be `raw` bytes.
    fn page(&mut self, stored: &[u8], raw: usize) -> Option<&[u8]> {
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        self.into(stored, raw, &mut values)?;
        self.values = values;
        Some(&self.values)
    }

    /// The same, to where it stays.
    fn into(&mut self, stored: &[u8], raw: usize, values: &mut Vec<u8>) -> Option<()> {
        let zstd = match &mut self.zstd {
            Some(zstd) => zstd,
            none => none.insert(zstd::bulk::Decompressor::new().ok()?),
        };
        values.reserve_exact(raw);
        // Memory of larger pages before may leave more room than this page may fill.
        zstd.decompress_to_buffer(stored, values).ok().filter(|len| *len == raw)?;
        Some(())
    }
}
