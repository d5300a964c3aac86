//! Which of several ways to keep a list of numbers is likely smallest, from a sample: the order-zero entropy of their
//! byte planes, which is what zstd makes of them.

use std::collections::HashMap;

/// Values looked at.
const SAMPLE: usize = 1024;
const STRETCH: usize = 128;

pub fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

pub fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Estimated bytes for `values`, each given by its position.
pub fn cost(len: usize, value: impl Fn(usize) -> u64) -> f64 {
    let mut planes = [[0u16; 256]; 8];
    let (mut count, mut all) = (0u32, 0u64);
    let mut see = |at: usize| {
        let value = value(at);
        all |= value;
        for (plane, byte) in planes.iter_mut().zip(value.to_le_bytes()) {
            if let Some(count) = plane.get_mut(usize::from(byte)) {
                *count += 1;
            }
        }
        count += 1;
    };
    if len <= SAMPLE {
        (0..len).for_each(&mut see);
    } else {
        let stretches = SAMPLE / STRETCH;
        for stretch in 0..stretches {
            let start = (len - STRETCH) / (stretches - 1) * stretch;
            (start..start + STRETCH).for_each(&mut see);
        }
    }
    let used = 8 - all.leading_zeros() as usize / 8;
    let bits: f64 = planes.iter().take(used).map(|plane| entropy(plane, count)).sum();
    bits / 8.0 * len as f64 / f64::from(count.max(1)) + 4.0 * used as f64
}

/// Bits for `total` symbols with these counts.
fn entropy(counts: &[u16; 256], total: u32) -> f64 {
    let total = f64::from(total);
    counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) * (total / f64::from(*count)).log2()).sum()
}

/// Distinct values with their codes; the commonest value has the lowest.
pub struct Coded {
    pub dictionary: Vec<u64>,
    pub codes: Vec<u32>,
}

/// Codes for `values` when at most `limit` are distinct. `scratch` is kept between calls for its memory.
pub fn code(values: &[u64], limit: usize, scratch: &mut Counter) -> Option<Coded> {
    let Counter { numbers, counts } = scratch;
    numbers.clear();
    counts.clear();
    let mut codes = Vec::with_capacity(values.len());
    let mut last = None;
    for value in values {
        // Runs are common, and their end is the only thing to look up.
        if let Some((before, code)) = last
            && before == *value
        {
            codes.push(code);
            continue;
        }
        let next = numbers.len() as u32;
        let code = *numbers.entry(*value).or_insert(next);
        if code == next && numbers.len() > limit {
            return None;
        }
        last = Some((*value, code));
        codes.push(code);
    }
    counts.resize(numbers.len(), 0u32);
    for code in &codes {
        if let Some(count) = counts.get_mut(*code as usize) {
            *count += 1;
        }
    }
    let mut dictionary = vec![(0, 0, 0); numbers.len()];
    for (value, code) in numbers.iter() {
        if let (Some(entry), Some(count)) = (dictionary.get_mut(*code as usize), counts.get(*code as usize)) {
            *entry = (u32::MAX - count, *code, *value);
        }
    }
    dictionary.sort_unstable();
    let ranks = counts; // no longer needed: now the new code of each old one
    for (rank, (_, code, _)) in dictionary.iter().enumerate() {
        if let Some(place) = ranks.get_mut(*code as usize) {
            *place = rank as u32;
        }
    }
    for code in &mut codes {
        *code = ranks.get(*code as usize).copied().unwrap_or(0);
    }
    Some(Coded { dictionary: dictionary.into_iter().map(|(_, _, value)| value).collect(), codes })
}

/// Memory of [`code`].
#[derive(Default)]
pub struct Counter {
    numbers: HashMap<u64, u32, crate::hash::Build>,
    counts: Vec<u32>,
}

/// For each of `keys` distinct codes the one value that goes with it, when there is one for each.
pub fn follows(codes: &[u32], keys: usize, values: &[u64]) -> Option<Vec<u64>> {
    let mut table: Vec<Option<u64>> = vec![None; keys];
    for (code, value) in codes.iter().zip(values) {
        match table.get_mut(*code as usize)? {
            Some(known) if known == value => {}
            Some(_) => return None,
            unknown => *unknown = Some(*value),
        }
    }
    Some(table.into_iter().map(Option::unwrap_or_default).collect())
}
