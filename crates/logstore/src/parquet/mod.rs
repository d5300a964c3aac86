//! The subset of Parquet that segments use: five columns, four of them lists, data pages of version 2 with zstd, and one
//! encoding per column. Written and read here because each slot of a template wants a page of its own, because a footer
//! of a few hundred bytes matters in small segments, and because the reader must survive any bytes. Every other Parquet
//! reader opens these files.

mod levels;
mod page;
mod planes;
mod read;
mod thrift;
mod write;

pub use page::{Texts, WIDE};
pub use planes::{Planes, PlanesPage};
pub use read::{Chunk, Footer, Inflate, Pages, RowGroup, footer_len, read_footer};
pub use write::{FileWriter, Row};

/// The columns of a segment, in the order of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// What the row holds, as text; one value in each row.
    What,
    /// Lists of byte strings.
    Text,
    /// Lists of 32-bit integers: numbers of dictionary entries.
    Code,
    /// Lists of 64-bit integers.
    Num,
    /// Lists of 16 bytes.
    Wide,
}

impl Column {
    pub const ALL: [Self; 5] = [Self::What, Self::Text, Self::Code, Self::Num, Self::Wide];

    fn name(self) -> &'static str {
        match self {
            Self::What => "what",
            Self::Text => "text",
            Self::Code => "code",
            Self::Num => "num",
            Self::Wide => "wide",
        }
    }

    /// Parquet's physical type.
    fn physical(self) -> i32 {
        match self {
            Self::What | Self::Text => 6,
            Self::Code => 1,
            Self::Num => 2,
            Self::Wide => 7,
        }
    }

    /// Bytes of a value; `None` when they differ.
    fn width(self) -> Option<usize> {
        match self {
            Self::What | Self::Text => None,
            Self::Code => Some(4),
            Self::Num => Some(8),
            Self::Wide => Some(WIDE),
        }
    }

    fn is_list(self) -> bool {
        self != Self::What
    }

    fn encoding(self) -> i32 {
        match self {
            Self::What | Self::Text => page::DELTA_LENGTH_BYTE_ARRAY,
            Self::Code | Self::Num => page::BYTE_STREAM_SPLIT,
            Self::Wide => page::PLAIN,
        }
    }
}

/// Keys of the footer: what the writer says of the file, and first and last time of each block.
const ABOUT: &str = "logstore";
const TIMES: &str = "times";
const MAGIC: &[u8; 4] = b"PAR1";
const ZSTD: i32 = 6;
const RLE: i32 = 3;
