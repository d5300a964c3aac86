//! What identifies the shape of a line, so that equal shapes are found by one look-up.
//!
//! The *skeleton* is the line with every word and value replaced by a placeholder. The *sum* adds up the words with
//! their places, so that a word can be taken out of a shape (masked: it turned out to be the content of a slot)
//! without hashing the line again.

use crate::atoms::{Atom, Atoms, Kind, joins};
use crate::hash::mix;

const SEED: u64 = 0x6F76_6572_7365_6572;
const WORD: u64 = 0x100;
const VALUE: u64 = 0x101;
const SPACE: u64 = 0x102;
const MASKED: u64 = 0x103;

/// Words beyond this one are never taken for slots.
pub(crate) const MOST_WORDS: usize = 64;

/// A set of words of a line, by their ordinals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Mask(u64);

impl Mask {
    pub const NONE: Self = Self(0);

    pub fn has(self, word: usize) -> bool {
        word < MOST_WORDS && self.0 >> word & 1 == 1
    }

    pub fn with(self, word: usize) -> Self {
        if word < MOST_WORDS { Self(self.0 | 1 << word) } else { self }
    }

    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    pub fn words(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            (left != 0).then(|| {
                let word = left.trailing_zeros() as usize;
                left &= left - 1;
                word
            })
        })
    }
}

impl FromIterator<usize> for Mask {
    fn from_iter<I: IntoIterator<Item = usize>>(words: I) -> Self {
        words.into_iter().fold(Self::NONE, Self::with)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub skeleton: u64,
    sum: u64,
}

#[inline(always)]
fn part(ordinal: usize, hash: u64) -> u64 {
    mix(hash, ordinal as u64)
}

impl Shape {
    /// The shape of a line; `class` tells apart what the atoms do not show.
    #[inline]
    pub fn of(atoms: &Atoms, class: u64) -> Self {
        let parts = atoms.words().iter().enumerate().map(|(ordinal, &hash)| part(ordinal, hash));
        Self { skeleton: mix(atoms.outline_hash(), class), sum: parts.fold(0, u64::wrapping_add) }
    }

    /// The key of this shape with the words of `mask` taken out.
    #[inline]
    pub fn key(self, mask: Mask, words: &[u64]) -> u64 {
        let mut sum = self.sum;
        for ordinal in mask.words() {
            let hash = words.get(ordinal).copied().unwrap_or_default();
            sum = sum.wrapping_sub(part(ordinal, hash)).wrapping_add(part(ordinal, MASKED));
        }
        mix(self.skeleton, sum)
    }
}

/// Like a shape's key, and the same for lines that differ only in how a slot's content was written this time: masked
/// words count as values; values with only a separator between count as one; so does a quantity, with or without its
/// unit (`93 B`, `1.2 KB`), its restatement in brackets (`1165 bytes (1.13 KB)`) or its bound (`<1 sec`).
pub(crate) fn form(line: &[u8], atoms: &[Atom], class: u64, mask: Mask) -> u64 {
    const OPEN: u64 = b'(' as u64;
    const CLOSE: u64 = b')' as u64;
    let mut codes: Vec<u64> = Vec::with_capacity(atoms.len());
    let mut word = 0;
    for (index, atom) in atoms.iter().enumerate() {
        let code = match atom.kind {
            Kind::Space => SPACE,
            Kind::Mark => atom.hash,
            Kind::Value => VALUE,
            Kind::Word | Kind::Dotted => {
                word += 1;
                if mask.has(word - 1) { VALUE } else { mix(WORD, atom.hash) }
            }
        };
        match codes.as_slice() {
            [.., VALUE, SPACE] if atom.kind == Kind::Word && code != VALUE && is_unit(atom.text(line)) => {
                codes.pop();
            }
            [.., VALUE, SPACE, OPEN, VALUE] if code == CLOSE => codes.truncate(codes.len() - 3),
            [.., VALUE] if code == VALUE => {}
            [.., VALUE, separator] if code == VALUE && separates(*separator) => {
                codes.pop();
            }
            [.., VALUE, mark, SPACE] if code == VALUE && separates(*mark) => codes.truncate(codes.len() - 2),
            _ if is_bound(code, atoms.get(index + 1..)) => {}
            _ => codes.push(code),
        }
    }
    codes.iter().fold(mix(SEED, class), |hash, &code| mix(hash, code))
}

fn separates(code: u64) -> bool {
    code == SPACE || u8::try_from(code).is_ok_and(joins)
}

/// `<1 sec`; not `<1>`.
fn is_bound(code: u64, behind: Option<&[Atom]>) -> bool {
    let mark = |byte: u8| u64::from(byte);
    (code == mark(b'<') || code == mark(b'>'))
        && matches!(behind, Some([value, rest @ ..]) if value.kind == Kind::Value
            && rest.first().is_none_or(|next| next.kind != Kind::Mark || next.hash != mark(b'>')))
}

fn is_unit(word: &[u8]) -> bool {
    const UNITS: [&[u8]; 30] = [
        b"B", b"KB", b"kB", b"MB", b"GB", b"TB", b"KiB", b"MiB", b"GiB", b"TiB", b"byte", b"bytes", b"ns", b"us",
        b"ms", b"s", b"sec", b"secs", b"second", b"seconds", b"min", b"mins", b"minute", b"minutes", b"h", b"hour",
        b"hours", b"day", b"days", b"%",
    ];
    UNITS.contains(&word)
}
