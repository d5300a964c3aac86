//! Cuts a message into atoms: words, values, marks and spaces. One pass over the bytes, no regular expression, and
//! no allocation once the buffer is warm.
//!
//! A *value* is what can be told from its letters alone to differ from line to line: whatever holds a digit, paths
//! and addresses, long runs of hexadecimal letters, names of months and days, user agents. Several values with
//! nothing but a separator between them (`10.0.0.1:80`, `1 2 3`, `a1, b2`) are one. Whether a *word* is constant
//! text or the content of a slot cannot be told from one line: that is the miner's work.

use crate::atoms::{Atoms, Kind};
use crate::blocks::{Blocks, Token, is_mark, is_space};
use crate::hash;

/// How an atom begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Mark,
    Other,
}

#[expect(clippy::indexing_slicing, reason = "the compiler runs it")]
static CLASSES: [Class; 256] = {
    let mut table = [Class::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        if is_space(byte as u8) {
            table[byte] = Class::Space;
        } else if is_mark(byte as u8) {
            table[byte] = Class::Mark;
        }
        byte += 1;
    }
    table
};

#[inline(always)]
fn class_of(byte: u8) -> Class {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(Class::Other)
}

/// The longest quoted text that is looked at as a user agent. Bytes.
const AGENT_MAX: usize = 1024;

/// Atoms of `line` from `start` to `end` are appended to `atoms`. The line ends there, or a blank or mark follows.
pub(crate) fn scan(line: &[u8], blocks: &Blocks, start: usize, end: usize, atoms: &mut Atoms) {
    let line = line.get(..end).unwrap_or(line);
    let mut at = start;
    while let Some(&byte) = line.get(at) {
        at = match class_of(byte) {
            Class::Space => space(line, at, atoms),
            Class::Mark => mark(line, at, byte, atoms),
            Class::Other => token(line, blocks.token(at), at, atoms),
        };
    }
}

#[inline]
fn space(line: &[u8], start: usize, atoms: &mut Atoms) -> usize {
    let mut end = start + 1;
    while line.get(end).is_some_and(|&byte| class_of(byte) == Class::Space) {
        end += 1;
    }
    atoms.space(start, end);
    end
}

fn mark(line: &[u8], start: usize, byte: u8, atoms: &mut Atoms) -> usize {
    // `()` after a space is a value that is empty this time; `f()` is a word.
    if byte == b')' && atoms.ends_with_free_bracket() {
        atoms.value(start, start);
    }
    atoms.mark(start, start + 1, byte);
    if byte == b'"'
        && let Some(end) = user_agent(line, start + 1)
    {
        atoms.value(start + 1, end);
        return end;
    }
    start + 1
}

/// Where a quoted text ends that begins with a product and its version (RFC 9110, 10.1.5), as user agents do.
fn user_agent(line: &[u8], start: usize) -> Option<usize> {
    let rest = line.get(start..)?;
    let rest = rest.get(..rest.len().min(AGENT_MAX))?;
    let product = rest.iter().take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'-').count();
    let version = rest.get(product..)?;
    if product < 2 || version.first() != Some(&b'/') || !version.get(1)?.is_ascii_digit() {
        return None;
    }
    memchr::memchr(b'"', rest).map(|quote| start + quote)
}

#[inline(always)]
fn token(line: &[u8], token: Token, start: usize, atoms: &mut Atoms) -> usize {
    let end = start + token.length;
    let text = line.get(start..end).unwrap_or_default();
    match line.get(end) {
        Some(b':') if line.get(end + 1) == Some(&b'/') && line.get(end + 2) == Some(&b'/') => {
            return address(line, start, end, atoms);
        }
        Some(b'?') if token.joint && text.contains(&b'/') => return address(line, start, end, atoms),
        _ => {}
    }
    if token.joint {
        return jointed(line, text, token, start, atoms);
    }
    if token.digit {
        atoms.value(start, end);
    } else {
        letters(line, text, start, atoms);
    }
    end
}

/// A token without digits, dots and slashes.
#[inline(always)]
fn letters(line: &[u8], text: &[u8], start: usize, atoms: &mut Atoms) {
    let end = start + text.len();
    let value = match text.len() {
        8.. => ends_in_hexadecimal(text),
        3 if is_calendar(text) => true,
        0..=4 => is_hexadecimal(text) && (atoms.ends_with_value_and_colon() || is_octet(line, end)),
        _ => false,
    };
    if value {
        atoms.value(start, end);
    } else {
        atoms.word(Kind::Word, start, end, hash::bytes(text));
    }
}

/// A token with a dot or a slash, freed from what stands between tokens.
fn jointed(line: &[u8], text: &[u8], token: Token, start: usize, atoms: &mut Atoms) -> usize {
    // Leader dots (`enabled......1`) stand between two tokens.
    let leaders = if token.leaders { text.windows(2).position(|pair| pair == b"..") } else { None };
    if leaders == Some(0) {
        let length = text.iter().take_while(|byte| **byte == b'.').count();
        atoms.mark(start, start + length, b'.');
        return start + length;
    }
    let text = text.get(..leaders.unwrap_or(text.len())).unwrap_or_default();
    let end = start + text.len();
    // So does a full stop.
    let sentence = text.strip_suffix(b".").filter(|sentence| !sentence.is_empty());
    let name = sentence.unwrap_or(text);
    let digit = if leaders.is_none() { token.digit } else { name.iter().any(u8::is_ascii_digit) };
    if digit {
        if name.starts_with(b"HTTP/") {
            atoms.protocol_seen();
        }
        atoms.value(start, start + name.len());
    } else {
        match kind_of(name) {
            Kind::Value => atoms.value(start, start + name.len()),
            Kind::Word => letters(line, name, start, atoms),
            kind => atoms.word(kind, start, start + name.len(), hash::bytes(name)),
        }
    }
    if sentence.is_some() {
        atoms.mark(end - 1, end, b'.');
    }
    end
}

/// A URL, or a path with a query: one value.
fn address(line: &[u8], start: usize, at: usize, atoms: &mut Atoms) -> usize {
    let end = address_end(line, at);
    atoms.value(start, end);
    end
}

/// Where an address ends: at a space, a quote or a closing mark.
fn address_end(line: &[u8], start: usize) -> usize {
    let rest = line.get(start..).unwrap_or_default();
    let ends = |byte: &u8| {
        is_space(*byte) || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b')' | b']' | b'}' | b',' | b';' | b'|')
    };
    start + rest.iter().position(ends).unwrap_or(rest.len())
}

/// What a token without digits is, by its dots and slashes.
fn kind_of(text: &[u8]) -> Kind {
    let count = |joint: u8| text.iter().filter(|byte| **byte == joint).count();
    let (dots, slashes) = (count(b'.'), count(b'/'));
    let path = slashes >= 2 || slashes == 1 && matches!(text, [b'/' | b'.' | b'~', _, ..]);
    if path || text.len() >= 8 && ends_in_hexadecimal(text) {
        Kind::Value
    } else if dots >= 2 && text.iter().any(u8::is_ascii_alphabetic) {
        Kind::Dotted
    } else {
        Kind::Word
    }
}

/// `cafefefa`, `worker-cafefefa`: made unique by letters that happen to hold no digit.
fn ends_in_hexadecimal(text: &[u8]) -> bool {
    let tail = text.iter().rev().take_while(|byte| byte.is_ascii_hexdigit()).count();
    tail >= 8 && (tail == text.len() || text.iter().rev().nth(tail) == Some(&b'-'))
}

/// Whether `:eb:` follows, as within a hardware address.
fn is_octet(line: &[u8], at: usize) -> bool {
    matches!(line.get(at..at + 4), Some([b':', high, low, b':']) if is_hexadecimal(&[*high, *low]))
}

fn is_hexadecimal(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_hexdigit)
}

/// English short names of days and months. Not `May`, which is a word.
fn is_calendar(text: &[u8]) -> bool {
    matches!(
        text,
        b"Mon"
            | b"Tue"
            | b"Wed"
            | b"Thu"
            | b"Fri"
            | b"Sat"
            | b"Sun"
            | b"Jan"
            | b"Feb"
            | b"Mar"
            | b"Apr"
            | b"Jun"
            | b"Jul"
            | b"Aug"
            | b"Sep"
            | b"Oct"
            | b"Nov"
            | b"Dec"
    )
}
