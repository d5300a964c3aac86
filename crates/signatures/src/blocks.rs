//! Where the stops and the digits of a text are, as bits, 64 bytes at a time. The loops have no branches, so that the
//! compiler turns them into vector instructions; what reads the bits jumps from stop to stop.

const BLOCK: usize = 64;

/// One bit for each byte of a text.
#[derive(Default)]
pub(crate) struct Blocks {
    /// Blanks and marks.
    stops: Vec<u64>,
    digits: Vec<u64>,
    /// Dots and slashes: what stands around them tells what a token is.
    joints: Vec<u64>,
    length: usize,
}

impl Blocks {
    pub fn read(&mut self, text: &[u8]) {
        self.length = text.len();
        self.stops.clear();
        self.digits.clear();
        self.joints.clear();
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        for block in blocks {
            self.push(block);
        }
        if !rest.is_empty() {
            let mut block = [b' '; BLOCK];
            if let Some(room) = block.get_mut(..rest.len()) {
                room.copy_from_slice(rest);
            }
            self.push(&block);
        }
    }

    fn push(&mut self, block: &[u8; BLOCK]) {
        self.stops.push(bits(&block.map(|byte| u8::from(is_space(byte) | is_mark(byte)))));
        self.digits.push(bits(&block.map(|byte| u8::from(byte.wrapping_sub(b'0') < 10))));
        self.joints.push(bits(&block.map(|byte| u8::from((byte == b'.') | (byte == b'/')))));
    }

    /// The first stop at or behind `at`; the text's end when there is none.
    #[inline]
    pub fn next_stop(&self, at: usize) -> usize {
        let mut word = at / BLOCK;
        let Some(first) = self.stops.get(word) else { return self.length };
        let mut bits = first & (u64::MAX << (at % BLOCK));
        while bits == 0 {
            word += 1;
            match self.stops.get(word) {
                Some(next) => bits = *next,
                None => return self.length,
            }
        }
        (word * BLOCK + bits.trailing_zeros() as usize).min(self.length)
    }

    /// Whether there is a digit from `start` to before `end`.
    #[inline]
    pub fn has_digit(&self, start: usize, end: usize) -> bool {
        any_set(&self.digits, start, end)
    }

    /// Whether there is a dot or a slash from `start` to before `end`.
    #[inline]
    pub fn has_joint(&self, start: usize, end: usize) -> bool {
        any_set(&self.joints, start, end)
    }
}

/// Whether a bit is set from `start` to before `end`.
#[inline]
fn any_set(words: &[u64], start: usize, end: usize) -> bool {
    if start >= end {
        return false;
    }
    let (first, last) = (start / BLOCK, (end - 1) / BLOCK);
    let from = u64::MAX << (start % BLOCK);
    let to = u64::MAX >> (BLOCK - 1 - (end - 1) % BLOCK);
    let bits = |word: usize| words.get(word).copied().unwrap_or_default();
    if first == last {
        bits(first) & from & to != 0
    } else {
        bits(first) & from != 0 || bits(last) & to != 0 || (first + 1..last).any(|word| bits(word) != 0)
    }
}

#[inline(always)]
pub(crate) const fn is_space(byte: u8) -> bool {
    (byte.wrapping_sub(b'\t') < 5) | (byte == b' ')
}

#[inline(always)]
pub(crate) const fn is_mark(byte: u8) -> bool {
    (byte.wrapping_sub(b'!') < 2)            // ! "
        | (byte.wrapping_sub(b'&') < 4)      // & ' ( )
        | (byte == b',')
        | (byte.wrapping_sub(b':') < 6)      // : ; < = > ?
        | (byte == b'[')
        | (byte == b']')
        | (byte.wrapping_sub(b'{') < 3) // { | }
}

/// The lowest bits of 64 bytes, gathered by multiplication eight at a time.
#[inline(always)]
fn bits(bytes: &[u8; BLOCK]) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().rev().fold(0, |bits, word| {
        let gathered = u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits << 8 | gathered
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_say_what_the_bytes_say(text in proptest::collection::vec(any::<u8>(), 0..300), at in 0usize..300, length in 0usize..200) {
            let mut blocks = Blocks::default();
            blocks.read(&text);
            let stop = text.iter().enumerate().skip(at).find(|(_, byte)| is_space(**byte) || is_mark(**byte)).map_or(text.len(), |(at, _)| at);
            prop_assert_eq!(blocks.next_stop(at), stop);
            let end = (at + length).min(text.len());
            let digit = text.get(at..end).is_some_and(|part| part.iter().any(u8::is_ascii_digit));
            prop_assert_eq!(blocks.has_digit(at, end), digit);
            let joint = text.get(at..end).is_some_and(|part| part.iter().any(|byte| b"./".contains(byte)));
            prop_assert_eq!(blocks.has_joint(at, end), joint);
        }
    }
}
