//! Finds where the message of a line begins: behind the time, the level, the thread and the logger that most
//! programs write first. No configuration, and nothing is remembered between lines: a stream may mix formats.
//!
//! A line without a time, or with one in an unknown notation, has no header: it is all message.

use std::ops::Range;

use crate::severity::Severity;
use crate::stamp;

/// What stands before the message, as ranges of the line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub time: Option<Range<usize>>,
    pub severity: Option<Severity>,
    pub thread: Option<Range<usize>>,
    pub logger: Option<Range<usize>>,
    /// Where the message begins.
    pub message: usize,
}

/// How many pieces a header may have after its time.
const MOST_PIECES: usize = 12;
/// How many pieces may stand between the time and the level.
const MOST_BEFORE_LEVEL: usize = 6;
/// How many pieces may stand before the time.
const MOST_BEFORE_TIME: usize = 4;
/// The longest thread or context in brackets. Bytes.
const LONGEST_BRACKET: usize = 256;

/// Reads the header of `line`.
pub fn header(line: &[u8]) -> Header {
    let first = line.first().copied().unwrap_or_default();
    if matches!(first, b'{' | b' ' | b'\t' | 0) {
        return Header::default();
    }
    if let Some(header) = klog(line) {
        return header;
    }
    let Some((start, stamp)) = first_stamp(line) else { return level_first(line) };
    let mut walk = Walk {
        line,
        at: stamp.end,
        stamped_again: false,
        header: Header { time: Some(start..stamp.end), ..Header::default() },
    };
    walk.further_stamps();
    if stamp.bsd {
        walk.syslog();
    }
    walk.pieces();
    let Header { severity, thread, logger, .. } = &walk.header;
    let alone = severity.is_none() && thread.is_none() && logger.is_none() && !walk.stamped_again;
    if stamp.bare && alone {
        return Header::default();
    }
    Header { message: walk.at, ..walk.header }
}

/// Whether [`header`] finds a time.
pub(crate) fn is_timed(line: &[u8]) -> bool {
    if matches!(line.first(), None | Some(b'{' | b' ' | b'\t' | 0)) {
        return false;
    }
    match first_stamp(line) {
        Some((_, stamp)) if stamp.bare => header(line).time.is_some(),
        Some(_) => true,
        None => klog(line).is_some(),
    }
}

/// `I0301 00:00:48.450987       1 cache.go:301] message`
fn klog(line: &[u8]) -> Option<Header> {
    let severity = Severity::lettered(*line.first()?).filter(|_| line.get(1..5).is_some_and(|day| digits(day) == 4))?;
    let end = stamp::clock(line, 6)?;
    let bracket = line.get(end..end + 96.min(line.len() - end))?.windows(2).position(|pair| pair == b"] ")? + end;
    let logger = line.get(..bracket)?.iter().rposition(|&byte| byte == b' ')? + 1;
    Some(Header {
        time: Some(1..end),
        severity: Some(severity),
        thread: None,
        logger: Some(logger..bracket),
        message: bracket + 2,
    })
}

/// `ERROR: message`, `[warn] message`: a level and nothing before it.
fn level_first(line: &[u8]) -> Header {
    let mut walk = Walk { line, at: 0, stamped_again: false, header: Header::default() };
    let letter_or_bracket = line.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'[');
    if letter_or_bracket && walk.level() {
        walk.pieces();
    }
    walk.header.message = walk.at;
    walk.header
}

/// The first time in the line's first pieces, with where it starts.
fn first_stamp(line: &[u8]) -> Option<(usize, stamp::Stamp)> {
    let mut at = 0;
    for piece in 0..MOST_BEFORE_TIME {
        let bracket = usize::from(matches!(line.get(at), Some(b'[' | b'<' | b'(')));
        if let Some(stamp) = stamp::stamp(line, at + bracket) {
            // An access log has its time behind the client: it is all message.
            return (piece == 0 || !stamp.clf).then_some((at + bracket, stamp));
        }
        let (mut end, mut digit) = (at, false);
        while let Some(&byte) = line.get(end).filter(|byte| !matches!(byte, b' ' | b'\t')) {
            digit |= byte.is_ascii_digit();
            end += 1;
        }
        if !digit && line.get(at..end) != Some(b"-") {
            return None;
        }
        at = end + blanks(line, end);
    }
    None
}

struct Walk<'a> {
    line: &'a [u8],
    at: usize,
    /// There was a second time.
    stamped_again: bool,
    header: Header,
}

impl Walk<'_> {
    fn rest(&self) -> &[u8] {
        self.line.get(self.at..).unwrap_or_default()
    }

    /// A second time, with a host or node between (BlueGene writes three).
    fn further_stamps(&mut self) {
        for _ in 0..2 {
            let mut at = self.at + blanks(self.line, self.at);
            if at == self.at {
                return;
            }
            let mut end = stamp::stamp(self.line, at).map(|stamp| stamp.end);
            if end.is_none() && digits_anywhere(self.line.get(at..token_end(self.line, at)).unwrap_or_default()) {
                at = token_end(self.line, at);
                at += blanks(self.line, at);
                end = stamp::stamp(self.line, at).map(|stamp| stamp.end);
                // The node is written again behind the second time.
                end = end.map(|end| {
                    let next = end + blanks(self.line, end);
                    let stop = token_end(self.line, next);
                    if digits_anywhere(self.line.get(next..stop).unwrap_or_default()) { stop } else { end }
                });
            }
            let Some(end) = end else { return };
            self.at = end;
            self.stamped_again = true;
        }
    }

    /// `host tag[pid]: message`
    fn syslog(&mut self) {
        let host = self.at + blanks(self.line, self.at);
        let host_end = token_end(self.line, host);
        if self.line.get(host..host_end).is_none_or(|token| token.is_empty() || token.ends_with(b":")) {
            return;
        }
        self.at = host_end + blanks(self.line, host_end);
        let mut end = self.at;
        for _ in 0..2 {
            end = token_end(self.line, end);
            if self.line.get(self.at..end).is_some_and(|token| token.ends_with(b":")) {
                self.header.logger = Some(self.at..end - 1);
                self.at = end + blanks(self.line, end);
                return;
            }
            end += blanks(self.line, end);
        }
    }

    fn pieces(&mut self) {
        for _ in 0..MOST_PIECES {
            self.separators();
            if !(self.level() || self.thread() || self.logger() || self.field()) {
                break;
            }
        }
    }

    /// Blanks, and the marks that stand between the pieces of a header.
    fn separators(&mut self) {
        loop {
            let length = match self.rest() {
                [b' ' | b'\t' | b'|' | b']', ..] => 1,
                [b':' | b',' | b'-' | b'*' | b'#', b' ' | b'\t', ..] => 2,
                [b'-', b'-', b' ', ..] => 3,
                [b'-', b'-', b'-', b' ', ..] => 4,
                _ => return,
            };
            self.at += length;
        }
    }

    /// A level's name or letter, bare, in brackets, or with its colon; or behind a few pieces that say who speaks.
    fn level(&mut self) -> bool {
        if self.header.severity.is_some() {
            return false;
        }
        let mut at = self.at;
        for piece in 0..MOST_BEFORE_LEVEL {
            if let Some((severity, end)) = level_at(self.line, at, self.header.time.is_some()) {
                self.header.severity = Some(severity);
                self.at = end;
                return true;
            }
            let end = token_end(self.line, at);
            let token = self.line.get(at..end).unwrap_or_default();
            if self.header.time.is_none()
                || token.is_empty()
                || !(says_who(token) || piece == 0 && token.starts_with(b"["))
            {
                return false;
            }
            at = end + blanks(self.line, end);
        }
        false
    }

    /// `[nio-8080-exec-1]`, `[main]`, `[-]`, `[req-38101a0b 113d3a99 - -]`; not `[client 10.0.0.1]`.
    fn thread(&mut self) -> bool {
        if !self.rest().starts_with(b"[") {
            return false;
        }
        let Some(length) = bracket_length(self.rest()) else { return false };
        let inside = self.rest().get(1..length - 1).unwrap_or_default();
        if inside.is_empty()
            || !inside
                .split(|&byte| byte == b' ')
                .all(|part| part == b"-" || digits_anywhere(part) || part.len() == inside.len())
        {
            return false;
        }
        self.header.thread.get_or_insert(self.at + 1..self.at + length - 1);
        self.at += length;
        if self.rest().starts_with(b":") {
            self.at += 1;
        }
        true
    }

    /// `com.acme.Orders:`, `dfs.DataNode$PacketResponder:`, `WindowManager:`, `nova.compute.manager `.
    fn logger(&mut self) -> bool {
        if self.header.logger.is_some() || self.header.time.is_none() {
            return false;
        }
        let end = token_end(self.line, self.at);
        let token = self.line.get(self.at..end).unwrap_or_default();
        let behind = end + blanks(self.line, end);
        let (name, next) = match token.strip_suffix(b":") {
            Some(name) => (name, end),
            // `logger          : message`
            None if self.line.get(behind) == Some(&b':') && self.line.get(behind + 1) == Some(&b' ') => {
                (token, behind + 1)
            }
            None if token.contains(&b'|') => {
                let length = token.iter().position(|&byte| byte == b'|').unwrap_or_default();
                (token.get(..length).unwrap_or_default(), self.at + length + 1)
            }
            None => (token, end),
        };
        let colon = next != end || token.ends_with(b":");
        if !(colon && has_capital_inside_or_mark(name) || dots(name) >= 2) || !is_name(name) {
            return false;
        }
        self.header.logger = Some(self.at..self.at + name.len());
        self.at = next;
        true
    }

    /// A number before a bar or a dash (`30002312|`, `1 ---`).
    fn field(&mut self) -> bool {
        let number = digits(self.rest());
        let behind = self.rest().get(number..).unwrap_or_default();
        let is_field = number > 0 && (behind.starts_with(b"|") || behind.starts_with(b" --- "));
        self.at += if is_field { number } else { 0 };
        is_field
    }
}

/// A level at `at`, and where the header goes on behind it.
fn level_at(line: &[u8], at: usize, timed: bool) -> Option<(Severity, usize)> {
    let bracket = usize::from(line.get(at) == Some(&b'['));
    let start = at + bracket;
    let length = line.iter().skip(start).take(12).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let name = line.get(start..start + length)?;
    let end = start + length;
    let next = line.get(end).copied().unwrap_or(b' ');
    let closed = bracket == 1 && next == b']';
    let named = closed || is_upper(name) && matches!(next, b' ' | b':' | b'/' | b'|' | b'\t' | b']' | b',');
    if !named || !(timed || closed || next == b':') {
        return None;
    }
    let severity = match name {
        [letter] if timed && !closed && matches!(next, b' ' | b'/') => Severity::lettered(*letter)?,
        _ => Severity::named(name)?,
    };
    Some(match next {
        // `INFO/ForkPoolWorker-1]`
        b'/' => {
            let stop = token_end(line, end);
            (severity, stop)
        }
        b']' | b':' | b'|' | b',' => (severity, end + 1),
        _ => (severity, end),
    })
}

fn is_upper(name: &[u8]) -> bool {
    name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// A piece that may stand between a time and a level: a process, a host, a subsystem, a thread.
fn says_who(token: &[u8]) -> bool {
    let lower = token.iter().any(u8::is_ascii_lowercase);
    digits_anywhere(token) || !lower || token.ends_with(b"]") || token.ends_with(b":") || dots(token) >= 2
}

fn is_name(token: &[u8]) -> bool {
    !token.is_empty()
        && token.len() <= 128
        && token.first().is_some_and(u8::is_ascii_alphabetic)
        && token.iter().all(|&byte| byte.is_ascii_alphanumeric() || is_name_mark(byte))
}

fn is_name_mark(byte: u8) -> bool {
    matches!(byte, b'.' | b'_' | b'$' | b'-' | b'/' | b'@' | b'#' | b':' | b'[' | b']' | b'(' | b')')
}

/// What tells a logger from the first word of a message.
fn has_capital_inside_or_mark(name: &[u8]) -> bool {
    name.iter().skip(1).any(|byte| byte.is_ascii_uppercase() || b"._$/-[(".contains(byte) || byte.is_ascii_digit())
        && name.iter().any(u8::is_ascii_lowercase)
}

fn dots(text: &[u8]) -> usize {
    text.iter().filter(|&&byte| byte == b'.').count()
}

/// How many of the first bytes are digits.
fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn digits_anywhere(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_digit)
}

fn blanks(line: &[u8], at: usize) -> usize {
    line.iter().skip(at).take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

fn token_end(line: &[u8], at: usize) -> usize {
    at + line.iter().skip(at).take_while(|byte| !matches!(byte, b' ' | b'\t')).count()
}

/// Length of a group in brackets, its own brackets counted.
fn bracket_length(text: &[u8]) -> Option<usize> {
    let mut depth = 0usize;
    for (index, byte) in text.iter().take(LONGEST_BRACKET).enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' if depth == 1 => return Some(index + 1),
            b']' => depth -= 1,
            _ => {}
        }
    }
    None
}
