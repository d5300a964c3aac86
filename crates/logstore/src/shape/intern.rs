//! Byte strings by number, each kept once.

use crate::hash;

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
        let hash = hash::of(text);
        let (tag, mask) = ((hash >> 32) as u32, self.table.len() - 1);
        let mut at = hash as usize & mask;
        while let Some(&(other, next)) = self.table.get(at) {
            if next == 0 {
                break;
            }
            if other == tag && equal(self.get(next - 1), text) {
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
            let hash = hash::of(self.get(id));
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

/// Words are short: comparing them here is cheaper than a call.
fn equal(a: &[u8], b: &[u8]) -> bool {
    let ((a_chunks, a_rest), (b_chunks, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    a.len() == b.len()
        && a_chunks.iter().zip(b_chunks).all(|(a, b)| u64::from_le_bytes(*a) == u64::from_le_bytes(*b))
        && match (a.last_chunk::<8>(), b.last_chunk::<8>()) {
            (Some(a), Some(b)) => u64::from_le_bytes(*a) == u64::from_le_bytes(*b),
            _ => a_rest.iter().zip(b_rest).all(|(a, b)| a == b),
        }
}
