//! Eight bytes of a line at once, as a number whose lowest byte is the first: tests and conversions without a branch for
//! each byte, of which most would be guessed wrong.
//!
//! Tests answer a number with the high bit set in each byte that fails.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x80 * ONES;

/// The eight bytes at `at`, zeros for those behind the end.
pub fn eight(line: &[u8], at: usize) -> u64 {
    let rest = line.get(at..).unwrap_or_default();
    if let Some(bytes) = rest.first_chunk::<8>() {
        return u64::from_le_bytes(*bytes);
    }
    match line.last_chunk::<8>() {
        // Few bytes are left, and the line has enough before them: one read, and those are shifted out.
        Some(last) => u64::from_le_bytes(*last).checked_shr(64 - 8 * rest.len() as u32).unwrap_or(0),
        None => rest.iter().rev().fold(0, |bytes, byte| bytes << 8 | u64::from(*byte)),
    }
}

/// How many bytes come before the first that fails a test.
fn before(fails: u64) -> usize {
    fails.trailing_zeros() as usize / 8
}

/// Which bytes are not among the `count` ones from `first` on; both are below 128.
fn outside(bytes: u64, first: u8, count: u8) -> u64 {
    let apart = (bytes | HIGH).wrapping_sub(u64::from(first) * ONES);
    let beyond = (apart & !HIGH).wrapping_add(u64::from(0x80 - count) * ONES);
    (!apart | beyond | bytes) & HIGH
}

/// How many decimal digits `bytes` begins with.
pub fn digits(bytes: u64) -> usize {
    before(outside(bytes, b'0', 10))
}

/// How many bytes of letters, digits and `_` there are from the beginning.
pub fn word_bytes(bytes: u64) -> usize {
    let letters = outside(bytes | (0x20 * ONES), b'a', 26);
    before(outside(bytes, b'0', 10) & letters & outside(bytes, b'_', 1))
}

/// What the first `len` bytes mean, 1 to 8 decimal digits.
pub fn decimal(bytes: u64, len: usize) -> u64 {
    // The digits come last, behind zeros; then neighbours are joined: to pairs, to fours, to eight.
    let ones = (bytes ^ (0x30 * ONES)) << (64 - 8 * len as u32);
    let pairs = (ones & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(10 << 8 | 1) >> 8;
    let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(100 << 16 | 1) >> 16;
    (fours & 0x0000_ffff_0000_ffff).wrapping_mul(10_000 << 32 | 1) >> 32
}

/// What eight small hexadecimal digits mean; `None` when they are something else.
pub fn lower_hex(bytes: u64) -> Option<u64> {
    if outside(bytes, b'0', 10) & outside(bytes, b'a', 6) != 0 {
        return None;
    }
    // A letter has bit 6, and its low bits begin with 1.
    let ones = (bytes & (0x0f * ONES)) + 9 * ((bytes >> 6) & ONES);
    let pairs = (ones << 4 | ones >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs << 8 | pairs >> 16) & 0x0000_ffff_0000_ffff;
    Some((fours << 16 | fours >> 32) & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_word(byte: &u8) -> bool {
        byte.is_ascii_alphanumeric() || *byte == b'_'
    }

    proptest! {
        #[test]
        fn eight_bytes_are_those_of_the_line(line: Vec<u8>, at in 0usize..40) {
            let expected: Vec<u8> = line.iter().skip(at).copied().chain([0; 8]).take(8).collect();
            prop_assert_eq!(eight(&line, at).to_le_bytes().to_vec(), expected);
        }

        #[test]
        fn runs_end_where_they_do(bytes: [u8; 8], text in "[0-9a-z_A-Z/:@`{.\\[]{8}") {
            for bytes in [bytes, *text.as_bytes().first_chunk().unwrap()] {
                let number = u64::from_le_bytes(bytes);
                prop_assert_eq!(digits(number), bytes.iter().take_while(|byte| byte.is_ascii_digit()).count());
                prop_assert_eq!(word_bytes(number), bytes.iter().take_while(|byte| is_word(byte)).count());
            }
        }

        #[test]
        fn digits_mean_what_they_say(text in "[0-9]{1,8}", behind in "[^0-9]{0,8}") {
            let line = format!("{text}{behind}");
            prop_assert_eq!(decimal(eight(line.as_bytes(), 0), text.len()), text.parse::<u64>().unwrap());
        }

        #[test]
        fn hexadecimal_digits_mean_what_they_say(text in "[0-9a-f]{8}", other in "[0-9a-gA-F]{8}") {
            let of = |text: &str| lower_hex(eight(text.as_bytes(), 0));
            prop_assert_eq!(of(&text), u64::from_str_radix(&text, 16).ok());
            let is_lower = other.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            prop_assert_eq!(of(&other).is_some(), is_lower);
        }
    }
}
