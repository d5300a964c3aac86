//! A fast hash for tables in memory: multiply and fold, eight bytes a step. Not for what an attacker chooses freely: a
//! collision costs time, never correctness.

use std::hash::{BuildHasherDefault, Hasher};

/// For `HashMap`.
pub type Build = BuildHasherDefault<Fold>;

fn fold(value: u64) -> u64 {
    const STEP: u128 = 0x9e37_79b9_7f4a_7c15;
    let wide = u128::from(value ^ 0x2545_f491_4f6c_dd1d) * STEP;
    (wide >> 64) as u64 ^ wide as u64
}

/// The hash of bytes.
pub fn of(text: &[u8]) -> u64 {
    let mut hash = Fold(text.len() as u64);
    hash.write(text);
    hash.finish()
}

/// The hash of two numbers.
pub fn pair(a: u64, b: u64) -> u64 {
    fold(fold(a).rotate_left(29) ^ b)
}

#[derive(Default)]
pub struct Fold(u64);

impl Hasher for Fold {
    fn finish(&self) -> u64 {
        fold(self.0)
    }

    fn write(&mut self, bytes: &[u8]) {
        let (chunks, rest) = bytes.as_chunks::<8>();
        for chunk in chunks {
            self.write_u64(u64::from_le_bytes(*chunk));
        }
        // The last bytes with those before them where there are: one read instead of a loop.
        let last = match (rest.len(), bytes.last_chunk::<8>()) {
            (0, _) => return,
            (_, Some(last)) => u64::from_le_bytes(*last),
            (_, None) => rest.iter().fold(0, |last, byte| last << 8 | u64::from(*byte)),
        };
        self.write_u64(last);
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = fold(self.0.rotate_left(29) ^ value);
    }
}
