//! Tells which lines of a stream belong to the line before: the frames of a stack trace (Java, Python, Go, Rust,
//! Node), and what a program indents below its message.
//!
//! The answer comes with the line itself: nothing waits for the next line, so an error is known as soon as its first
//! line is written.

use crate::header::is_timed;

/// Lines after which a trace is taken as finished, so that a stream of indented lines is not one event for ever.
const LONGEST: usize = 1_000;

/// What a line is to the line before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The first line of an event, and mostly the only one.
    Head,
    /// It belongs to the event of the last head.
    Continuation,
}

/// Where in a trace the stream is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before the first line.
    #[default]
    Start,
    Message,
    /// Behind `Traceback`: frames are indented, the first line that is not names the exception.
    Python,
    /// Behind the exception of a traceback, where another may follow.
    PythonEnd,
    /// Behind `panic:`, to the end of the goroutines.
    Go,
    /// Behind `panicked at`: the next line is the panic's message.
    RustMessage,
    /// Behind that message.
    Rust,
    /// Behind the `^` under the line that threw.
    Caret,
}

/// Follows one stream.
#[derive(Clone, Debug, Default)]
pub struct Joiner {
    place: Place,
    lines: usize,
}

impl Joiner {
    /// What the next line of the stream is.
    pub fn feed(&mut self, line: &[u8]) -> Role {
        let line = line.trim_ascii_end();
        let (role, place) = self.judge(line);
        if role == Role::Head || self.lines >= LONGEST {
            self.lines = 0;
            self.place = begin(line);
            return Role::Head;
        }
        self.lines += 1;
        self.place = place;
        role
    }

    fn judge(&self, line: &[u8]) -> (Role, Place) {
        use Place::*;
        let stays = (Role::Continuation, self.place);
        let head = (Role::Head, Message);
        let indented = matches!(line.first(), Some(b' ' | b'\t'));
        let opens = |words: &[&[u8]]| words.iter().any(|word| line.starts_with(word));
        if self.place == Start {
            return head;
        }
        if line.ends_with(b"^") && indented {
            return (Role::Continuation, Caret);
        }
        if indented
            || opens(&[
                b"Caused by: ",
                b"Suppressed: ",
                b"... ",
                b"stack backtrace:",
                b"note: run with `RUST_BACKTRACE",
            ])
        {
            return stays;
        }
        if line == b"Traceback (most recent call last):" {
            return (Role::Continuation, Python);
        }
        if opens(&[b"During handling of the above exception", b"The above exception was the direct cause"]) {
            return (Role::Continuation, PythonEnd);
        }
        match self.place {
            Start | Message | Rust => head,
            _ if line.first() == Some(&b'{') || is_timed(line) => head,
            Python => (Role::Continuation, PythonEnd),
            PythonEnd | Caret | Go if line.is_empty() => stays,
            Caret if line.contains(&b':') => (Role::Continuation, Message),
            RustMessage => (Role::Continuation, Rust),
            Go if opens(&[b"goroutine ", b"created by ", b"[signal ", b"exit status "]) || line.ends_with(b")") => {
                stays
            }
            PythonEnd | Go | Caret => head,
        }
    }
}

/// Where a stream is behind the first line of an event.
fn begin(line: &[u8]) -> Place {
    if line == b"Traceback (most recent call last):" {
        Place::Python
    } else if line.starts_with(b"panic: ") || line.starts_with(b"fatal error: ") {
        Place::Go
    } else if line.starts_with(b"thread '")
        && line.ends_with(b":")
        && line.windows(13).any(|part| part == b"' panicked at")
    {
        Place::RustMessage
    } else {
        Place::Message
    }
}
