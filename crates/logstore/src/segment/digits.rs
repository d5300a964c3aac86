//! Which numbers have given digits in them, decided by arithmetic: nothing is printed for it.

use std::ops::Range;

use crate::parquet::Planes;
use crate::shape::Kind;

/// Decimal digits to look for.
pub struct Decimal {
    number: u64,
    /// What a multiple of ten to the number of digits is recognized by without division.
    inverse: u64,
    most: u64,
    digits: u32,
    /// No smaller number has the digits, zero aside.
    least: u64,
}

impl Decimal {
    pub fn new(part: &[u8]) -> Option<Self> {
        if !(1..=18).contains(&part.len()) || !part.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let digits = part.len() as u32;
        let number = part.iter().fold(0, |number, digit| number * 10 + u64::from(digit & 15));
        let unit = 10u64.pow(digits);
        // Before a leading zero another digit must stand.
        let least = if part.first() == Some(&b'0') { unit } else { number };
        // What 5 is multiplied with to give 1, as many times.
        let inverse = (0..digits).fold(1u64, |inverse, _| inverse.wrapping_mul(0xcccc_cccc_cccc_cccd));
        Some(Self { number, inverse, most: u64::MAX / unit, digits, least })
    }

    /// Whether the last digits of `value`, which is not less than the number, are those.
    fn ends(&self, value: u64) -> bool {
        let rest = value.wrapping_sub(self.number);
        rest.wrapping_mul(self.inverse).rotate_right(self.digits) <= self.most
    }

    /// Which of `numbers`, counted from `first`, have the digits when `kind` prints them; `None` when it prints them in
    /// other than decimal digits.
    pub fn find(&self, kind: Kind, numbers: &[u64], first: usize) -> Option<Vec<u32>> {
        let most = numbers.iter().copied().max().unwrap_or(0);
        match kind {
            Kind::Int | Kind::Pad(_) | Kind::Dec(_) => Some(Places::new(self, kind, most)?.find(numbers, first)),
            Kind::Ip => {
                let bytes = Places::new(self, Kind::Int, 255)?.bytes();
                let has = |byte: u8| bytes.get(usize::from(byte)) == Some(&true);
                Some(which(numbers, first, |value| (value as u32).to_be_bytes().into_iter().any(has)))
            }
            Kind::Clock(scale, _) => {
                let unit = 10u64.checked_pow(u32::from(scale))?;
                let (fraction, pair) =
                    (Places::new(self, Kind::Pad(scale), most)?, Places::new(self, Kind::Pad(2), 99)?);
                let parts = |seconds: u64| [seconds / 3600 % 100, seconds / 60 % 60, seconds % 60];
                let in_parts = |value: u64| parts(value / unit).into_iter().any(|part| pair.are_in(part));
                let is_short = self.digits <= 2;
                Some(which(numbers, first, |value| fraction.are_in(value) || is_short && in_parts(value)))
            }
            Kind::Line | Kind::Word | Kind::Spaces | Kind::Hex(..) | Kind::Uuid => None,
        }
    }

    /// [`Self::find`] among `lines` of `list`.
    pub fn find_in(&self, kind: Kind, list: &Planes, lines: &Range<usize>) -> Option<Vec<u32>> {
        let (Kind::Int | Kind::Pad(_) | Kind::Dec(_)) = kind else {
            return self.find(kind, &list.values(lines.clone()), lines.start);
        };
        let places = Places::new(self, kind, list.bound(lines.clone()))?;
        Some(match list.used() {
            _ if places.is_nowhere() => Vec::new(),
            0 | 1 => {
                let bytes = places.bytes();
                let has = |byte: u8| bytes.get(usize::from(byte)) == Some(&true);
                which(list.plane(0, lines.clone()), lines.start, has)
            }
            2..=4 => places.find(&list.values::<u32>(lines.clone()), lines.start),
            _ => places.find(&list.values::<u64>(lines.clone()), lines.start),
        })
    }
}

/// Where the digits may end in the numbers of a kind.
struct Places<'d> {
    decimal: &'d Decimal,
    /// For the last place, the one before it and so on: what the number up to there is at least, when it ends in the
    /// digits. Places that none of the numbers reaches are left out.
    least: Vec<u64>,
    /// All smaller numbers have them: the zero before a point, or alone.
    all_below: u64,
}

impl<'d> Places<'d> {
    /// For numbers up to `most`; `None` for a kind that has more than one row of digits, or two with a point between.
    fn new(decimal: &'d Decimal, kind: Kind, most: u64) -> Option<Self> {
        let (has_whole, scale) = match kind {
            Kind::Int => (true, 0),
            Kind::Dec(scale) => (true, u32::from(scale)),
            Kind::Pad(width) => (false, u32::from(width)),
            _ => return None,
        };
        let least = |place: u32| match place {
            _ if place + decimal.digits <= scale => decimal.number,
            _ if has_whole && place >= scale => decimal.least,
            _ => u64::MAX, // they would reach over the point, or before the first digit
        };
        let mut all: Vec<u64> = (0..=u64::MAX.ilog10()).map(least).collect();
        while let Some((last, before)) = all.split_last()
            && *last > most / 10u64.pow(before.len() as u32)
        {
            all.pop();
        }
        let is_zero = (decimal.number, decimal.digits) == (0, 1);
        let all_below = if has_whole && is_zero { 10u64.checked_pow(scale)? } else { 0 };
        Some(Self { decimal, least: all, all_below })
    }

    fn is_nowhere(&self) -> bool {
        self.least.is_empty() && self.all_below == 0
    }

    /// Whether `value` has them. Nothing here is left early, as that would be guessed wrong for most numbers.
    fn are_in(&self, mut value: u64) -> bool {
        let mut are_in = value < self.all_below;
        for least in &self.least {
            are_in |= (value >= *least) & self.decimal.ends(value);
            value /= 10;
        }
        are_in
    }

    /// The answer for every number of one byte.
    fn bytes(&self) -> Vec<bool> {
        (0..256).map(|byte| self.are_in(byte)).collect()
    }

    fn find<T: Copy + Into<u64>>(&self, numbers: &[T], first: usize) -> Vec<u32> {
        if self.is_nowhere() { Vec::new() } else { which(numbers, first, |value| self.are_in(value.into())) }
    }
}

/// Values that are tested without a branch between them.
const TOGETHER: usize = 16;

/// Places of the values, counted from `first`, of which `has` is true.
pub fn which<T: Copy>(values: &[T], first: usize, has: impl Fn(T) -> bool) -> Vec<u32> {
    let mut places = Vec::new();
    for (number, together) in values.chunks(TOGETHER).enumerate() {
        // Most have none: one branch for all of them.
        if together.iter().fold(false, |any, value| any | has(*value)) {
            let start = first + number * TOGETHER;
            let found = (start as u32..).zip(together).filter(|(_, value)| has(**value));
            places.extend(found.map(|(place, _)| place));
        }
    }
    places
}

const LOWEST: u128 = u128::MAX / 15;

/// Hexadecimal digits to look for.
pub struct Nibbles {
    /// Each digit in all places.
    digits: Vec<u128>,
    /// Where the first of them may be: the lowest bit of each such digit.
    starts: u128,
}

impl Nibbles {
    /// `None` when `part` is not of such digits, or values of `kind` have none.
    pub fn new(part: &[u8], kind: Kind) -> Option<Self> {
        let (len, dashes): (usize, &[usize]) = match kind {
            Kind::Hex(len @ (8 | 16 | 32), _) => (usize::from(len), &[]),
            Kind::Uuid => (36, &[8, 13, 18, 23]),
            _ => return None,
        };
        let all = len - dashes.len();
        let digit = |digit: &u8| char::from(*digit).to_digit(16).map(|digit| LOWEST * u128::from(digit));
        let digits = part.iter().filter(|byte| **byte != b'-').map(digit).collect::<Option<Vec<_>>>()?;
        if digits.is_empty() {
            return None;
        }
        let fits = |from: &usize| (*from..).zip(part).all(|(at, byte)| dashes.contains(&at) == (*byte == b'-'));
        let places = (0..(len + 1).saturating_sub(part.len())).filter(fits);
        let starts = places.fold(0, |starts, from| {
            let before = from - dashes.iter().filter(|dash| **dash < from).count();
            starts | 1u128 << (4 * (all - 1 - before))
        });
        Some(Self { digits, starts })
    }

    /// Which of `values`, counted from `first`, have the digits in a row.
    pub fn find<T: Copy>(&self, values: &[T], first: usize, wide: impl Fn(T) -> u128) -> Vec<u32> {
        which(values, first, |value| self.are_in(wide(value)))
    }

    fn are_in(&self, value: u128) -> bool {
        let mut found = self.starts;
        let mut above = 0;
        for digit in &self.digits {
            let other = value ^ digit;
            let other = other | other >> 1;
            let other = other | other >> 2;
            found &= (!other & LOWEST) << above;
            above += 4;
            if found == 0 {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds() -> impl Strategy<Value = Kind> {
        prop_oneof![
            Just(Kind::Int),
            Just(Kind::Ip),
            (2u8..=18).prop_map(Kind::Pad),
            (1u8..=9).prop_map(Kind::Dec),
            (0u8..=9).prop_map(|digits| Kind::Clock(digits, b'.')),
        ]
    }

    fn values() -> impl Strategy<Value = u64> {
        prop_oneof![
            Just(0),
            0u64..2000,
            0u64..86_400_000_000,
            0u64..1 << 63,
            (0u32..19).prop_map(|power| 10u64.pow(power))
        ]
    }

    /// A part of `text` with other digits in it sometimes.
    fn part(text: &[u8], from: usize, len: usize) -> &[u8] {
        let from = from % text.len();
        text.get(from..(from + len).min(text.len())).unwrap()
    }

    fn contains(text: &[u8], part: &[u8]) -> bool {
        memchr::memmem::find(text, part).is_some()
    }

    proptest! {
        #[test]
        fn decimal_digits_are_found_where_they_are_printed(
            kind in kinds(), a in values(), b in values(), from: usize, len in 1usize..6,
        ) {
            let (mut text, mut other) = (Vec::new(), Vec::new());
            kind.put_num(a, &mut text);
            kind.put_num(b, &mut other);
            for part in [part(&text, from, len), part(&other, from, len), b"0", b"00", b"000"] {
                if let Some(decimal) = Decimal::new(part) {
                    prop_assert_eq!(decimal.find(kind, &[a], 7).unwrap() == [7], contains(&text, part), "{:?} {} {:?}", kind, a, part);
                }
            }
        }

        #[test]
        fn hexadecimal_digits_are_found_where_they_are_printed(a: u128, b: u128, zeros in 0u32..128, from: usize, len in 1usize..6) {
            for (kind, unused) in [("uuid", 0), ("hex32", 0), ("hex16", 64), ("hex8", 96)] {
                let (kind, value) = (Kind::parse(kind).unwrap(), a >> zeros << unused >> unused);
                let print = |value: u128| {
                    let mut text = Vec::new();
                    match kind.holds() {
                        crate::shape::Holds::Wide => kind.put_wide(&value.to_be_bytes(), &mut text),
                        _ => kind.put_num(value as u64, &mut text),
                    }
                    text
                };
                let (text, other) = (print(value), print(b));
                for part in [part(&text, from, len), part(&other, from, len), b"0", b"00"] {
                    if let Some(nibbles) = Nibbles::new(part, kind) {
                        prop_assert_eq!(nibbles.are_in(value), contains(&text, part), "{:?} {:x} {:?}", kind, value, part);
                    }
                }
            }
        }
    }
}
