//! The tokenizer: one pass over a line, by hand, without allocation. It says where the slots are and what they hold.

use super::eight::{self, digits, eight, lower_hex};
use super::intern::Interner;
use super::kind::{Case, Kind, MARK, MAX_SPACES};

pub const DIGIT: u8 = 1;
pub const LOWER_HEX: u8 = 2;
pub const UPPER_HEX: u8 = 4;
pub const LETTER: u8 = 8;

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
pub fn class(byte: u8) -> u8 {
    CLASS[usize::from(byte)]
}

/// The byte at `at`, and [`MARK`], which is in no scanned line, behind the end.
pub fn peek(line: &[u8], at: usize) -> u8 {
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

fn spaces(line: &[u8], start: usize) -> Token {
    let run = line.iter().skip(start).take(MAX_SPACES).take_while(|byte| **byte == b' ').count();
    Token { end: start + run, kind: Kind::Spaces, value: Value::Num(run as u64) }
}

/// Where the run of token bytes from `start` ends, and what classes it holds.
pub fn run(line: &[u8], start: usize) -> (usize, u8) {
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
        && let Some((end, high, low)) = uuid(line, start)
    {
        return Token { end, kind: Kind::Uuid, value: Value::Wide(high, low) };
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

/// Where a UUID ends that begins at `start`, and its halves.
pub fn uuid(line: &[u8], start: usize) -> Option<(usize, u64, u64)> {
    let text: &[u8; 36] = line.get(start..)?.first_chunk()?;
    let [a @ .., b'-', b, c, d, e, b'-', f, g, h, i, b'-', j, k, l, m, b'-', _, _, _, _, _, _, _, _, _, _, _, _] = text
    else {
        return None;
    };
    let a: &[u8; 8] = a;
    let part = |bytes: [u8; 8]| lower_hex(u64::from_le_bytes(bytes));
    let high = part(*a)? << 32 | part([*b, *c, *d, *e, *f, *g, *h, *i])?;
    let [n, o, p, q, ..] = *text.last_chunk::<12>()?;
    let low = part([*j, *k, *l, *m, n, o, p, q])? << 32 | part(*text.last_chunk()?)?;
    (class(peek(line, start + 36)) == 0).then_some((start + 36, high, low))
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
        && let Some((kind, end, value)) = clock(line, start)
    {
        return Token { end, kind, value: Value::Num(value) };
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

/// The kind of a time of day that begins at `start`, where it ends, and its value.
pub fn clock(line: &[u8], start: usize) -> Option<(Kind, usize, u64)> {
    /// The colons of `HH:MM:SS`, and zeros for them.
    const COLONS: u64 = 0x0000_3a00_003a_0000;
    const ZEROS: u64 = 0x0000_3000_0030_0000;
    const AT: u64 = 0x0000_ff00_00ff_0000;
    let text = eight(line, start);
    let numbers = text & !AT | ZEROS;
    if text & AT != COLONS || digits(numbers) < 8 {
        return None;
    }
    let all = eight::decimal(numbers, 8);
    let (hour, minute, second) = (all / 1_000_000, all / 1000 % 1000, all % 1000);
    let end = start + 8;
    let separator = peek(line, end);
    if hour > 23 || minute > 59 || second > 59 || class(separator) == DIGIT {
        return None;
    }
    let seconds = (hour * 60 + minute) * 60 + second;
    if matches!(separator, b'.' | b',')
        && let Some((len, fraction)) = fraction(line, end + 1)
    {
        let kind = Kind::Clock(len as u8, separator);
        let value = seconds * 10u64.pow(len as u32) + fraction;
        return Some((kind, end + 1 + len, value));
    }
    Some((Kind::Clock(0, b'.'), end, seconds))
}

/// One to nine digits, and what they mean as a number.
fn fraction(line: &[u8], start: usize) -> Option<(usize, u64)> {
    let bytes = eight(line, start);
    match digits(bytes) {
        0 => None,
        8 => {
            let len = line.iter().skip(start).take(10).take_while(|byte| byte.is_ascii_digit()).count();
            Some((len, decimal(line.get(start..start + len)?)?)).filter(|_| len <= 9)
        }
        len => Some((len, eight::decimal(bytes, len))),
    }
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

fn word(line: &[u8], start: usize, end: usize) -> Token {
    Token { end: word_end(line, start, end), kind: Kind::Word, value: Value::Text }
}

/// A word reaches over single dots and slashes: `com.acme.Order`, `api/v2/cart`. In a path, a part that looks like an id
/// ends it.
pub fn word_end(line: &[u8], start: usize, mut end: usize) -> usize {
    let in_path = start > 0 && peek(line, start - 1) == b'/';
    while matches!(peek(line, end), b'.' | b'/') && class(peek(line, end + 1)) != 0 {
        let (next, classes) = run(line, end + 1);
        if in_path && classes & (LETTER | UPPER_HEX) == 0 && classes & DIGIT != 0 {
            break;
        }
        end = next;
    }
    end
}
