//! Where the stops and the digits of a text are, as bits, 64 bytes at a time. The loops have no branches, so that the
//! compiler turns them into vector instructions; what reads the bits jumps from stop to stop.

const BLOCK: usize = 64;

/// What stands at 64 places of a text, one bit for each.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    /// Blanks and marks.
    pub stops: u64,
    pub digits: u64,
    /// Dots and slashes: what stands around them tells what a token is.
    pub joints: u64,
}

/// What begins at a place and goes on to the next stop.
#[derive(Clone, Copy)]
pub(crate) struct Token {
    /// 0 at a stop.
    pub length: usize,
    pub digit: bool,
    pub joint: bool,
    /// Perhaps two of its joints stand side by side.
    pub leaders: bool,
}

/// Windows on a part of a line.
#[derive(Default)]
pub(crate) struct Blocks {
    /// Where the part begins.
    base: usize,
    windows: Vec<Window>,
    /// Only read where they are asked for.
    pub quotes: Quotes,
}

/// Behind the end of a text.
const END: Window = Window { stops: u64::MAX, digits: 0, joints: 0 };

impl Window {
    fn of(block: &[u8; BLOCK]) -> Self {
        Self {
            stops: bits(&block.map(|byte| u8::from(is_stop(byte)))),
            digits: bits(&block.map(|byte| u8::from(byte.wrapping_sub(b'0') < 10))),
            joints: bits(&block.map(|byte| u8::from((byte == b'.') | (byte == b'/')))),
        }
    }
}

impl Blocks {
    /// Reads the part of a line that begins at `base`.
    pub fn read(&mut self, line: &[u8], base: usize) {
        let text = line.get(base..).unwrap_or_default();
        self.base = base;
        self.windows.clear();
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        self.windows.extend(blocks.iter().map(Window::of));
        if !rest.is_empty() {
            self.windows.push(Window::of(&padded(rest)));
        }
        // So that each place in the text has a window that is full.
        self.windows.push(END);
    }

    /// The 64 places from `at` on.
    #[inline(always)]
    fn window(&self, at: usize) -> Window {
        let at = at.wrapping_sub(self.base);
        let (word, shift) = (at / BLOCK, (at % BLOCK) as u32);
        let Some([low, high]) = self.windows.get(word..word + 2) else { return END };
        let join = |low: u64, high: u64| low >> shift | high << 1 << (BLOCK as u32 - 1 - shift);
        Window {
            stops: join(low.stops, high.stops),
            digits: join(low.digits, high.digits),
            joints: join(low.joints, high.joints),
        }
    }

    /// The token that begins at `start`.
    #[inline(always)]
    pub fn token(&self, start: usize) -> Token {
        let Window { stops, digits, joints, .. } = self.window(start);
        if stops == 0 {
            return self.long_token(start);
        }
        let before = (stops & stops.wrapping_neg()).wrapping_sub(1);
        let joints = joints & before;
        Token {
            length: stops.trailing_zeros() as usize,
            digit: digits & before != 0,
            joint: joints != 0,
            leaders: joints & joints >> 1 != 0,
        }
    }

    #[cold]
    fn long_token(&self, start: usize) -> Token {
        let mut token = Token { length: 0, digit: false, joint: false, leaders: true };
        loop {
            let Window { stops, digits, joints, .. } = self.window(start + token.length);
            let before = if stops == 0 { u64::MAX } else { (stops & stops.wrapping_neg()) - 1 };
            token.digit |= digits & before != 0;
            token.joint |= joints & before != 0;
            token.length += stops.trailing_zeros() as usize;
            if stops != 0 {
                return token;
            }
        }
    }
}

/// Where the double quotes of a text are, and the backslashes that may escape them.
#[derive(Default)]
pub(crate) struct Quotes(Vec<u64>);

impl Quotes {
    pub fn read(&mut self, text: &[u8]) {
        let quotes = |block: &[u8; BLOCK]| bits(&block.map(|byte| u8::from((byte == b'"') | (byte == b'\\'))));
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        self.0.clear();
        self.0.extend(blocks.iter().map(quotes));
        if !rest.is_empty() {
            self.0.push(quotes(&padded(rest)));
        }
    }

    /// The first double quote or backslash at or behind `at`.
    #[inline(always)]
    pub fn next(&self, at: usize) -> Option<usize> {
        let mut word = at / BLOCK;
        let mut bits = self.0.get(word)? & (u64::MAX << (at % BLOCK));
        while bits == 0 {
            word += 1;
            bits = *self.0.get(word)?;
        }
        Some(word * BLOCK + bits.trailing_zeros() as usize)
    }
}

/// The end of a text, with blanks behind.
fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [b' '; BLOCK];
    if let Some(room) = block.get_mut(..rest.len()) {
        room.copy_from_slice(rest);
    }
    block
}

/// Blank or mark, with as few comparisons as possible.
#[inline(always)]
const fn is_stop(byte: u8) -> bool {
    (byte.wrapping_sub(b'\t') < 5)
        | (byte.wrapping_sub(b' ') < 3)
        | (byte.wrapping_sub(b'&') < 4)
        | (byte == b',')
        | (byte.wrapping_sub(b':') < 6)
        | (byte == b'[')
        | (byte == b']')
        | (byte.wrapping_sub(b'{') < 3)
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
        fn bits_say_what_the_bytes_say(text in proptest::collection::vec(any::<u8>(), 0..300), base in 0usize..99, at in 0usize..300) {
            let base = base.min(text.len());
            let at = (base + at).min(text.len());
            let mut blocks = Blocks::default();
            blocks.read(&text, base);
            let rest = &text[at..];
            let token = blocks.token(at);
            let expected = rest.split(|byte| is_space(*byte) || is_mark(*byte)).next().unwrap();
            prop_assert_eq!(token.length, expected.len());
            prop_assert_eq!(token.digit, expected.iter().any(u8::is_ascii_digit));
            prop_assert_eq!(token.joint, expected.iter().any(|byte| b"./".contains(byte)));
            prop_assert!(token.leaders || !expected.windows(2).any(|pair| pair == b".."));
            let quote = rest.iter().position(|byte| b"\"\\".contains(byte));
            let mut quotes = Quotes::default();
            quotes.read(&text);
            prop_assert_eq!(quotes.next(at), quote.map(|offset| at + offset));
        }
    }
}
