//! What a slot of a layout can hold, and how its values are printed: exactly as they were read.

use super::intern::Interner;

/// The kind of a slot. A value belongs to a kind only when printing it gives the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Any bytes: a whole line that has no layout.
    Line,
    /// Letters, digits, `_`, `.` and `/`.
    Word,
    /// A number without leading zeros, below 2^63.
    Int,
    /// A number in so many digits, the first of them zero.
    Pad(u8),
    /// A number with so many digits behind the point.
    Dec(u8),
    /// Time of day `HH:MM:SS`, with so many digits of a second behind the separator; in units of the last digit.
    Clock(u8, u8),
    /// IPv4.
    Ip,
    /// A run of so many spaces.
    Spaces,
    /// So many hexadecimal digits, an even number, in small or capital letters.
    Hex(u8, Case),
    /// 8-4-4-4-12 small hexadecimal digits.
    Uuid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Case {
    Lower,
    Upper,
}

/// How values of a kind are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// A 64-bit number.
    Num,
    /// 16 bytes.
    Wide,
    /// Bytes: of a word its own, of hexadecimal digits half as many.
    Text,
}

/// What begins a slot in a skeleton; lines that hold this byte have no layout.
pub const MARK: u8 = 0;

impl Kind {
    pub fn holds(self) -> Holds {
        match self {
            Self::Int | Self::Pad(_) | Self::Dec(_) | Self::Clock(..) | Self::Ip | Self::Spaces => Holds::Num,
            Self::Hex(8 | 16, _) => Holds::Num,
            Self::Hex(32, _) | Self::Uuid => Holds::Wide,
            Self::Hex(..) | Self::Word | Self::Line => Holds::Text,
        }
    }

    /// Whether a few equal values in a row say that the next is likely the same. Not of what tells the time.
    pub fn may_be_constant(self) -> bool {
        match self {
            Self::Word | Self::Int | Self::Pad(_) | Self::Dec(_) | Self::Ip | Self::Spaces => true,
            Self::Line | Self::Clock(..) | Self::Hex(..) | Self::Uuid => false,
        }
    }

    /// Whether a value of this kind can have `part` in it.
    pub fn can_hold(self, part: &[u8]) -> bool {
        let of = |most: usize, allowed: fn(&u8) -> bool| part.len() <= most && part.iter().all(allowed);
        // Times of day and addresses have few digits in a row.
        let digits = |most: u8| part.split(|byte| !byte.is_ascii_digit()).all(|run| run.len() <= usize::from(most));
        match self {
            Self::Line => true,
            Self::Word => of(usize::MAX, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/')),
            Self::Int => of(20, u8::is_ascii_digit),
            Self::Pad(width) => of(usize::from(width), u8::is_ascii_digit),
            Self::Dec(_) => of(30, |byte| byte.is_ascii_digit() || *byte == b'.'),
            Self::Clock(fraction, _) => {
                digits(fraction.max(2)) && of(18, |byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b','))
            }
            Self::Ip => digits(3) && of(15, |byte| byte.is_ascii_digit() || *byte == b'.'),
            Self::Spaces => of(MAX_SPACES, |byte| *byte == b' '),
            Self::Hex(digits, Case::Lower) => of(usize::from(digits), is_lower_hex),
            Self::Hex(digits, Case::Upper) => of(usize::from(digits), |byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F')),
            Self::Uuid => of(36, |byte| is_lower_hex(byte) || *byte == b'-'),
        }
    }

    /// Two bytes that stand for the kind behind [`MARK`] in a skeleton.
    pub fn code(self) -> [u8; 2] {
        match self {
            Self::Line => [0, 0],
            Self::Word => [1, 0],
            Self::Int => [2, 0],
            Self::Pad(width) => [3, width],
            Self::Dec(scale) => [4, scale],
            Self::Clock(digits, separator) => [if separator == b',' { 6 } else { 5 }, digits],
            Self::Ip => [7, 0],
            Self::Spaces => [8, 0],
            Self::Hex(digits, Case::Lower) => [9, digits],
            Self::Hex(digits, Case::Upper) => [10, digits],
            Self::Uuid => [11, 0],
        }
    }

    fn from_code(code: [u8; 2]) -> Option<Self> {
        Some(match code {
            [1, _] => Self::Word,
            [2, _] => Self::Int,
            [3, width] => Self::Pad(width),
            [4, scale] => Self::Dec(scale),
            [5, digits] => Self::Clock(digits, b'.'),
            [6, digits] => Self::Clock(digits, b','),
            [7, _] => Self::Ip,
            [8, _] => Self::Spaces,
            [9, digits] => Self::Hex(digits, Case::Lower),
            [10, digits] => Self::Hex(digits, Case::Upper),
            [11, _] => Self::Uuid,
            _ => return None,
        })
    }

    /// As it stands in a segment: a word and a number.
    pub fn name(self) -> String {
        match self {
            Self::Line => "line".to_owned(),
            Self::Word => "word".to_owned(),
            Self::Int => "int".to_owned(),
            Self::Pad(width) => format!("pad{width}"),
            Self::Dec(scale) => format!("dec{scale}"),
            Self::Clock(digits, b',') => format!("clock,{digits}"),
            Self::Clock(digits, _) => format!("clock.{digits}"),
            Self::Ip => "ip".to_owned(),
            Self::Spaces => "spaces".to_owned(),
            Self::Hex(digits, Case::Lower) => format!("hex{digits}"),
            Self::Hex(digits, Case::Upper) => format!("HEX{digits}"),
            Self::Uuid => "uuid".to_owned(),
        }
    }

    /// The kind of a [`Self::name`], when it can be: what cannot be printed within bounds is refused.
    pub fn parse(name: &str) -> Option<Self> {
        let digits = name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len());
        let (word, number) = name.split_at_checked(digits)?;
        let number = if number.is_empty() { 0 } else { number.parse::<u8>().ok()? };
        Some(match (word, number) {
            ("line", 0) => Self::Line,
            ("word", 0) => Self::Word,
            ("int", 0) => Self::Int,
            ("pad", 2..=18) => Self::Pad(number),
            ("dec", 1..=9) => Self::Dec(number),
            ("clock.", 0..=9) => Self::Clock(number, b'.'),
            ("clock,", 1..=9) => Self::Clock(number, b','),
            ("ip", 0) => Self::Ip,
            ("spaces", 0) => Self::Spaces,
            ("hex", 2..=64) if number.is_multiple_of(2) => Self::Hex(number, Case::Lower),
            ("HEX", 2..=64) if number.is_multiple_of(2) => Self::Hex(number, Case::Upper),
            ("uuid", 0) => Self::Uuid,
            _ => return None,
        })
    }

    /// Appends a number as this kind prints it. A number that the kind cannot have prints as something bounded.
    pub fn put_num(self, value: u64, out: &mut Vec<u8>) {
        match self {
            Self::Pad(width) => padded(value, usize::from(width), out),
            Self::Dec(scale) => {
                let unit = 10u64.pow(u32::from(scale.min(18)));
                int(value / unit, out);
                out.push(b'.');
                padded(value % unit, usize::from(scale), out);
            }
            Self::Clock(digits, separator) => clock(value, digits, separator, out),
            Self::Ip => {
                let [a, b, c, d] = (value as u32).to_be_bytes();
                for (byte, dot) in [(a, true), (b, true), (c, true), (d, false)] {
                    int(u64::from(byte), out);
                    if dot {
                        out.push(b'.');
                    }
                }
            }
            Self::Spaces => out.resize(out.len() + (value as usize).min(MAX_SPACES), b' '),
            Self::Hex(digits, case) => {
                let bytes = value.to_be_bytes();
                let from = bytes.len().saturating_sub(usize::from(digits) / 2);
                hex(bytes.get(from..).unwrap_or_default(), case, out);
            }
            Self::Int | Self::Line | Self::Word | Self::Uuid => int(value, out),
        }
    }

    /// Appends a value as a layout holds it; wide ones have two and are not for here.
    pub fn put(self, value: u64, words: &Interner, out: &mut Vec<u8>) {
        match self.holds() {
            Holds::Text => self.put_text(words.get(value as u32), out),
            Holds::Num | Holds::Wide => self.put_num(value, out),
        }
    }

    /// Appends 16 bytes as this kind prints them.
    pub fn put_wide(self, value: &[u8; 16], out: &mut Vec<u8>) {
        if self != Self::Uuid {
            let case = if let Self::Hex(_, case) = self { case } else { Case::Lower };
            return hex(value, case, out);
        }
        let mut rest = value.as_slice();
        for (len, dash) in [(4, true), (2, true), (2, true), (2, true), (6, false)] {
            let (part, behind) = rest.split_at_checked(len).unwrap_or_default();
            hex(part, Case::Lower, out);
            if dash {
                out.push(b'-');
            }
            rest = behind;
        }
    }

    /// Appends bytes as this kind prints them.
    pub fn put_text(self, value: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Hex(_, case) => hex(value, case, out),
            _ => out.extend_from_slice(value),
        }
    }
}

fn is_lower_hex(byte: &u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// Longest run of spaces that is a slot.
pub const MAX_SPACES: usize = 256;

#[expect(clippy::indexing_slicing, reason = "computed while compiling: out of bounds would not build")]
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut at = 0;
    while at < 100 {
        pairs[at] = [b'0' + (at / 10) as u8, b'0' + (at % 10) as u8];
        at += 1;
    }
    pairs
};

fn pair(value: u64) -> [u8; 2] {
    PAIRS.get(value as usize % 100).copied().unwrap_or_default()
}

pub fn int(value: u64, out: &mut Vec<u8>) {
    if value < 10 {
        out.push(b'0' + value as u8);
        return;
    }
    let digits = value.ilog10() as usize + 1;
    padded(value, digits, out);
}

/// The last `width` digits, at most 20.
fn padded(mut value: u64, width: usize, out: &mut Vec<u8>) {
    let mut buffer = [b'0'; 20];
    let width = width.min(buffer.len());
    for place in buffer.as_chunks_mut::<2>().0.iter_mut().rev() {
        if value == 0 {
            break;
        }
        *place = pair(value);
        value /= 100;
    }
    out.extend_from_slice(buffer.get(20 - width..).unwrap_or_default());
}

fn clock(value: u64, digits: u8, separator: u8, out: &mut Vec<u8>) {
    let unit = 10u64.pow(u32::from(digits.min(9)));
    let seconds = value / unit;
    let [h, hh] = pair(seconds / 3600);
    let [m, mm] = pair(seconds / 60 % 60);
    let [s, ss] = pair(seconds % 60);
    out.extend_from_slice(&[h, hh, b':', m, mm, b':', s, ss]);
    if digits > 0 {
        out.push(separator);
        padded(value % unit, usize::from(digits), out);
    }
}

#[expect(clippy::indexing_slicing, reason = "computed while compiling: out of bounds would not build")]
const fn hex_pairs(digits: &[u8; 16]) -> [[u8; 2]; 256] {
    let mut pairs = [[0; 2]; 256];
    let mut at = 0;
    while at < 256 {
        pairs[at] = [digits[at >> 4], digits[at & 15]];
        at += 1;
    }
    pairs
}

const LOWER_PAIRS: [[u8; 2]; 256] = hex_pairs(b"0123456789abcdef");
const UPPER_PAIRS: [[u8; 2]; 256] = hex_pairs(b"0123456789ABCDEF");

fn hex(bytes: &[u8], case: Case, out: &mut Vec<u8>) {
    let pairs = if case == Case::Lower { &LOWER_PAIRS } else { &UPPER_PAIRS };
    let mut buffer = [[0u8; 2]; 32];
    for part in bytes.chunks(buffer.len()) {
        for (place, byte) in buffer.iter_mut().zip(part) {
            *place = pairs.get(usize::from(*byte)).copied().unwrap_or_default();
        }
        out.extend_from_slice(buffer.get(..part.len()).unwrap_or_default().as_flattened());
    }
}

/// A skeleton taken apart.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Constant(&'a [u8]),
    Slot(Kind),
}

pub fn pieces(skeleton: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = skeleton;
    std::iter::from_fn(move || {
        if let Some((&[MARK, a, b], behind)) = rest.split_first_chunk::<3>() {
            rest = behind;
            return Kind::from_code([a, b]).map(Piece::Slot);
        }
        let len = memchr::memchr(MARK, rest).unwrap_or(rest.len());
        let (constant, behind) = rest.split_at_checked(len)?;
        rest = behind;
        (!constant.is_empty()).then_some(Piece::Constant(constant))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kind_prints_it_can_hold() {
        let kinds = [
            Kind::Int,
            Kind::Pad(5),
            Kind::Dec(3),
            Kind::Ip,
            Kind::Clock(0, b'.'),
            Kind::Clock(3, b','),
            Kind::Clock(9, b'.'),
        ];
        for kind in kinds {
            for value in [0, 7, 4711, 86_399_999, 3_232_235_777, 86_399_999_999_999, u64::MAX] {
                let mut text = Vec::new();
                kind.put_num(value, &mut text);
                let parts = (0..text.len()).flat_map(|from| (from + 1..=text.len()).map(move |to| from..to));
                let holds = |part: std::ops::Range<usize>| text.get(part).is_some_and(|part| kind.can_hold(part));
                assert!(parts.into_iter().all(holds), "{kind:?} {}", String::from_utf8_lossy(&text));
            }
        }
    }
}
