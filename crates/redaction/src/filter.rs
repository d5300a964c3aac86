//! The one pass over every byte: finds the places where a secret, or the key before one, could be.
//!
//! A shift-or filter in the manner of Hyperscan's FDR: an anchor is four classes of bytes in a row, anchors are spread
//! over eight buckets, and a table tells for each byte the positions at which it rules each bucket out. Four bytes are
//! taken in one step with one load each; the steps do not wait for one another. Upper and lower case cost nothing. What
//! passes is only a candidate and is looked at closely by its verifier.

use crate::anchors::Anchor;

const BUCKETS: usize = 8;
/// Bytes in an anchor, which are also the bytes of one step.
const WIDTH: usize = 4;
/// Bytes that are taken without asking in between.
const BLOCK: usize = 4 * WIDTH;
/// Three lanes of a text's first step end before the text could hold a whole anchor: none matches.
const NOTHING_BEFORE: u64 = 0x00ff_ffff;

pub(crate) struct Filter {
    /// For each byte a lane of eight bits for each position, the last position lowest; a set bit rules the bucket out.
    ruled_out: [u32; 256],
    /// The same, moved to where each byte of a step needs it.
    moved: Box<[[u64; 256]; WIDTH]>,
    buckets: [Vec<Anchor>; BUCKETS],
}

impl Filter {
    pub fn new(anchors: &[Anchor]) -> Self {
        let mut filter = Self {
            ruled_out: [u32::MAX; 256],
            moved: Box::new([[0; 256]; WIDTH]),
            buckets: std::array::from_fn(|_| Vec::new()),
        };
        for anchor in anchors {
            let fitting = fitting(anchor);
            let bucket = filter.cheapest_bucket(&fitting);
            filter.ruled_out.iter_mut().zip(fitting).for_each(|(out, fits)| *out &= !(fits << bucket));
            filter.buckets.iter_mut().skip(bucket).take(1).for_each(|bucket| bucket.push(*anchor));
        }
        for (place, moved) in filter.moved.iter_mut().enumerate() {
            moved.iter_mut().zip(filter.ruled_out).for_each(|(to, from)| *to = u64::from(from) << (BUCKETS * place));
        }
        filter
    }

    pub fn bucket(&self, bucket: usize) -> &[Anchor] {
        self.buckets.get(bucket).map(Vec::as_slice).unwrap_or_default()
    }

    /// The bucket whose rate of false candidates grows least when it takes the anchor.
    fn cheapest_bucket(&self, fitting: &[u32; 256]) -> usize {
        let growth = |bucket: usize| self.rate(bucket, fitting) - self.rate(bucket, &[0; 256]);
        let growths = (0..BUCKETS).map(|bucket| (growth(bucket), bucket));
        growths.min_by(|one, other| one.0.total_cmp(&other.0)).map_or(0, |(_, bucket)| bucket)
    }

    /// How often a window passes the bucket once it has taken what fits, by how often bytes occur in log lines.
    fn rate(&self, bucket: usize, fitting: &[u32; 256]) -> f64 {
        let mut lanes = [0.0; WIDTH];
        for ((byte, out), fits) in (0..=u8::MAX).zip(self.ruled_out).zip(fitting) {
            let passes = !(out >> bucket) | fits;
            for (position, lane) in lanes.iter_mut().enumerate() {
                *lane += f64::from(passes >> (8 * position) & 1) * frequency(byte);
            }
        }
        lanes.iter().product()
    }
}

/// For each byte the lanes, the last position lowest, in which it fits the anchor; as for bucket 0.
fn fitting(anchor: &Anchor) -> [u32; 256] {
    let mut fitting = [0; 256];
    for (lane, class) in anchor.window.iter().rev().enumerate() {
        let bytes = (0..=u8::MAX).zip(&mut fitting).filter(|(byte, _)| class.has(*byte));
        bytes.for_each(|(_, fits)| *fits |= 1 << (8 * lane));
    }
    fitting
}

/// Roughly, in log lines.
fn frequency(byte: u8) -> f64 {
    match byte {
        b'e' | b't' | b'a' | b'o' | b'n' | b'i' | b's' | b'r' | b' ' => 0.05,
        b'0'..=b'9' | b'c' | b'd' | b'l' | b'm' | b'p' | b'u' => 0.025,
        b'"' | b':' | b'=' | b'/' | b'.' | b'-' | b'_' | b',' => 0.02,
        b'a'..=b'z' => 0.012,
        b'A'..=b'Z' => 0.006,
        _ => 0.002,
    }
}

/// A window of the text that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub at: usize,
    pub bucket: usize,
}

/// The hits in a text, in order of their place.
pub(crate) struct Hits<'f> {
    filter: &'f Filter,
    /// Where the next step begins.
    next: usize,
    carry: u64,
    /// Where the last step began, and what passed in it that was not given yet.
    step: usize,
    passed: u32,
}

impl<'f> Hits<'f> {
    pub fn new(filter: &'f Filter) -> Self {
        Self { filter, next: 0, carry: NOTHING_BEFORE, step: 0, passed: 0 }
    }

    /// Goes on at `place` as if the text began there.
    pub fn jump(&mut self, place: usize) {
        *self = Self { next: place, ..Self::new(self.filter) };
    }

    pub fn next(&mut self, text: &[u8]) -> Option<Hit> {
        while self.passed == 0 {
            self.advance(text)?;
        }
        let lane = self.passed.trailing_zeros() as usize;
        self.passed &= self.passed - 1;
        // The bit says where the window ends.
        let end = self.step + lane / BUCKETS;
        Some(Hit { at: (end + 1).checked_sub(WIDTH)?, bucket: lane % BUCKETS })
    }

    /// Steps on until something passes; `None` at the end of the text.
    fn advance(&mut self, text: &[u8]) -> Option<()> {
        while self.next < text.len() {
            self.skip_blocks(text);
            let rest = text.get(self.next..).unwrap_or_default();
            let (steps, tail) = rest.get(..BLOCK).unwrap_or(rest).as_chunks::<WIDTH>();
            for step in steps {
                if self.take(*step, WIDTH) {
                    return Some(());
                }
            }
            if !tail.is_empty() {
                let mut last = [0; WIDTH];
                last.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
                return self.take(last, tail.len()).then_some(());
            }
        }
        None
    }

    /// One step of which `length` bytes are text; whether something passed.
    fn take(&mut self, step: [u8; WIDTH], length: usize) -> bool {
        let lanes = self.lanes(step) | self.carry;
        let in_text = u32::MAX >> (BUCKETS * (WIDTH - length));
        (self.step, self.next, self.carry) = (self.next, self.next + length, lanes >> 32);
        // The low half is what ends within this step.
        self.passed = !(lanes as u32) & in_text;
        self.passed != 0
    }

    /// Over the blocks in which nothing passes.
    fn skip_blocks(&mut self, text: &[u8]) {
        let (blocks, _) = text.get(self.next..).unwrap_or_default().as_chunks::<BLOCK>();
        let (mut carry, mut clean) = (self.carry, 0);
        for block in blocks {
            let (steps, _) = block.as_chunks::<WIDTH>();
            let (mut before, mut all) = (carry, u64::MAX);
            for step in steps {
                let lanes = self.lanes(*step) | before;
                (before, all) = (lanes >> 32, all & lanes);
            }
            if all as u32 != u32::MAX {
                break;
            }
            (carry, clean) = (before, clean + BLOCK);
        }
        (self.carry, self.next) = (carry, self.next + clean);
    }

    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
    fn lanes(&self, step: [u8; WIDTH]) -> u64 {
        let ([a, b, c, d], [one, two, three, four]) = (step.map(usize::from), &*self.filter.moved);
        one[a] | two[b] | three[c] | four[d]
    }
}
