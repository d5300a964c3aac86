//! A segment: the lines of one day and group in one Parquet file, by template.

mod choose;
mod columns;
mod digits;
mod encode;
pub mod find;
mod outline;
mod read;
mod rows;
mod values;
mod walk;

pub use encode::{Lines, write_block};
pub use read::{Block, Layout, ReadError, Source, footer, or_corrupt};
pub use values::{Coded, Printer};
pub use walk::{Pattern, Walk};

use crate::parquet::RowGroup;

/// Reads every line of a segment's file, as a search would; the bytes may be anything.
///
/// # Errors
/// The first thing that is not as a segment has it. It never panics, and uses memory in proportion to what the
/// largest block of the file announces, which is bounded by its length.
pub fn check(bytes: &[u8]) -> Result<Checked, ReadError> {
    let footer = footer(bytes)?;
    let mut checked = Checked::default();
    for group in &footer.groups {
        check_block(bytes, group, &mut checked)?;
    }
    Ok(checked)
}

/// What [`check`] saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    pub lines: u64,
    /// Bytes of the lines with a line end each.
    pub payload: u64,
}

/// Longest text that a line of a file may print as; what is longer was not written by the store.
const MAX_LINE: usize = 64 << 20;

fn check_block(bytes: &[u8], group: &RowGroup, checked: &mut Checked) -> Result<(), ReadError> {
    let block = Block::open(bytes, group)?;
    let mut text = Vec::new();
    for layout in &block.layouts {
        block.times(layout)?;
        block.ties(layout)?;
        block.load(&mut block.source_codes(layout)?)?;
        block.load(&mut block.class_codes(layout)?)?;
        let printer = Printer::new(&block, layout, 0..layout.count)?;
        for line in 0..layout.count {
            text.clear();
            printer.put(line, &mut text);
            checked.lines += 1;
            checked.payload += text.len() as u64 + 1;
            or_corrupt((text.len() <= MAX_LINE).then_some(()), "lines")?;
        }
    }
    Ok(())
}
