//! The grammar of the column `what`: which part of which layout a row holds, and how to read its lists.
//!
//! `<layout> <part> <kind> <refer>`; see the crate's documentation for the meaning.

use std::fmt;

use crate::shape::Kind;

/// What a row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `text`: the constants around the slots; `num`: the number of lines.
    Template,
    /// Nanoseconds since the epoch, each as difference to the line before it, in units of the kind.
    Time,
    /// Order among lines of the same time.
    Tie,
    /// Resource and instance, as number in the block's list of sources.
    Source,
    /// Stream, severity and signature, as number in the block's list of classes.
    Class,
    /// The values of a slot.
    Slot(u16),
}

/// What a number is counted from. Differences are zigzag-coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refer {
    /// Nothing.
    Zero,
    /// The value in the line before.
    Previous,
    /// The time of day of the line's own time, in the unit of the kind.
    Day,
    /// The line's own time in units of so many nanoseconds.
    Epoch(u64),
    /// The list is a table, and the row's own codes number its entries.
    Table,
    /// A table for the codes of another part: the value follows from that one.
    Codes(CodeOf),
}

/// Whose codes a row uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeOf {
    Source,
    Slot(u16),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Template => f.write_str("template"),
            Self::Time => f.write_str("time"),
            Self::Tie => f.write_str("tie"),
            Self::Source => f.write_str("source"),
            Self::Class => f.write_str("class"),
            Self::Slot(slot) => write!(f, "{slot}"),
        }
    }
}

impl fmt::Display for Refer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Zero => f.write_str("-"),
            Self::Previous => f.write_str("previous"),
            Self::Day => f.write_str("day"),
            Self::Epoch(unit) => write!(f, "epoch{unit}"),
            Self::Table => f.write_str("#"),
            Self::Codes(CodeOf::Source) => f.write_str("@source"),
            Self::Codes(CodeOf::Slot(slot)) => write!(f, "@{slot}"),
        }
    }
}

/// A row of the column `what`, or `None` when it is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct What {
    pub layout: u32,
    pub part: Part,
    pub kind: Kind,
    pub refer: Refer,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {} {} {}", self.layout, self.part, self.kind.name(), self.refer)
    }
}

impl What {
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let layout = words.next()?.parse().ok()?;
        let part = match words.next()? {
            "template" => Part::Template,
            "time" => Part::Time,
            "tie" => Part::Tie,
            "source" => Part::Source,
            "class" => Part::Class,
            slot => Part::Slot(slot.parse().ok()?),
        };
        let kind = Kind::parse(words.next()?)?;
        let refer = match words.next()? {
            "-" => Refer::Zero,
            "previous" => Refer::Previous,
            "day" => Refer::Day,
            "#" => Refer::Table,
            "@source" => Refer::Codes(CodeOf::Source),
            other => match other.strip_prefix('@') {
                Some(slot) => Refer::Codes(CodeOf::Slot(slot.parse().ok()?)),
                None => Refer::Epoch(other.strip_prefix("epoch")?.parse().ok().filter(|unit| *unit > 0)?),
            },
        };
        words.next().is_none().then_some(Self { layout, part, kind, refer })
    }
}

/// Names of the rows that hold a block's tables.
pub const SOURCES: &str = "sources";
pub const CLASSES: &str = "classes";
