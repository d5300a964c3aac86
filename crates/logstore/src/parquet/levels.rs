//! Repetition and definition levels of a list column whose rows are non-null lists: where each row begins, and which
//! rows are empty. Both are streams of single bits in Parquet's hybrid of runs and packed groups.

use super::thrift::{Reader, varint};

/// Encodes runs of equal bits, each `(bit, length)`.
pub fn encode(runs: impl Iterator<Item = (bool, usize)>) -> Vec<u8> {
    let mut encoder = Encoder::default();
    for (bit, len) in runs {
        encoder.run(bit, len);
    }
    encoder.finish()
}

#[derive(Default)]
struct Encoder {
    out: Vec<u8>,
    /// Packed groups not yet written, and how many bits the last of them still misses.
    packed: Vec<u8>,
    missing: usize,
    /// A run that may still grow.
    bit: bool,
    len: usize,
}

impl Encoder {
    fn run(&mut self, bit: bool, len: usize) {
        if bit == self.bit {
            self.len += len;
            return;
        }
        self.settle();
        (self.bit, self.len) = (bit, len);
    }

    /// Writes the run: what the last packed group misses comes from its front, the rest becomes a run or a new group.
    fn settle(&mut self) {
        let fill = self.missing.min(self.len);
        self.pack(fill);
        if self.len >= 8 {
            self.flush_packed();
            varint(&mut self.out, (self.len as u64) << 1);
            self.out.push(u8::from(self.bit));
            self.len = 0;
        }
        self.pack(self.len);
    }

    fn pack(&mut self, count: usize) {
        for _ in 0..count {
            if self.missing == 0 {
                self.packed.push(0);
                self.missing = 8;
            }
            if let Some(last) = self.packed.last_mut() {
                *last |= u8::from(self.bit) << (8 - self.missing);
            }
            self.missing -= 1;
        }
        self.len -= count;
    }

    fn flush_packed(&mut self) {
        if !self.packed.is_empty() {
            varint(&mut self.out, (self.packed.len() as u64) << 1 | 1);
            self.out.append(&mut self.packed);
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.settle();
        self.flush_packed();
        self.out
    }
}

/// The runs of `total` encoded bits, in order; the iteration ends early, with `None` from [`Runs::next_run`], when the
/// input is malformed or short.
pub struct Runs<'a> {
    input: Reader<'a>,
    left: usize,
    /// Of the packed groups under way: bytes left, and the bits of the byte at hand with their number.
    groups: usize,
    bits: u8,
    have: u8,
    /// Of the run under way.
    run: (bool, usize),
}

impl<'a> Runs<'a> {
    pub fn new(input: &'a [u8], total: usize) -> Self {
        Self { input: Reader { rest: input }, left: total, groups: 0, bits: 0, have: 0, run: (false, 0) }
    }

    /// At most `limit` equal bits.
    pub fn next_run(&mut self, limit: usize) -> Option<(bool, usize)> {
        if self.left == 0 || limit == 0 {
            return None;
        }
        if self.run.1 == 0 {
            self.run = self.fetch()?;
        }
        let len = self.run.1.min(limit).min(self.left);
        self.run.1 -= len;
        self.left -= len;
        Some((self.run.0, len))
    }

    fn fetch(&mut self) -> Option<(bool, usize)> {
        loop {
            if self.have > 0 {
                let bit = self.bits & 1 == 1;
                let same = if bit { self.bits.trailing_ones() } else { self.bits.trailing_zeros() };
                let len = (same as u8).min(self.have);
                self.have -= len;
                self.bits = self.bits.checked_shr(u32::from(len)).unwrap_or(0);
                return Some((bit, usize::from(len)));
            }
            if self.groups > 0 {
                self.groups -= 1;
                (self.bits, self.have) = (self.input.byte()?, 8);
                continue;
            }
            let head = self.input.varint()?;
            let len = usize::try_from(head >> 1).ok()?;
            if head & 1 == 1 {
                self.groups = len;
            } else if len > 0 {
                return Some((self.input.byte()? & 1 == 1, len));
            }
        }
    }
}

/// How many values each of `rows` rows has, from `total` entries of both level streams.
pub fn counts(repetition: &[u8], definition: &[u8], total: usize, rows: usize) -> Option<Vec<u32>> {
    // A row takes at least one entry, and entries come in runs: the result is bounded by `rows`, which the caller bounds.
    let mut counts: Vec<u32> = Vec::new();
    let (mut repeated, mut defined) = (Runs::new(repetition, total), Runs::new(definition, total));
    let mut left = total;
    while left > 0 {
        let (again, len) = repeated.next_run(left)?;
        let mut same = len;
        while same > 0 {
            let (present, len) = defined.next_run(same)?;
            same -= len;
            match (again, present) {
                (true, true) => {
                    let last = counts.last_mut().filter(|last| **last > 0)?;
                    *last = last.checked_add(u32::try_from(len).ok()?)?;
                }
                (true, false) => return None,
                (false, present) => {
                    if len > rows.checked_sub(counts.len())? {
                        return None;
                    }
                    counts.resize(counts.len() + len, u32::from(present));
                }
            }
        }
        left -= len;
    }
    (counts.len() == rows).then_some(counts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn row_counts_come_back(rows in proptest::collection::vec(prop_oneof![Just(0u32), 1u32..4, 1u32..200], 1..100)) {
            let total = rows.iter().map(|count| (*count).max(1) as usize).sum();
            let repetition = encode(rows.iter().flat_map(|count| [(false, 1), (true, count.saturating_sub(1) as usize)]));
            let definition = encode(rows.iter().map(|count| (*count > 0, (*count).max(1) as usize)));
            prop_assert_eq!(counts(&repetition, &definition, total, rows.len()), Some(rows));
        }

        #[test]
        fn hostile_levels_are_refused_or_bounded(a: Vec<u8>, b: Vec<u8>, total in 0usize..100_000, rows in 0usize..1000) {
            let read = counts(&a, &b, total, rows);
            prop_assert!(read.is_none_or(|read| read.len() == rows));
        }
    }
}
