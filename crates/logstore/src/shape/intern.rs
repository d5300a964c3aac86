//! Byte strings by number, each kept once.

use crate::hash;

#[derive(Default)]
pub struct Interner {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// Open addressing; the length is a power of two.
    table: Vec<Entry>,
}

/// A place of the table. Most words are short, and then it alone tells whether they are equal: a lookup goes to memory
/// once.
#[derive(Clone, Copy, Default)]
struct Entry {
    /// All bytes of up to 16, else some and their hash.
    bytes: [u64; 2],
    len: u32,
    /// The number plus one; zero is a free place.
    next: u32,
}

/// Longest text that an entry holds.
const SHORT: usize = 16;

impl Entry {
    fn of(text: &[u8]) -> Self {
        let number = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
        let bytes = match (text.first_chunk(), text.last_chunk()) {
            (Some(first), Some(last)) if text.len() <= SHORT => [number(first), number(last)],
            (Some(first), _) => [number(first), hash::of(text)],
            (None, _) => [text.iter().rev().fold(0, |bytes, byte| bytes << 8 | u64::from(*byte)), 0],
        };
        Self { bytes, len: text.len() as u32, next: 0 }
    }

    fn hash(&self) -> usize {
        let [a, b] = self.bytes;
        hash::pair(a ^ u64::from(self.len), b) as usize
    }

    fn is_like(&self, other: &Self) -> bool {
        self.bytes == other.bytes && self.len == other.len
    }
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
        let (own, mask) = (Entry::of(text), self.table.len() - 1);
        let mut at = own.hash() & mask;
        while let Some(entry) = self.table.get(at).filter(|entry| entry.next != 0) {
            if entry.is_like(&own) && (text.len() <= SHORT || self.get(entry.next - 1) == text) {
                return entry.next - 1;
            }
            at = (at + 1) & mask;
        }
        let id = self.ends.len() as u32;
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len() as u32);
        if let Some(place) = self.table.get_mut(at) {
            *place = Entry { next: id + 1, ..own };
        }
        id
    }

    fn grow(&mut self) {
        let len = (self.table.len() * 2).max(256);
        let old = std::mem::replace(&mut self.table, vec![Entry::default(); len]);
        for entry in old.into_iter().filter(|entry| entry.next != 0) {
            let mut at = entry.hash() & (len - 1);
            while self.table.get(at).is_some_and(|other| other.next != 0) {
                at = (at + 1) & (len - 1);
            }
            if let Some(place) = self.table.get_mut(at) {
                *place = entry;
            }
        }
    }
}
