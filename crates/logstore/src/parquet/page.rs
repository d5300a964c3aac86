//! The values of one page, before compression: byte planes of integers, and strings with their lengths packed ahead.

use super::thrift::{Reader, unzigzag, varint, zigzag};

pub const PLAIN: i32 = 0;
pub const DELTA_LENGTH_BYTE_ARRAY: i32 = 6;
pub const BYTE_STREAM_SPLIT: i32 = 9;
/// Bytes of one value of the column `wide`.
pub const WIDE: usize = 16;

/// Byte strings in one buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    pub bytes: Vec<u8>,
    /// Where each string ends in `bytes`.
    pub ends: Vec<u32>,
}

impl Texts {
    pub fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.end();
    }

    /// Ends a string whose bytes were appended.
    pub fn end(&mut self) {
        self.ends.push(self.bytes.len() as u32);
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let start = match index.checked_sub(1) {
            None => 0,
            Some(before) => *self.ends.get(before)?,
        };
        self.bytes.get(start as usize..*self.ends.get(index)? as usize)
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

impl<'a> FromIterator<&'a [u8]> for Texts {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(texts: I) -> Self {
        let mut all = Self::default();
        texts.into_iter().for_each(|text| all.push(text));
        all
    }
}

/// Appends `N` planes: the lowest byte of every value, then the next.
pub fn split<const N: usize>(values: impl ExactSizeIterator<Item = [u8; N]> + Clone, out: &mut Vec<u8>) {
    let (start, count) = (out.len(), values.len());
    out.resize(start + N * count, 0);
    let planes = out.get_mut(start..).unwrap_or_default().chunks_exact_mut(count.max(1));
    for (plane, bytes) in planes.enumerate() {
        for (place, value) in bytes.iter_mut().zip(values.clone()) {
            *place = value.get(plane).copied().unwrap_or(0);
        }
    }
}

const BLOCK: usize = 128;
const MINI: usize = 32;

/// DELTA_BINARY_PACKED of 32-bit values, as Parquet's readers expect the lengths of strings.
pub fn pack_lengths(values: &[u32], out: &mut Vec<u8>) {
    varint(out, BLOCK as u64);
    varint(out, (BLOCK / MINI) as u64);
    varint(out, values.len() as u64);
    let first = values.first().copied().unwrap_or(0);
    varint(out, zigzag(i64::from(first)));
    let deltas: Vec<i64> =
        values.iter().zip(values.iter().skip(1)).map(|(a, b)| i64::from(*b) - i64::from(*a)).collect();
    for block in deltas.chunks(BLOCK) {
        let least = block.iter().copied().min().unwrap_or(0);
        varint(out, zigzag(least));
        let width = |mini: &[i64]| {
            let most = mini.iter().map(|delta| (delta - least) as u64).max().unwrap_or(0);
            (64 - most.leading_zeros()) as u8
        };
        let widths: Vec<u8> = block.chunks(MINI).map(width).collect();
        out.extend(widths.iter().copied().chain(std::iter::repeat(0)).take(BLOCK / MINI));
        for (mini, width) in block.chunks(MINI).zip(&widths) {
            pack(mini.iter().map(|delta| (delta - least) as u64), *width, out);
        }
    }
}

/// One miniblock: always room for [`MINI`] values.
fn pack(values: impl Iterator<Item = u64>, width: u8, out: &mut Vec<u8>) {
    let (mut bits, mut have) = (0u128, 0u32);
    for value in values.chain(std::iter::repeat(0)).take(MINI) {
        bits |= u128::from(value) << have;
        have += u32::from(width);
        while have >= 8 {
            out.push(bits as u8);
            bits >>= 8;
            have -= 8;
        }
    }
}

/// At most `limit` values; advances `input` behind them.
fn unpack_lengths(input: &mut Reader, limit: usize) -> Option<Vec<u32>> {
    let (block, minis) = (input.varint()?, input.varint()?);
    let count = usize::try_from(input.varint()?).ok().filter(|count| *count <= limit)?;
    if (block, minis) != (BLOCK as u64, (BLOCK / MINI) as u64) {
        return None;
    }
    let mut last = unzigzag(input.varint()?);
    let mut values = Vec::with_capacity(count);
    if count > 0 {
        values.push(u32::try_from(last).ok()?);
    }
    while values.len() < count {
        let least = unzigzag(input.varint()?);
        for width in input.take(BLOCK / MINI)? {
            let left = count - values.len();
            if left == 0 {
                break; // the widths of miniblocks that are not there mean nothing
            }
            let width = u32::from(*width).min(64);
            let mut packed = input.take(MINI / 8 * width as usize)?.iter();
            let (mut bits, mut have) = (0u128, 0u32);
            for _ in 0..left.min(MINI) {
                while have < width {
                    bits |= u128::from(*packed.next()?) << have;
                    have += 8;
                }
                let delta = (bits & ((1u128 << width) - 1)) as u64;
                bits >>= width;
                have -= width;
                last = last.checked_add(least)?.checked_add(i64::try_from(delta).ok()?)?;
                values.push(u32::try_from(last).ok()?);
            }
        }
    }
    Some(values)
}

/// Lengths, then all bytes.
pub fn put_texts(texts: &Texts, out: &mut Vec<u8>) {
    let starts = std::iter::once(&0).chain(&texts.ends);
    let lengths: Vec<u32> = texts.ends.iter().zip(starts).map(|(end, start)| end - start).collect();
    pack_lengths(&lengths, out);
    out.extend_from_slice(&texts.bytes);
}

/// Exactly `count` strings from a page.
pub fn get_texts(page: &[u8], count: usize) -> Option<Texts> {
    let mut input = Reader { rest: page };
    // A miniblock of width zero needs no bytes, so a page can claim many empty strings: `count` bounds them.
    let lengths = unpack_lengths(&mut input, count)?;
    if lengths.len() != count {
        return None;
    }
    let mut end = 0u32;
    let ends = lengths.iter().map(|len| {
        end = end.checked_add(*len)?;
        Some(end)
    });
    let ends = ends.collect::<Option<Vec<u32>>>()?;
    (input.rest.len() == end as usize).then(|| Texts { bytes: input.rest.to_vec(), ends })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_come_back(texts: Vec<Vec<u8>>) {
            let texts: Texts = texts.iter().map(Vec::as_slice).collect();
            let mut page = Vec::new();
            put_texts(&texts, &mut page);
            prop_assert_eq!(get_texts(&page, texts.len()), Some(texts));
        }

        #[test]
        fn hostile_texts_are_refused(page: Vec<u8>, count in 0usize..10_000) {
            prop_assert!(get_texts(&page, count).is_none_or(|texts| texts.len() == count));
        }
    }
}
