//! Byte strings by number, each kept once.

#[derive(Default)]
pub struct Interner {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// Open addressing: half of the hash, and the number plus one; zero is free. The length is a power of two.
    table: Vec<(u32, u32)>,
}

impl Interner {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn get(&self, id: u32) -> &[u8] {
        let start = match id.checked_sub(1) {
            None => 0,
            Some(before) => self.ends.get(before as usize).map_or(0, |end| *end as usize),
        };
        let end = self.ends.get(id as usize).map_or(start, |end| *end as usize);
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// The number of `text`, a new one when it was not seen before.
    pub fn intern(&mut self, text: &[u8]) -> u32 {
        if self.len() * 2 >= self.table.len() {
            self.grow();
        }
        let hash = hash(text);
        let (tag, mask) = ((hash >> 32) as u32, self.table.len() - 1);
        let mut at = hash as usize & mask;
        while let Some(&(other, next)) = self.table.get(at) {
            if next == 0 {
                break;
            }
            if other == tag && self.get(next - 1) == text {
                return next - 1;
            }
            at = (at + 1) & mask;
        }
        let id = self.ends.len() as u32;
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len() as u32);
        if let Some(place) = self.table.get_mut(at) {
            *place = (tag, id + 1);
        }
        id
    }

    fn grow(&mut self) {
        let len = (self.table.len() * 2).max(256);
        self.table.clear();
        self.table.resize(len, (0, 0));
        for id in 0..self.ends.len() as u32 {
            let hash = hash(self.get(id));
            let mut at = hash as usize & (len - 1);
            while self.table.get(at).is_some_and(|(_, next)| *next != 0) {
                at = (at + 1) & (len - 1);
            }
            if let Some(place) = self.table.get_mut(at) {
                *place = ((hash >> 32) as u32, id + 1);
            }
        }
    }
}

/// Multiply and fold, eight bytes a step. Collisions cost time, never correctness: equality is always checked.
fn hash(text: &[u8]) -> u64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let fold = |value: u64| {
        let wide = u128::from(value ^ 0x2545_f491_4f6c_dd1d) * u128::from(STEP);
        (wide >> 64) as u64 ^ wide as u64
    };
    let (chunks, rest) = text.as_chunks::<8>();
    let mut hash = text.len() as u64;
    for chunk in chunks {
        hash = fold(hash.rotate_left(29) ^ u64::from_le_bytes(*chunk));
    }
    if !rest.is_empty() {
        let mut last = 0;
        for byte in rest {
            last = last << 8 | u64::from(*byte);
        }
        hash = fold(hash.rotate_left(29) ^ last);
    }
    fold(hash)
}
