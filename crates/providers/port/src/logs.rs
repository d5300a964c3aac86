//! The logs of one resource, followed from a place that the reader knows.
//!
//! A provider promises: every line once and in the order of its stream, also when the reader comes back with the position
//! of the last line that it has kept. What the platform itself has thrown away cannot be given.

use std::fmt;

use async_trait::async_trait;
use futures::stream::BoxStream;
use overseer_model::Timestamp;

/// Longest line that is given; the rest of a longer one is dropped and counted.
pub const LONGEST_LINE: usize = 64 * 1024;

/// When a line was written, by the platform's own clock: nanoseconds since 1970, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogTime(pub i64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogStream {
    Stdout,
    Stderr,
}

/// A place in a log, written by its provider and opaque to everybody else. A few bytes that can be stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LogPosition {
    length: u8,
    bytes: [u8; LogPosition::LONGEST],
}

impl LogPosition {
    /// Most bytes of a position.
    pub const LONGEST: usize = 47;

    /// From what [`Self::as_bytes`] gave; `None` when it is too long to be one.
    #[must_use]
    pub fn from_bytes(given: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::LONGEST];
        bytes.get_mut(..given.len())?.copy_from_slice(given);
        Some(Self { length: u8::try_from(given.len()).ok()?, bytes })
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

impl fmt::Debug for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogPosition({:02x?})", self.as_bytes())
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub at: LogTime,
    pub stream: LogStream,
    /// Without its line end.
    pub text: Vec<u8>,
    /// Bytes of the line beyond [`LONGEST_LINE`], which are in no text.
    pub dropped: u64,
    /// After this line, and after every line given before it.
    pub position: LogPosition,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStart {
    Beginning,
    /// With the first line that was written then or later.
    Since(Timestamp),
    /// With the first line after this position.
    After(LogPosition),
}

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("the engine at `{place}` provides no logs: start it, or correct its address")]
    Unreachable {
        place: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The connection ended within the log.
    #[error("the log of `{id}` was interrupted")]
    Interrupted {
        id: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("resource `{id}` not found, or being removed")]
    NotFound { id: String },
    /// It stays so until the resource is made anew.
    #[error("the log driver `{driver}` of `{id}` cannot be read: use json-file, local or journald")]
    NotReadable { id: String, driver: String },
    #[error("the engine rejected reading the log of `{id}` with status {status}: {why}")]
    Refused { id: String, status: u16, why: String },
    #[error("invalid stored position of `{id}`: remove it to read from the beginning")]
    BadPosition { id: String },
    #[error("the log of `{id}` cannot be parsed: {why}")]
    Malformed { id: String, why: &'static str },
}

impl LogError {
    /// Whether the same request can succeed later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Interrupted { .. } | Self::Refused { .. } | Self::Malformed { .. } => true,
            Self::NotFound { .. } | Self::NotReadable { .. } | Self::BadPosition { .. } => false,
        }
    }
}

/// Reads the logs of one platform.
#[async_trait]
pub trait Logs: Send + Sync {
    /// The lines of one resource. The stream ends when the resource does, or with an error; nothing is read ahead of what was
    /// asked for but a buffer of the connection, so a reader that waits makes the platform keep the log. An engine may end it
    /// before the last line is stored: whoever wants every line follows again from the last, until nothing more comes.
    async fn follow_logs(
        &self,
        id: &str,
        from: LogStart,
    ) -> Result<BoxStream<'static, Result<LogLine, LogError>>, LogError>;
}
