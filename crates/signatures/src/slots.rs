//! What is known of slots by the word that introduces them (`user `, `table `, `tenant='`), over all signatures.
//!
//! When many words have stood behind `session closed for user `, then behind `session opened for user ` each of
//! them is the content of a slot at once.

use crate::atoms::{Atom, Kind};
use crate::hash::{HashedMap, mix};
use crate::learn::short;
use crate::shape::{MOST_WORDS, Mask};

/// Introductions that are remembered. Later ones are not.
const MOST_INTRODUCTIONS: usize = 2_048;
/// Words that are remembered for one introduction.
const MOST_CONTENTS: usize = 64;

#[derive(Default)]
pub(crate) struct Slots(HashedMap<Vec<u32>>);

impl Slots {
    /// These words have been found to be the content of the slot at `ordinal`.
    pub fn remember(&mut self, atoms: &[Atom], ordinal: usize, contents: &[u32]) {
        let Some(key) = introduction(atoms, ordinal) else { return };
        if self.0.len() >= MOST_INTRODUCTIONS && !self.0.contains_key(&key) {
            return;
        }
        let known = self.0.entry(key).or_default();
        for content in contents {
            if known.len() < MOST_CONTENTS && !known.contains(content) {
                known.push(*content);
            }
        }
    }

    /// The words of a line that are known to be a slot's content where they stand.
    pub fn known(&self, atoms: &[Atom]) -> Mask {
        let words = atoms.iter().filter(|atom| atom.is_word()).take(MOST_WORDS).enumerate();
        let known = words.filter(|(ordinal, word)| {
            let contents = introduction(atoms, *ordinal).and_then(|key| self.0.get(&key));
            contents.is_some_and(|contents| contents.contains(&short(word.hash)))
        });
        known.map(|(ordinal, _)| ordinal).collect()
    }

    pub fn to_list(&self) -> Vec<(u64, Vec<u32>)> {
        self.0.iter().map(|(key, contents)| (*key, contents.clone())).collect()
    }

    pub fn from_list(list: Vec<(u64, Vec<u32>)>) -> Self {
        Self(list.into_iter().take(MOST_INTRODUCTIONS).collect())
    }
}

/// The constant word before a word, with the marks between.
fn introduction(atoms: &[Atom], ordinal: usize) -> Option<u64> {
    let at = atoms.iter().enumerate().filter(|(_, atom)| atom.is_word()).nth(ordinal)?.0;
    let mut key = 0;
    for atom in atoms.get(..at)?.iter().rev() {
        match atom.kind {
            Kind::Space | Kind::Mark => key = mix(key, atom.hash),
            Kind::Word => return Some(mix(key, atom.hash)),
            Kind::Dotted | Kind::Value => return None,
        }
    }
    None
}
