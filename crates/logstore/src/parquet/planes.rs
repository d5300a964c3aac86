//! Lists of integers as their page has them: the lowest bytes of all values, then the next. They are put together only
//! for the lines that someone asks for, and small numbers are recognized by their higher planes being zero.

use std::ops::{BitOrAssign, Range, Shl};
use std::rc::Rc;

/// The integers of a page.
#[derive(Default)]
pub struct PlanesPage {
    bytes: Vec<u8>,
    count: usize,
}

impl PlanesPage {
    /// Keeps of `planes`, each of `count` bytes, the first and those up to the last that is not zero.
    pub fn new(planes: &[u8], count: usize) -> Self {
        let mut bytes = planes;
        while let Some((rest, last)) = bytes.len().checked_sub(count).and_then(|at| bytes.split_at_checked(at))
            && rest.len() >= count.max(1)
            && is_zero(last)
        {
            bytes = rest;
        }
        Self { bytes: bytes.to_vec(), count }
    }
}

/// A list of integers: a part of a page.
#[derive(Clone)]
pub struct Planes {
    page: Rc<PlanesPage>,
    /// Which of the page's values are the list's.
    range: Range<usize>,
    /// Planes up to the last that is not zero.
    used: usize,
}

impl Planes {
    /// Those of `page` that are in `range`.
    pub fn new(page: Rc<PlanesPage>, range: Range<usize>) -> Self {
        let used = page.bytes.len() / page.count.max(1);
        let mut planes = Self { page, range, used };
        while planes.used > 0 && is_zero(planes.plane(planes.used - 1, 0..planes.len())) {
            planes.used -= 1;
        }
        planes
    }

    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// How many bytes the largest value takes.
    pub fn used(&self) -> usize {
        self.used
    }

    /// No value of `lines` is larger.
    pub fn bound(&self, lines: Range<usize>) -> u64 {
        let Some(top) = self.used.checked_sub(1) else { return 0 };
        let most = most(self.plane(top, lines));
        u64::from(most) << (8 * top) | ((1 << (8 * top)) - 1)
    }

    /// A byte of each of `lines`: plane 0 has the lowest.
    pub fn plane(&self, plane: usize, lines: Range<usize>) -> &[u8] {
        let start = plane * self.page.count + self.range.start;
        let list = self.page.bytes.get(start..start + self.range.len()).unwrap_or_default();
        list.get(lines).unwrap_or_default()
    }

    pub fn get(&self, index: usize) -> Option<u64> {
        if index >= self.len() {
            return None;
        }
        let mut value = 0;
        for plane in (0..self.used).rev() {
            let at = plane * self.page.count + self.range.start + index;
            value = value << 8 | u64::from(*self.page.bytes.get(at)?);
        }
        Some(value)
    }

    /// The values of `lines`; bytes that `T` has no room for are left out.
    pub fn values<T>(&self, lines: Range<usize>) -> Vec<T>
    where
        T: Copy + From<u8> + Shl<usize, Output = T> + BitOrAssign,
    {
        let mut values: Vec<T> = self.plane(0, lines.clone()).iter().copied().map(T::from).collect();
        // Lists of differences begin with a large number: their higher planes are zero from then on.
        for (number, values) in values.chunks_mut(STRETCH).enumerate() {
            let start = lines.start + number * STRETCH;
            for plane in 1..self.used.min(size_of::<T>()) {
                let (bits, bytes) = (8 * plane, self.plane(plane, start..start + values.len()));
                if !is_zero(bytes) {
                    values.iter_mut().zip(bytes).for_each(|(value, byte)| *value |= T::from(*byte) << bits);
                }
            }
        }
        values
    }

    pub fn all(&self) -> Vec<u64> {
        self.values(0..self.len())
    }

    /// Whether all values are below `limit`.
    pub fn are_below(&self, limit: usize) -> bool {
        let limit = limit as u64;
        let room = 1u64.checked_shl(8 * self.used as u32).unwrap_or(u64::MAX);
        let lines = 0..self.len();
        limit >= room
            || match self.used {
                0 | 1 => lines.is_empty() || u64::from(most(self.plane(0, lines))) < limit,
                2 => self.values::<u16>(lines).into_iter().max().is_none_or(|most| u64::from(most) < limit),
                _ => self.values::<u64>(lines).into_iter().max().is_none_or(|most| most < limit),
            }
    }
}

/// Values put together at once: few enough for the nearest cache.
const STRETCH: usize = 1024;

fn most(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |most, byte| most.max(*byte))
}

fn is_zero(bytes: &[u8]) -> bool {
    // Most other planes tell by their first bytes.
    bytes.chunks(256).all(|bytes| bytes.iter().fold(0, |all, byte| all | byte) == 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::page::split;
    use super::*;

    proptest! {
        #[test]
        fn values_come_back(
            values in proptest::collection::vec(prop_oneof![Just(0), 0u64..300, 0u64..70_000, any::<u64>()], 1..300),
            from: prop::sample::Index, len: prop::sample::Index, limit in prop_oneof![1usize..300, 1usize..70_000],
        ) {
            let mut page = Vec::new();
            split(values.iter().map(|value| value.to_le_bytes()), &mut page);
            let from = from.index(values.len());
            let range = from..from + len.index(values.len() - from + 1);
            let planes = Planes::new(Rc::new(PlanesPage::new(&page, values.len())), range.clone());
            let expected = &values[range];
            prop_assert_eq!(planes.all(), expected);
            prop_assert_eq!(planes.values::<u16>(0..planes.len()), expected.iter().map(|value| *value as u16).collect::<Vec<_>>());
            let single: Vec<_> = (0..=expected.len()).map(|at| planes.get(at)).collect();
            prop_assert_eq!(single, expected.iter().copied().map(Some).chain([None]).collect::<Vec<_>>());
            prop_assert!(expected.iter().all(|value| *value <= planes.bound(0..planes.len())));
            prop_assert_eq!(planes.are_below(limit), expected.iter().all(|value| *value < limit as u64));
        }
    }
}
