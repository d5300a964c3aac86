//! The tokenizer: one pass over a line, by hand, without allocation. It says where the slots are and what they hold.

use super::intern::Interner;
use super::kind::{Case, Kind, MARK, MAX_SPACES};

const DIGIT: u8 = 1;
const LOWER_HEX: u8 = 2;
const UPPER_HEX: u8 = 4;
const LETTER: u8 = 8;

/// What each byte can be part of.
#[expect(clippy::indexing_slicing, reason = "computed while compiling: out of bounds would not build")]
const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        class[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' => LOWER_HEX,
            b'A'..=b'F' => UPPER_HEX,
            b'g'..=b'z' | b'G'..=b'Z' | b'_' => LETTER,
            _ => 0,
        };
        byte += 1;
    }
    class
};

/// A line with more slots is kept as it is: its template would be seen once.
const MAX_SLOTS: usize = 128;
/// Longest suffix of letters that is a unit of the number before it: `ms`, `MiB`.
const MAX_UNIT: usize = 3;

#[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
fn class(byte: u8) -> u8 {
    CLASS[usize::from(byte)]
}

/// The byte at `at`, and [`MARK`], which is in no scanned line, behind the end.
fn peek(line: &[u8], at: usize) -> u8 {
    line.get(at).copied().unwrap_or(MARK)
}

/// The last line that was scanned.
#[derive(Default)]
pub struct Scan {
    /// Constant text with [`MARK`] and a kind for each slot.
    pub skeleton: Vec<u8>,
    /// One place for each slot, two for a wide one.
    pub values: Vec<u64>,
    slots: usize,
}

/// A token: where it ends, what it is, and its value unless it is text.
pub struct Token {
    pub end: usize,
    pub kind: Kind,
    pub value: Value,
}

pub enum Value {
    Num(u64),
    Wide(u64, u64),
    /// The token's own bytes.
    Text,
    /// The bytes that its hexadecimal digits mean.
    Bytes,
}

impl Scan {
    /// Takes `line` apart; `false` when it has no layout.
    pub fn line(&mut self, line: &[u8], words: &mut Interner) -> bool {
        self.skeleton.clear();
        self.values.clear();
        self.slots = 0;
        if memchr::memchr(MARK, line).is_some() {
            return false;
        }
        let (mut constant, mut at) = (0, 0);
        while at < line.len() {
            let Some(token) = token_at(line, at) else {
                at += 1;
                continue;
            };
            self.slots += 1;
            if self.slots > MAX_SLOTS {
                return false;
            }
            self.skeleton.extend_from_slice(line.get(constant..at).unwrap_or_default());
            let [a, b] = token.kind.code();
            self.skeleton.extend_from_slice(&[MARK, a, b]);
            keep(line.get(at..token.end).unwrap_or_default(), &token.value, &mut self.values, words);
            at = token.end;
            constant = at;
        }
        self.skeleton.extend_from_slice(line.get(constant..).unwrap_or_default());
        true
    }
}

/// Appends the value of a token whose text is `text`.
pub fn keep(text: &[u8], value: &Value, values: &mut Vec<u64>, words: &mut Interner) {
    match *value {
        Value::Num(num) => values.push(num),
        Value::Wide(high, low) => values.extend([high, low]),
        Value::Text => values.push(u64::from(words.intern(text))),
        Value::Bytes => {
            let mut bytes = [0; 32];
            let pairs = text.as_chunks::<2>().0;
            for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
                *byte = nibble(*high) << 4 | nibble(*low);
            }
            let id = words.intern(bytes.get(..pairs.len()).unwrap_or_default());
            values.push(u64::from(id));
        }
    }
}

/// The token that begins at `at`, if one does.
pub fn token_at(line: &[u8], at: usize) -> Option<Token> {
    let byte = peek(line, at);
    if class(byte) != 0 {
        return Some(token(line, at));
    }
    (byte == b' ' && peek(line, at + 1) == b' ' && peek(line, at + 2) == b' ').then(|| spaces(line, at))
}

/// The token at `at` when it is of `kind`; like [`token_at`], but for common kinds without looking at all they could be.
/// What it reads prints as it was; whether another kind would fit as well does not matter.
pub fn read_as(kind: Kind, line: &[u8], at: usize) -> Option<Token> {
    match kind {
        Kind::Int => {
            let (mut value, mut len) = (0u64, 0);
            for byte in line.get(at..)?.iter().take(18) {
                let digit = byte.wrapping_sub(b'0');
                if digit > 9 {
                    break;
                }
                value = value * 10 + u64::from(digit);
                len += 1;
            }
            let canonical = len == 1 || len > 1 && peek(line, at) != b'0';
            // A longer number, or a word that begins with digits, is for the one who knows all kinds.
            if !canonical || class(peek(line, at + len)) & (DIGIT | LOWER_HEX | UPPER_HEX) != 0 {
                return token_at(line, at).filter(|token| token.kind == kind);
            }
            Some(Token { end: at + len, kind, value: Value::Num(value) })
        }
        Kind::Clock(..) => clock(line, at).filter(|token| token.kind == kind),
        Kind::Uuid => uuid(line, at),
        Kind::Word if class(peek(line, at)) & LETTER != 0 => {
            let (end, _) = run(line, at);
            if peek(line, end) == b':' {
                return token_at(line, at).filter(|token| token.kind == kind);
            }
            Some(word(line, at, end))
        }
        _ => token_at(line, at).filter(|token| token.kind == kind),
    }
}

fn spaces(line: &[u8], start: usize) -> Token {
    let run = line.iter().skip(start).take(MAX_SPACES).take_while(|byte| **byte == b' ').count();
    Token { end: start + run, kind: Kind::Spaces, value: Value::Num(run as u64) }
}

/// Where the run of token bytes from `start` ends, and what classes it holds.
fn run(line: &[u8], start: usize) -> (usize, u8) {
    let mut classes = 0;
    let mut len = 0;
    for byte in line.get(start..).unwrap_or_default() {
        let class = class(*byte);
        if class == 0 {
            break;
        }
        classes |= class;
        len += 1;
    }
    (start + len, classes)
}

fn token(line: &[u8], start: usize) -> Token {
    let (end, classes) = run(line, start);
    if end - start == 8
        && peek(line, end) == b'-'
        && classes & !(DIGIT | LOWER_HEX) == 0
        && let Some(uuid) = uuid(line, start)
    {
        return uuid;
    }
    if classes == DIGIT {
        return number(line, start, end);
    }
    if peek(line, end) == b':'
        && let Some(token) = before_clock(line, start, end)
    {
        return token;
    }
    if classes & DIGIT != 0 {
        if let Some(hex) = hex(line, start, end, classes) {
            return hex;
        }
        if let Some(number) = number_with_unit(line, start, end) {
            return number;
        }
    }
    word(line, start, end)
}

/// The parts of `01T12` in `2026-03-01T12:00:00`: the day, then the letter.
fn before_clock(line: &[u8], start: usize, end: usize) -> Option<Token> {
    match line.get(start..end)? {
        [b'T', _, _] if clock(line, start + 1).is_some() => {
            Some(Token { end: start + 1, kind: Kind::Word, value: Value::Text })
        }
        [a, b, b'T', _, _] if a.is_ascii_digit() && b.is_ascii_digit() && clock(line, start + 3).is_some() => {
            Some(integer(line, start, start + 2))
        }
        _ => None,
    }
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10) & 15,
    }
}

/// What at most 16 hexadecimal digits mean.
fn hex_value(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value, digit| value << 4 | u64::from(nibble(*digit)))
}

fn uuid(line: &[u8], start: usize) -> Option<Token> {
    let text: &[u8; 36] = line.get(start..)?.first_chunk()?;
    if class(peek(line, start + 36)) != 0 {
        return None;
    }
    let (mut high, mut low) = (0u64, 0u64);
    for (at, byte) in text.iter().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            if *byte != b'-' {
                return None;
            }
        } else if class(*byte) & (DIGIT | LOWER_HEX) != 0 {
            high = high << 4 | low >> 60;
            low = low << 4 | u64::from(nibble(*byte));
        } else {
            return None;
        }
    }
    Some(Token { end: start + 36, kind: Kind::Uuid, value: Value::Wide(high, low) })
}

/// Hexadecimal digits with at least one of 0 to 9: 8 to 64 of them, an even number.
fn hex(line: &[u8], start: usize, end: usize, classes: u8) -> Option<Token> {
    let case = match classes & !DIGIT {
        0 | LOWER_HEX => Case::Lower,
        UPPER_HEX => Case::Upper,
        _ => return None,
    };
    let digits = line.get(start..end)?;
    if !(8..=64).contains(&digits.len()) || digits.len() % 2 == 1 {
        return None;
    }
    let value = match digits.len() {
        8 | 16 => Value::Num(hex_value(digits)),
        32 => {
            let (high, low) = digits.split_at(16);
            Value::Wide(hex_value(high), hex_value(low))
        }
        _ => Value::Bytes,
    };
    Some(Token { end, kind: Kind::Hex(digits.len() as u8, case), value })
}

/// What up to 19 digits mean, when that is below 2^63.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.len() > 19 {
        return None;
    }
    let value = digits.iter().fold(0u64, |value, digit| value.wrapping_mul(10).wrapping_add(u64::from(digit & 15)));
    (value <= i64::MAX as u64).then_some(value)
}

/// A token that is digits only, and what may follow it: a time of day, an address, a fraction.
fn number(line: &[u8], start: usize, end: usize) -> Token {
    let next = peek(line, end);
    if next == b':'
        && end - start == 2
        && let Some(clock) = clock(line, start)
    {
        return clock;
    }
    if next == b'.'
        && class(peek(line, end + 1)) == DIGIT
        && let Some(dotted) = dotted(line, start, end)
    {
        return dotted;
    }
    integer(line, start, end)
}

fn integer(line: &[u8], start: usize, end: usize) -> Token {
    let digits = line.get(start..end).unwrap_or_default();
    let token = |kind, value| Token { end, kind, value };
    match decimal(digits) {
        Some(value) if digits.len() == 1 || peek(line, start) != b'0' => token(Kind::Int, Value::Num(value)),
        Some(value) if digits.len() <= 18 => token(Kind::Pad(digits.len() as u8), Value::Num(value)),
        _ => hex(line, start, end, DIGIT).unwrap_or_else(|| token(Kind::Word, Value::Text)),
    }
}

fn clock(line: &[u8], start: usize) -> Option<Token> {
    let text: &[u8; 8] = line.get(start..)?.first_chunk()?;
    let [h, hh, b':', m, mm, b':', s, ss] = *text else { return None };
    if [h, hh, m, mm, s, ss].into_iter().any(|byte| class(byte) != DIGIT) {
        return None;
    }
    let two = |tens: u8, ones: u8| u64::from(tens & 15) * 10 + u64::from(ones & 15);
    let (hour, minute, second) = (two(h, hh), two(m, mm), two(s, ss));
    let end = start + 8;
    if hour > 23 || minute > 59 || second > 59 || class(peek(line, end)) == DIGIT {
        return None;
    }
    let seconds = (hour * 60 + minute) * 60 + second;
    let separator = peek(line, end);
    if matches!(separator, b'.' | b',') {
        let digits = line.iter().skip(end + 1).take_while(|byte| byte.is_ascii_digit()).count();
        if (1..=9).contains(&digits) {
            let fraction = decimal(line.get(end + 1..end + 1 + digits)?)?;
            let value = seconds * 10u64.pow(digits as u32) + fraction;
            let kind = Kind::Clock(digits as u8, separator);
            return Some(Token { end: end + 1 + digits, kind, value: Value::Num(value) });
        }
    }
    Some(Token { end, kind: Kind::Clock(0, b'.'), value: Value::Num(seconds) })
}

/// `1.25` or `10.0.0.1`, when each printed value is what was read.
fn dotted(line: &[u8], start: usize, end: usize) -> Option<Token> {
    let (mut parts, mut stop) = (1, end);
    let mut address = ip_part(line.get(start..end)?);
    while peek(line, stop) == b'.' && class(peek(line, stop + 1)) == DIGIT && parts < 5 {
        let from = stop + 1;
        stop = from + line.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
        address = address.zip(ip_part(line.get(from..stop)?)).map(|(address, part)| address << 8 | part);
        parts += 1;
    }
    if parts == 4 {
        return Some(Token { end: stop, kind: Kind::Ip, value: Value::Num(address?) });
    }
    let (whole, fraction) = (line.get(start..end)?, line.get(end + 1..stop)?);
    let canonical = whole.len() == 1 || peek(line, start) != b'0';
    if parts != 2 || !canonical || !(1..=9).contains(&fraction.len()) || whole.len() + fraction.len() > 18 {
        return None;
    }
    let value = decimal(whole)? * 10u64.pow(fraction.len() as u32) + decimal(fraction)?;
    Some(Token { end: stop, kind: Kind::Dec(fraction.len() as u8), value: Value::Num(value) })
}

fn ip_part(digits: &[u8]) -> Option<u64> {
    let canonical = digits.len() == 1 || digits.first() != Some(&b'0');
    decimal(digits).filter(|value| canonical && *value < 256)
}

/// The number of `12ms`; the unit is a word of its own.
fn number_with_unit(line: &[u8], start: usize, end: usize) -> Option<Token> {
    let text = line.get(start..end)?;
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let unit = text.get(digits..)?;
    let is_unit = (1..=MAX_UNIT).contains(&unit.len()) && unit.iter().all(|byte| !byte.is_ascii_digit());
    (digits > 0 && is_unit).then(|| integer(line, start, start + digits))
}

/// A word reaches over single dots and slashes: `com.acme.Order`, `api/v2/cart`. In a path, a part that looks like an id
/// ends it.
fn word(line: &[u8], start: usize, mut end: usize) -> Token {
    let in_path = start > 0 && peek(line, start - 1) == b'/';
    while matches!(peek(line, end), b'.' | b'/') && class(peek(line, end + 1)) != 0 {
        let (next, classes) = run(line, end + 1);
        if in_path && classes & (LETTER | UPPER_HEX) == 0 && classes & DIGIT != 0 {
            break;
        }
        end = next;
    }
    Token { end, kind: Kind::Word, value: Value::Text }
}
