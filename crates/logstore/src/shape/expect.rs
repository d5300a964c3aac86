//! Reads the value that a known layout has next. What a slot is expected to hold is quicker read than told from all that
//! it could be, and for common kinds it is read eight bytes at a time.

use super::eight::{decimal, digits, eight, lower_hex, word_bytes};
use super::intern::Interner;
use super::kind::{Case, Kind};
use super::scan::{DIGIT, LETTER, LOWER_HEX, UPPER_HEX, class, clock, keep, peek, token_at, uuid, word_end};

/// Appends the value of the token at `at` when it is of `kind`, and answers where it ends. What is read prints as it was;
/// whether another kind would fit as well does not matter: digits alone are hexadecimal digits where those are expected.
pub fn read(kind: Kind, line: &[u8], at: usize, values: &mut Vec<u64>, words: &mut Interner) -> Option<usize> {
    let number = match kind {
        Kind::Int => int(line, at),
        Kind::Dec(scale) => dec(line, at, usize::from(scale)),
        Kind::Ip => ip(line, at),
        Kind::Hex(8 | 16, Case::Lower) => hex(kind, line, at),
        Kind::Clock(..) => clock(line, at).filter(|(own, ..)| *own == kind).map(|(_, end, value)| (end, value)),
        Kind::Word => {
            if let Some(end) = letters(line, at) {
                values.push(u64::from(words.intern(line.get(at..end)?)));
                return Some(end);
            }
            None
        }
        Kind::Uuid | Kind::Hex(32, Case::Lower) => {
            let wide = if kind == Kind::Uuid { uuid(line, at) } else { wide(line, at) };
            if let Some((end, high, low)) = wide {
                values.extend_from_slice(&[high, low]);
                return Some(end);
            }
            None
        }
        _ => None,
    };
    if let Some((end, value)) = number {
        values.push(value);
        return Some(end);
    }
    // What is unusual is for the one who knows all kinds.
    let token = token_at(line, at).filter(|token| token.kind == kind)?;
    keep(line.get(at..token.end)?, &token.value, values, words);
    Some(token.end)
}

fn byte_at(bytes: u64, at: usize) -> u8 {
    (bytes >> (8 * at)) as u8
}

/// At most seven digits as a number without leading zeros: how many, what they mean and the byte behind them.
#[inline]
fn number(line: &[u8], at: usize) -> Option<(usize, u64, u8)> {
    let bytes = eight(line, at);
    let len = digits(bytes);
    let is_canonical = len == 1 || byte_at(bytes, 0) != b'0';
    ((1..8).contains(&len) && is_canonical).then(|| (len, decimal(bytes, len), byte_at(bytes, len)))
}

#[inline]
fn int(line: &[u8], at: usize) -> Option<(usize, u64)> {
    let (len, value, next) = number(line, at)?;
    // A word may begin with digits.
    let ends = class(next) & (DIGIT | LOWER_HEX | UPPER_HEX) == 0;
    ends.then_some((at + len, value))
}

#[inline]
fn dec(line: &[u8], at: usize, scale: usize) -> Option<(usize, u64)> {
    let (len, whole, point) = number(line, at)?;
    let bytes = eight(line, at + len + 1);
    if point != b'.' || !(1..8).contains(&scale) || digits(bytes) != scale || byte_at(bytes, scale) == b'.' {
        return None;
    }
    Some((at + len + 1 + scale, whole * 10u64.pow(scale as u32) + decimal(bytes, scale)))
}

#[inline]
fn ip(line: &[u8], at: usize) -> Option<(usize, u64)> {
    let (mut end, mut address, mut next) = (at, 0, b'.');
    for dots in [0, 1, 1, 1] {
        let (len, value, behind) = number(line, end + dots)?;
        if next != b'.' || value > 255 {
            return None;
        }
        address = address << 8 | value;
        end += dots + len;
        next = behind;
    }
    (next != b'.').then_some((end, address))
}

#[inline]
fn hex(kind: Kind, line: &[u8], at: usize) -> Option<(usize, u64)> {
    let part = |number: usize| lower_hex(eight(line, at + 8 * number));
    let is_long = kind == Kind::Hex(16, Case::Lower);
    let end = at + if is_long { 16 } else { 8 };
    let behind = peek(line, end);
    // Eight digits and a dash may begin a UUID.
    if class(behind) != 0 || !is_long && behind == b'-' {
        return None;
    }
    let first = part(0)?;
    Some((end, if is_long { first << 32 | part(1)? } else { first }))
}

#[inline]
fn wide(line: &[u8], at: usize) -> Option<(usize, u64, u64)> {
    let half = |from: usize| Some(lower_hex(eight(line, from))? << 32 | lower_hex(eight(line, from + 8))?);
    (class(peek(line, at + 32)) == 0).then_some((at + 32, half(at)?, half(at + 16)?))
}

/// Where a word ends that begins with a letter beyond the hexadecimal digits, so that nothing else can be meant.
#[inline]
fn letters(line: &[u8], at: usize) -> Option<usize> {
    if class(peek(line, at)) & LETTER == 0 {
        return None;
    }
    let mut end = at;
    loop {
        let len = word_bytes(eight(line, end));
        end += len;
        if len < 8 {
            break;
        }
    }
    (peek(line, end) != b':').then(|| word_end(line, at, end))
}
