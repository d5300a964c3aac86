//! Writes a segment's file: rows go to pages as they come, a long list gets a page of its own.

use super::page::{Texts, WIDE, put_texts, split};
use super::thrift::{BINARY, I32, STRUCT, Writer};
use super::{Column, MAGIC, RLE, ZSTD, levels};

/// A list of at least so many bytes does not share its page, so that it is read and decompressed alone.
const OWN_PAGE: usize = 12 * 1024;
/// A shared page ends here.
const SHARED_PAGE: usize = 64 * 1024;
/// Compression that saves less than this share is not worth undoing at each read.
const WORTH: usize = 50;

/// One row: what it holds, and its lists.
#[derive(Debug, Default)]
pub struct Row {
    pub what: String,
    pub text: Texts,
    pub code: Vec<u32>,
    pub num: Vec<i64>,
    /// [`WIDE`] bytes each.
    pub wide: Vec<u8>,
}

impl Row {
    pub fn bytes(&self) -> usize {
        self.text.bytes.len() + 4 * self.text.len() + 4 * self.code.len() + 8 * self.num.len() + self.wide.len()
    }
}

pub struct FileWriter {
    out: Vec<u8>,
    zstd: zstd::bulk::Compressor<'static>,
    /// The block under way.
    columns: [Pending; 5],
    rows: usize,
    groups: Vec<WrittenGroup>,
}

struct WrittenGroup {
    rows: usize,
    /// First and last time of its lines.
    times: (i64, i64),
    chunks: [WrittenChunk; 5],
}

#[derive(Default)]
struct WrittenChunk {
    offset: usize,
    entries: usize,
    raw: usize,
    stored: usize,
}

/// Values of one column that wait for their page, and the pages already made.
struct Pending {
    column: Column,
    texts: Texts,
    codes: Vec<u32>,
    nums: Vec<i64>,
    wide: Vec<u8>,
    counts: Vec<usize>,
    pages: Vec<u8>,
    entries: usize,
    raw: usize,
}

impl FileWriter {
    pub fn new(level: i32) -> std::io::Result<Self> {
        let columns = Column::ALL.map(|column| Pending {
            column,
            texts: Texts::default(),
            codes: Vec::new(),
            nums: Vec::new(),
            wide: Vec::new(),
            counts: Vec::new(),
            pages: Vec::new(),
            entries: 0,
            raw: 0,
        });
        let zstd = zstd::bulk::Compressor::new(level)?;
        Ok(Self { out: MAGIC.to_vec(), zstd, columns, rows: 0, groups: Vec::new() })
    }

    pub fn row(&mut self, row: &Row) -> std::io::Result<()> {
        self.rows += 1;
        for pending in &mut self.columns {
            pending.add(row, &mut self.zstd)?;
        }
        Ok(())
    }

    /// Ends a row group whose lines are of these times, both included.
    pub fn end_block(&mut self, times: (i64, i64)) -> std::io::Result<()> {
        let mut chunks: [WrittenChunk; 5] = Default::default();
        for (pending, chunk) in self.columns.iter_mut().zip(&mut chunks) {
            pending.flush(&mut self.zstd)?;
            let pages = std::mem::take(&mut pending.pages);
            *chunk = WrittenChunk {
                offset: self.out.len(),
                entries: std::mem::take(&mut pending.entries),
                raw: std::mem::take(&mut pending.raw),
                stored: pages.len(),
            };
            self.out.extend_from_slice(&pages);
        }
        self.groups.push(WrittenGroup { rows: std::mem::take(&mut self.rows), times, chunks });
        Ok(())
    }

    /// The whole file, with `about` in its footer.
    pub fn finish(mut self, about: &str) -> Vec<u8> {
        let footer = footer(&self.groups, about);
        self.out.extend_from_slice(&footer);
        self.out.extend_from_slice(&(footer.len() as u32).to_le_bytes());
        self.out.extend_from_slice(MAGIC);
        self.out
    }
}

impl Pending {
    fn add(&mut self, row: &Row, zstd: &mut zstd::bulk::Compressor) -> std::io::Result<()> {
        let (count, bytes) = match self.column {
            Column::What => (1, row.what.len()),
            Column::Text => (row.text.len(), row.text.bytes.len() + 4 * row.text.len()),
            Column::Code => (row.code.len(), 4 * row.code.len()),
            Column::Num => (row.num.len(), 8 * row.num.len()),
            Column::Wide => (row.wide.len() / WIDE, row.wide.len()),
        };
        let own = bytes >= OWN_PAGE;
        if own {
            self.flush(zstd)?;
        }
        match self.column {
            Column::What => self.texts.push(row.what.as_bytes()),
            Column::Text => row.text.iter().for_each(|text| self.texts.push(text)),
            Column::Code => self.codes.extend_from_slice(&row.code),
            Column::Num => self.nums.extend_from_slice(&row.num),
            Column::Wide => self.wide.extend_from_slice(&row.wide),
        }
        self.counts.push(count);
        if own || self.bytes() >= SHARED_PAGE { self.flush(zstd) } else { Ok(()) }
    }

    fn bytes(&self) -> usize {
        self.texts.bytes.len() + 4 * (self.texts.len() + self.codes.len()) + 8 * self.nums.len() + self.wide.len()
    }

    fn flush(&mut self, zstd: &mut zstd::bulk::Compressor) -> std::io::Result<()> {
        if self.counts.is_empty() {
            return Ok(());
        }
        let mut values = Vec::with_capacity(self.bytes() + 64);
        match self.column {
            Column::What | Column::Text => put_texts(&self.texts, &mut values),
            Column::Code => split(self.codes.iter().map(|code| code.to_le_bytes()), &mut values),
            Column::Num => split(self.nums.iter().map(|num| num.to_le_bytes()), &mut values),
            Column::Wide => values.append(&mut self.wide),
        }
        self.texts.bytes.clear();
        self.texts.ends.clear();
        self.codes.clear();
        self.nums.clear();
        let packed = if values.is_empty() { Vec::new() } else { zstd.compress(&values)? };
        let is_compressed = packed.len() + values.len() / WORTH < values.len();
        self.page(&values, if is_compressed { &packed } else { &values }, is_compressed);
        self.counts.clear();
        Ok(())
    }

    fn page(&mut self, values: &[u8], stored: &[u8], is_compressed: bool) {
        let (mut repetition, mut definition) = (Vec::new(), Vec::new());
        if self.column.is_list() {
            let again = |count: &usize| [(false, 1), (true, count.saturating_sub(1))];
            repetition = levels::encode(self.counts.iter().flat_map(again));
            definition = levels::encode(self.counts.iter().map(|count| (*count > 0, (*count).max(1))));
        }
        let entries: usize = self.counts.iter().map(|count| (*count).max(1)).sum();
        let empty = self.counts.iter().filter(|count| **count == 0).count();
        let levels = repetition.len() + definition.len();
        let mut sum = crc32fast::Hasher::new();
        [&repetition, &definition, stored].into_iter().for_each(|part| sum.update(part));
        let header = Writer::structure(|header| {
            header.i32(1, 3); // DATA_PAGE_V2
            header.i32(2, (levels + values.len()) as i32);
            header.i32(3, (levels + stored.len()) as i32);
            header.i32(4, sum.finalize() as i32);
            header.inner(8, |page| {
                page.i32(1, entries as i32);
                page.i32(2, empty as i32);
                page.i32(3, self.counts.len() as i32);
                page.i32(4, self.column.encoding());
                page.i32(5, definition.len() as i32);
                page.i32(6, repetition.len() as i32);
                page.bool(7, is_compressed);
            });
        });
        self.entries += entries;
        self.raw += header.len() + levels + values.len();
        for part in [&header, &repetition, &definition, stored] {
            self.pages.extend_from_slice(part);
        }
    }
}

fn footer(groups: &[WrittenGroup], about: &str) -> Vec<u8> {
    Writer::structure(|file| {
        file.i32(1, 2);
        file.list(2, STRUCT, 1 + Column::ALL.len());
        file.element(|root| {
            root.text(4, "segment");
            root.i32(5, Column::ALL.len() as i32);
        });
        for column in Column::ALL {
            file.element(|leaf| {
                leaf.i32(1, column.physical());
                if column == Column::Wide {
                    leaf.i32(2, WIDE as i32);
                }
                leaf.i32(3, if column.is_list() { 2 } else { 0 });
                leaf.text(4, column.name());
                if column == Column::What {
                    leaf.i32(6, 0); // UTF8
                }
            });
        }
        file.i64(3, groups.iter().map(|group| group.rows as i64).sum());
        file.list(4, STRUCT, groups.len());
        for group in groups {
            file.element(|out| row_group(out, group));
        }
        let times: Vec<String> = groups.iter().map(|group| format!("{} {}", group.times.0, group.times.1)).collect();
        let pairs = [(super::ABOUT, about), (super::TIMES, &times.join("\n"))];
        file.list(5, STRUCT, pairs.len());
        for (key, value) in pairs {
            file.element(|pair| {
                pair.text(1, key);
                pair.text(2, value);
            });
        }
    })
}

fn row_group(out: &mut Writer, group: &WrittenGroup) {
    out.list(1, STRUCT, group.chunks.len());
    for (column, chunk) in Column::ALL.into_iter().zip(&group.chunks) {
        out.element(|out| {
            out.i64(2, 0);
            out.inner(3, |meta| {
                meta.i32(1, column.physical());
                let encodings = [column.encoding(), RLE];
                meta.list(2, I32, encodings.len());
                encodings.into_iter().for_each(|encoding| meta.i32_element(encoding));
                meta.list(3, BINARY, 1);
                meta.text_element(column.name());
                meta.i32(4, ZSTD);
                meta.i64(5, chunk.entries as i64);
                meta.i64(6, chunk.raw as i64);
                meta.i64(7, chunk.stored as i64);
                meta.i64(9, chunk.offset as i64);
            });
        });
    }
    out.i64(2, group.chunks.iter().map(|chunk| chunk.raw as i64).sum());
    out.i64(3, group.rows as i64);
}
