//! Which numbers have given digits in them, decided by arithmetic: nothing is printed for it.

use crate::shape::Kind;

/// Decimal digits to look for.
pub struct Decimal {
    number: u64,
    /// Ten to the number of digits, and what a multiple of it is recognized by without division.
    unit: u64,
    inverse: u64,
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
        Some(Self { number, unit, inverse, digits, least })
    }

    /// Whether the last digits of `value`, which is not less than the number, are those.
    fn ends(&self, value: u64) -> bool {
        let rest = value.wrapping_sub(self.number);
        rest.wrapping_mul(self.inverse).rotate_right(self.digits) <= u64::MAX / self.unit
    }

    /// Whether `value` has the digits, printed without zeros before it.
    fn in_int(&self, mut value: u64) -> bool {
        if value == 0 {
            return self.number == 0 && self.digits == 1;
        }
        while value >= self.least {
            if self.ends(value) {
                return true;
            }
            value /= 10;
        }
        false
    }

    /// Whether the last `width` digits of `value` have them.
    fn in_padded(&self, mut value: u64, width: u32) -> bool {
        for _ in self.digits..=width {
            if value < self.number {
                return false;
            }
            if self.ends(value) {
                return true;
            }
            value /= 10;
        }
        false
    }

    /// Which of `numbers`, counted from `first`, have the digits when `kind` prints them; `None` when it prints them in
    /// other than decimal digits.
    pub fn find(&self, kind: Kind, numbers: &[u64], first: usize) -> Option<Vec<u32>> {
        // One loop for each kind: it runs over most numbers of a block.
        Some(match kind {
            Kind::Int => which(numbers, first, |value| self.in_int(value)),
            Kind::Ip => {
                let bytes: Vec<bool> = (0..256).map(|byte| self.in_int(byte)).collect();
                let has = |byte: u8| bytes.get(usize::from(byte)) == Some(&true);
                which(numbers, first, |value| (value as u32).to_be_bytes().into_iter().any(has))
            }
            Kind::Pad(width) => which(numbers, first, |value| self.in_padded(value, u32::from(width))),
            Kind::Dec(scale) => {
                let (unit, scale) = (10u64.checked_pow(u32::from(scale))?, u32::from(scale));
                which(numbers, first, |value| self.in_int(value / unit) || self.in_padded(value % unit, scale))
            }
            Kind::Clock(scale, _) => {
                let (unit, scale) = (10u64.checked_pow(u32::from(scale))?, u32::from(scale));
                let parts = |seconds: u64| [seconds / 3600, seconds / 60 % 60, seconds % 60];
                which(numbers, first, |value| {
                    self.in_padded(value % unit, scale)
                        || self.digits <= 2 && parts(value / unit).into_iter().any(|part| self.in_padded(part, 2))
                })
            }
            Kind::Line | Kind::Word | Kind::Spaces | Kind::Hex(..) | Kind::Uuid => return None,
        })
    }
}

/// Places of the numbers, counted from `first`, of which `has` is true.
fn which<T: Copy>(values: &[T], first: usize, has: impl Fn(T) -> bool) -> Vec<u32> {
    (first as u32..).zip(values).filter(|(_, value)| has(**value)).map(|(place, _)| place).collect()
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
