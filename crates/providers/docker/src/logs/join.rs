//! From the pieces of entries to whole lines, in bounded memory.

use overseer_provider_port::{LONGEST_LINE, LogLine, LogPosition, LogStream, LogTime};

use super::decode::Piece;
use super::position::{Progress, Run};

/// A line that is not whole yet.
#[derive(Debug, Default)]
struct Pending {
    /// Of its first entry; `None` while there is no line.
    at: Option<i64>,
    entries: u32,
    text: Vec<u8>,
    dropped: u64,
}

impl Pending {
    fn add(&mut self, text: &[u8]) {
        let room = LONGEST_LINE - self.text.len().min(LONGEST_LINE);
        let (kept, dropped) = text.split_at(text.len().min(room));
        self.text.extend_from_slice(kept);
        self.dropped += dropped.len() as u64;
    }
}

/// Puts entries together and counts them.
#[derive(Debug)]
pub(crate) struct Join {
    progress: Progress,
    stdout: Pending,
    stderr: Pending,
    /// The entry that pieces belong to now; `None` when it is skipped.
    current: Option<LogStream>,
}

impl Join {
    pub fn new(progress: Progress) -> Self {
        Self { progress, stdout: Pending::default(), stderr: Pending::default(), current: None }
    }

    /// Takes a piece; gives the line that it ends.
    pub fn take(&mut self, piece: Piece<'_>) -> Option<LogLine> {
        match piece {
            Piece::Begin { stream, at } => {
                self.current = if self.progress.skips(stream, at) { None } else { Some(stream) };
                if let Some(pending) = self.pending() {
                    pending.at.get_or_insert(at);
                    pending.entries = pending.entries.saturating_add(1);
                }
                None
            }
            Piece::Text(text) => {
                if let Some(pending) = self.pending() {
                    pending.add(text);
                }
                None
            }
            Piece::End { whole } => {
                let stream = self.current.take().filter(|_| whole)?;
                self.line(stream)
            }
        }
    }

    /// What is left when the log has ended within a line: its container ended there.
    pub fn rest(&mut self) -> impl Iterator<Item = LogLine> {
        let lines = [LogStream::Stdout, LogStream::Stderr].map(|stream| self.line(stream));
        lines.into_iter().flatten()
    }

    fn pending(&mut self) -> Option<&mut Pending> {
        match self.current? {
            LogStream::Stdout => Some(&mut self.stdout),
            LogStream::Stderr => Some(&mut self.stderr),
        }
    }

    fn line(&mut self, stream: LogStream) -> Option<LogLine> {
        let (ended, other) = match stream {
            LogStream::Stdout => (&mut self.stdout, &self.stderr),
            LogStream::Stderr => (&mut self.stderr, &self.stdout),
        };
        let Pending { at, entries, text, dropped } = std::mem::take(ended);
        let at = at?;
        self.progress.finish(Run { at, stream, entries });
        let position: LogPosition = self.progress.position(other.at)?;
        Some(LogLine { at: LogTime(at), stream, text, dropped, position })
    }
}
