//! The text under examination: reading beyond its end is harmless, and no stretch of it is walked twice.

use crate::mark;

/// A stretch of the text, `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub start: usize,
    pub end: usize,
}

/// A run that is shorter is walked again.
const REMEMBERED: usize = 64;

pub(crate) struct Text<'t> {
    bytes: &'t [u8],
    /// Nothing before it may be part of a find: it was replaced, or is a mark.
    pub floor: usize,
    /// The last runs that were walked, two for a token of two parts. Candidates inside of one end where it ends, so
    /// that a line full of candidates still takes linear time.
    words: [Span; 2],
    values: Span,
    /// The last find was in a header of cookies, of which more may follow.
    pub in_cookies: bool,
    /// A private key begins in this text and does not end in it.
    pub block_is_open: bool,
}

impl<'t> Text<'t> {
    pub fn new(bytes: &'t [u8]) -> Self {
        let nothing = Span { start: 0, end: 0 };
        Self { bytes, floor: 0, words: [nothing; 2], values: nothing, in_cookies: false, block_is_open: false }
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The byte there, and NUL beyond the end: no class of characters has NUL.
    pub fn at(&self, place: usize) -> u8 {
        self.bytes.get(place).copied().unwrap_or(0)
    }

    /// The four bytes from there on.
    pub fn four(&self, place: usize) -> [u8; 4] {
        let there = self.from(place).first_chunk();
        there.copied().unwrap_or_else(|| std::array::from_fn(|behind| self.at(place + behind)))
    }

    /// The byte before `place`; NUL where nothing may be looked at.
    pub fn before(&self, place: usize) -> u8 {
        if place > self.floor { self.at(place - 1) } else { 0 }
    }

    pub fn part(&self, span: Span) -> &'t [u8] {
        self.bytes.get(span.start..span.end).unwrap_or_default()
    }

    pub fn from(&self, place: usize) -> &'t [u8] {
        self.bytes.get(place..).unwrap_or_default()
    }

    pub fn starts_with(&self, place: usize, what: &[u8]) -> bool {
        self.from(place).starts_with(what)
    }

    pub fn starts_with_fold(&self, place: usize, lower: &[u8]) -> bool {
        self.from(place).get(..lower.len()).is_some_and(|there| there.eq_ignore_ascii_case(lower))
    }

    /// The first place from `place` on, at most `most` further, whose byte is not in the class.
    pub fn skip(&self, place: usize, most: usize, class: impl Fn(u8) -> bool) -> usize {
        let rest = self.from(place);
        let bounded = rest.get(..most).unwrap_or(rest);
        place + bounded.iter().position(|byte| !class(*byte)).unwrap_or(bounded.len())
    }

    /// The same to the left: the first place whose byte, and all after it up to `place`, are in the class.
    pub fn skip_back(&self, place: usize, most: usize, class: impl Fn(u8) -> bool) -> usize {
        let lowest = self.floor.max(place.saturating_sub(most));
        let span = self.part(Span { start: lowest, end: place });
        lowest + span.iter().rposition(|byte| !class(*byte)).map_or(0, |found| found + 1)
    }

    /// The end of the run of [`is_word`] that `place` is in.
    pub fn word_end(&mut self, place: usize) -> usize {
        if let Some(known) = self.words.iter().find(|run| (run.start..run.end).contains(&place)) {
            return known.end;
        }
        let run = Span { start: place, end: self.skip(place, usize::MAX, is_word) };
        if run.end - run.start >= REMEMBERED {
            self.words = [run, self.words[0]];
        }
        run.end
    }

    /// The end of the run without white space, quotes, marks and the like that `place` is in.
    pub fn value_end(&mut self, place: usize) -> usize {
        if !(self.values.start..self.values.end).contains(&place) {
            let mut end = place;
            while is_value(self.at(end)) && !self.is_mark(end) {
                end += 1;
            }
            self.values = Span { start: place, end };
        }
        self.values.end
    }

    pub fn is_mark(&self, place: usize) -> bool {
        self.at(place) == b'[' && mark::length(self.from(place)).is_some()
    }
}

/// What most tokens are made of.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn is_value(byte: u8) -> bool {
    !matches!(byte, 0..=b' ' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\' | 0x7f)
}
