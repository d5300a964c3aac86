//! The words of the store: what goes in and what comes out.

use std::fmt;
use std::sync::Arc;

/// Nanoseconds since 1970-01-01T00:00:00Z. Any value is allowed, also before 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub i64);

/// Nanoseconds of a day.
pub(crate) const DAY: i64 = 86_400_000_000_000;

impl Nanos {
    pub const MIN: Self = Self(i64::MIN);
    pub const MAX: Self = Self(i64::MAX);

    /// Days since 1970-01-01, in UTC.
    pub(crate) fn day(self) -> Day {
        Day(self.0.div_euclid(DAY) as i32)
    }
}

/// A day of UTC, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

/// Where a line was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    Stdout,
    Stderr,
    File,
}

impl Stream {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Stdout => 0,
            Self::Stderr => 1,
            Self::File => 2,
        }
    }

    pub(crate) fn from_code(code: u64) -> Self {
        match code {
            0 => Self::Stdout,
            1 => Self::Stderr,
            _ => Self::File,
        }
    }
}

/// How bad a line is: larger is worse. The meaning belongs to the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank(pub u8);

/// What kind of line it is, in the caller's own numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub u64);

/// A set of sources whose lines share segments. Any text, at most [`MAX_NAME`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(pub String);

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Longest name of a group, resource, instance or mark, in bytes.
pub const MAX_NAME: usize = 1024;

/// One line to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    pub time: Nanos,
    /// The workload that the line belongs to.
    pub resource: &'a str,
    /// What wrote it: a container or a file. A workload gets a new instance when its container is made again.
    pub instance: &'a str,
    pub stream: Stream,
    pub severity: Rank,
    pub signature: Signature,
    /// Any bytes, without the line end. At most [`crate::Config::record_bytes`].
    pub text: &'a [u8],
}

/// Names a value that is kept with the lines: how far a follower has read, for instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarkKey(pub String);

/// One line as it was kept. What many lines of a page have alike they share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub time: Nanos,
    pub group: Arc<Group>,
    pub resource: Arc<str>,
    pub instance: Arc<str>,
    pub stream: Stream,
    pub severity: Rank,
    pub signature: Signature,
    pub text: Vec<u8>,
}

/// What a record was committed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ack {
    /// Number of the commit: later ones have larger numbers.
    pub commit: u64,
}
