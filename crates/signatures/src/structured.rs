//! Lines that are JSON objects or logfmt: known by their keys and their message; every other value is a value,
//! whatever its letters.

use crate::atoms::{Atoms, Kind};
use crate::blocks::Blocks;
use crate::hash;
use crate::scan::scan;
use crate::severity::Severity;

/// What a key says of its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Message,
    Level,
    Other,
}

fn key_of(name: &[u8]) -> Key {
    match name {
        b"msg" | b"message" | b"MESSAGE" | b"Message" | b"event" | b"@m" | b"@mt" | b"log" | b"body" => Key::Message,
        b"level" | b"lvl" | b"severity" | b"loglevel" | b"log.level" | b"levelname" | b"PRIORITY" | b"@l" => Key::Level,
        _ => Key::Other,
    }
}

/// Atoms of a JSON object, and its severity where a key tells it. `None` when the line is not one; then the atoms mean nothing.
pub(crate) fn json(line: &[u8], blocks: &mut Blocks, start: usize, atoms: &mut Atoms) -> Option<Option<Severity>> {
    if line.get(start) != Some(&b'{') || line.last() != Some(&b'}') {
        return None;
    }
    blocks.quotes.read(line);
    let (mut at, mut key, mut severity) = (start, Key::Other, None);
    while let Some(&byte) = line.get(at) {
        at = match byte {
            b'"' => {
                let end = string_end(line, blocks, at + 1)?;
                let after = end + 1 + spaces(line, end + 1);
                let content = line.get(at + 1..end).unwrap_or_default();
                if line.get(after) == Some(&b':') {
                    key = key_of(content);
                    atoms.word(Kind::Word, at, end + 1, hash::bytes(content));
                    atoms.mark(after, after + 1, b':');
                    after + 1
                } else {
                    if key == Key::Level {
                        severity = severity.or(Severity::named(content));
                    }
                    if key == Key::Message {
                        message(line, blocks, at + 1, end, atoms);
                    } else {
                        atoms.value(at + 1, end);
                    }
                    end + 1
                }
            }
            b'{' | b'}' | b'[' | b']' | b',' => {
                atoms.mark(at, at + 1, byte);
                at + 1
            }
            b' ' | b'\t' => at + 1,
            _ => {
                let rest = line.get(at..).unwrap_or_default();
                let length = rest.iter().position(|&byte| ends_literal(byte)).unwrap_or(rest.len());
                if length == 0 {
                    return None;
                }
                if key == Key::Level {
                    severity = severity.or(rest.get(..length).and_then(Severity::numbered));
                }
                atoms.value(at, at + length);
                at + length
            }
        };
        // Mostly so, and a branch of its own is foreseen better.
        if line.get(at) == Some(&b',') {
            atoms.mark(at, at + 1, b',');
            at += 1;
        }
    }
    Some(severity)
}

/// A message from `start` to `end`, between quotes.
fn message(line: &[u8], blocks: &mut Blocks, start: usize, end: usize, atoms: &mut Atoms) {
    atoms.mark(start - 1, start, b'"');
    let line = line.get(..end).unwrap_or_default();
    blocks.read(line, start);
    scan(line, blocks, start, end, atoms);
    atoms.mark(end, end + 1, b'"');
}

#[inline(always)]
fn ends_literal(byte: u8) -> bool {
    matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'"' | b'{' | b'[' | b':')
}

/// Atoms of a logfmt line (`key=value key="more words"`) that has a message, and its severity.
pub(crate) fn logfmt(line: &[u8], blocks: &mut Blocks, start: usize, atoms: &mut Atoms) -> Option<Option<Severity>> {
    let text = line.get(start..)?;
    if !begins_with_pair(text, blocks.token(start).length) || !has_message(text) {
        return None;
    }
    blocks.quotes.read(line);
    let blocks = &*blocks;
    let (mut at, mut severity) = (start, None);
    while line.get(at).is_some() {
        let blank = spaces(line, at);
        if blank > 0 {
            atoms.space(at, at + blank);
            at += blank;
        }
        let name = line.iter().skip(at).take_while(|byte| !matches!(byte, b'=' | b' ' | b'\t' | b'"')).count();
        if name == 0 || line.get(at + name) != Some(&b'=') {
            let end = at + line.iter().skip(at).take_while(|byte| !matches!(byte, b' ' | b'\t')).count();
            scan(line, blocks, at, end, atoms);
            at = end;
            continue;
        }
        let name_text = line.get(at..at + name).unwrap_or_default();
        atoms.word(Kind::Word, at, at + name, hash::bytes(name_text));
        atoms.mark(at + name, at + name + 1, b'=');
        at += name + 1;
        let quoted = line.get(at) == Some(&b'"');
        let (from, end, next) = if quoted {
            let end = string_end(line, blocks, at + 1).unwrap_or(line.len());
            (at + 1, end, (end + 1).min(line.len()))
        } else {
            let end = at + line.iter().skip(at).take_while(|byte| !matches!(byte, b' ' | b'\t')).count();
            (at, end, end)
        };
        let content = line.get(from..end).unwrap_or_default();
        match key_of(name_text) {
            Key::Message => {
                atoms.mark(from, from, b'"');
                scan(line, blocks, from, end, atoms);
                atoms.mark(end, end, b'"');
            }
            Key::Level => {
                severity = severity.or(Severity::named(content));
                atoms.value(from, end);
            }
            Key::Other => atoms.value(from, end),
        }
        at = next;
    }
    Some(severity)
}

fn begins_with_pair(text: &[u8], length: usize) -> bool {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'@');
    length > 0 && text.get(length) == Some(&b'=') && text.iter().take(length).all(part)
}

fn has_message(text: &[u8]) -> bool {
    let named = |name: &[u8]| {
        text.starts_with(name)
            || text.windows(name.len() + 1).any(|part| matches!(part.split_first(), Some((b' ', rest)) if rest == name))
    };
    named(b"msg=") || named(b"message=")
}

#[inline(always)]
fn spaces(text: &[u8], at: usize) -> usize {
    text.iter().skip(at).take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count()
}

/// Index of the quote that ends a string whose content begins at `start`.
#[inline]
fn string_end(text: &[u8], blocks: &Blocks, start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        at = blocks.quotes.next(at)?;
        if text.get(at)? == &b'"' {
            return Some(at);
        }
        at += 2;
    }
}
