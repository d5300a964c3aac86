//! The one hash of this crate: stable across runs and machines, because signature ids are made of it.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Folded multiplication of two words (wyhash, Wang Yi 2019): every input bit reaches every output bit.
#[inline(always)]
pub(crate) const fn mix(a: u64, b: u64) -> u64 {
    let product = (a ^ 0x9E37_79B9_7F4A_7C15) as u128 * (b ^ 0xA076_1D64_78BD_642F) as u128;
    (product as u64) ^ ((product >> 64) as u64)
}

/// Hash of a few bytes. Words are short: up to 16 bytes are two overlapping reads.
#[inline]
pub(crate) fn bytes(text: &[u8]) -> u64 {
    let length = text.len() as u64;
    if let (Some(head), Some(tail)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        let mut hash = mix(length, u64::from_le_bytes(*head));
        for chunk in text.get(8..).unwrap_or_default().chunks_exact(8) {
            hash = mix(hash, chunk.first_chunk::<8>().map_or(0, |chunk| u64::from_le_bytes(*chunk)));
        }
        return mix(hash, u64::from_le_bytes(*tail));
    }
    if let (Some(head), Some(tail)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        return mix(length, u64::from(u32::from_le_bytes(*head)) << 32 | u64::from(u32::from_le_bytes(*tail)));
    }
    mix(length, text.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)))
}

/// A map whose keys are hashes already. The process's own random factor keeps hostile lines from choosing a bucket.
pub(crate) type HashedMap<V> = HashMap<u64, V, Keyed>;

/// Removes entries from a map that new ones follow soon. `HashMap::retain` would leave marks where they were, and the
/// map would double for them.
pub(crate) fn retain<V>(map: &mut HashedMap<V>, mut keep: impl FnMut(&u64, &mut V) -> bool) {
    let mut kept: Vec<(u64, V)> = map.drain().collect();
    kept.retain_mut(|(key, value)| keep(key, value));
    map.extend(kept);
}

#[derive(Clone, Copy)]
pub(crate) struct Keyed(u64);

impl Default for Keyed {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0u64) | 1)
    }
}

impl BuildHasher for Keyed {
    type Hasher = KeyedHasher;

    fn build_hasher(&self) -> KeyedHasher {
        KeyedHasher { key: self.0, hash: 0 }
    }
}

pub(crate) struct KeyedHasher {
    key: u64,
    hash: u64,
}

impl Hasher for KeyedHasher {
    fn finish(&self) -> u64 {
        self.hash
    }

    fn write(&mut self, text: &[u8]) {
        self.hash = mix(self.key, bytes(text));
    }

    fn write_u64(&mut self, value: u64) {
        self.hash = mix(self.key, value);
    }
}
