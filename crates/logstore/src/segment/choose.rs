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
    let most = values.iter().copied().max().unwrap_or(0);
    let (found, mut codes) = if most < DENSE.max(4 * values.len() as u64) {
        let places = &mut scratch.places;
        places.clear();
        places.resize(most as usize + 1, u32::MAX);
        numbered(values, limit, |value, next| match places.get_mut(value as usize) {
            Some(place) if *place == u32::MAX => {
                *place = next;
                next
            }
            place => place.map_or(next, |place| *place),
        })?
    } else {
        scratch.numbers.clear();
        numbered(values, limit, |value, next| *scratch.numbers.entry(value).or_insert(next))?
    };
    let mut order: Vec<(u32, u32)> = (0..found.len() as u32).map(|code| (u32::MAX, code)).collect();
    for code in &codes {
        if let Some((left, _)) = order.get_mut(*code as usize) {
            *left -= 1; // the commonest comes first
        }
    }
    order.sort_unstable();
    let mut ranks = vec![0; found.len()];
    for (rank, (_, code)) in (0..).zip(&order) {
        if let Some(place) = ranks.get_mut(*code as usize) {
            *place = rank;
        }
    }
    for code in &mut codes {
        *code = ranks.get(*code as usize).copied().unwrap_or(0);
    }
    let dictionary = order.iter().filter_map(|(_, code)| found.get(*code as usize).copied()).collect();
    Some(Coded { dictionary, codes })
}

/// Values below this are numbered through an array, and so are those that are not much more than there are of them.
const DENSE: u64 = 1 << 14;

/// The distinct values as they first come, and the number of each value. `number` answers that of a value that was seen,
/// else the one it is given.
fn numbered(values: &[u64], limit: usize, mut number: impl FnMut(u64, u32) -> u32) -> Option<(Vec<u64>, Vec<u32>)> {
    let (mut found, mut codes) = (Vec::new(), Vec::with_capacity(values.len()));
    let mut last = None;
    for value in values {
        // Runs are common, and their end is the only thing to look up.
        let code = match last {
            Some((before, code)) if before == *value => code,
            _ => number(*value, found.len() as u32),
        };
        if code as usize == found.len() {
            if found.len() == limit {
                return None;
            }
            found.push(*value);
        }
        last = Some((*value, code));
        codes.push(code);
    }
    Some((found, codes))
}

/// Whether so many of `values` are distinct that a dictionary of half of them, or of 2^16, is certain not to do: of a
/// thousand that lie far apart no two are alike. Only of long lists, where finding out by counting is dear.
pub fn differ(values: &[u64]) -> bool {
    const LONG: usize = 16 * SAMPLE;
    if values.len() < LONG {
        return false;
    }
    let mut sample: Vec<u64> = values.iter().step_by(values.len() / SAMPLE).copied().collect();
    sample.sort_unstable();
    sample.windows(2).all(|pair| pair.first() != pair.last())
}

/// Memory of [`code`].
#[derive(Default)]
pub struct Counter {
    numbers: HashMap<u64, u32, crate::hash::Build>,
    places: Vec<u32>,
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
