//! What is known of one skeleton: which of its words turned out to be the content of slots, and the lines from which
//! that is concluded.
//!
//! One line cannot tell a constant word from a slot's content. Several can, when they are alike in all else: a place
//! where many different words stood is a slot. A place with two or three is not: `succeeded` and `failed`, `GET` and
//! `POST`, `startup` and `shutdown` are different events.

use crate::shape::{MOST_WORDS, Mask};

/// Lines of one skeleton that are kept to compare with. The oldest goes first.
const MOST_SAMPLES: usize = 32;
/// Masks of one skeleton. A further one replaces the last.
const MOST_MASKS: usize = 32;
/// Different words that are counted at one place.
const MOST_DIFFERENT: usize = 32;

#[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Skeleton {
    /// The sets of words that are slots' content together, the latest last.
    pub masks: Vec<Mask>,
    samples: Vec<Sample>,
}

#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Sample {
    words: Box<[u32]>,
    /// Index of the signature that the line was counted for.
    signature: u32,
}

/// What the samples say of a new line's words.
#[derive(Default)]
pub(crate) struct Evidence {
    /// The words that are the content of slots.
    pub slots: Mask,
    /// Each of them with all the words that have stood there.
    pub words: Vec<(usize, Vec<u32>)>,
}

impl Skeleton {
    pub fn remember_mask(&mut self, mask: Mask) {
        if self.masks.contains(&mask) {
            return;
        }
        if self.masks.len() == MOST_MASKS {
            self.masks.pop();
        }
        self.masks.push(mask);
    }

    pub fn remember(&mut self, words: &[u64], signature: u32) {
        if self.samples.len() == MOST_SAMPLES {
            self.samples.remove(0);
        }
        // Most skeletons have one sample for ever.
        self.samples.reserve_exact(1);
        self.samples.push(Sample { words: words.iter().map(|&word| short(word)).collect(), signature });
    }

    /// Takes out the samples that differ from `words` only within `mask`: they are instances of one signature.
    pub fn take_covered(&mut self, words: &[u64], mask: Mask) -> Vec<u32> {
        let mut taken = Vec::new();
        self.samples.retain(|sample| {
            let covered = mask.covers(differences(words, &sample.words));
            if covered {
                taken.push(sample.signature);
            }
            !covered
        });
        taken
    }

    /// Renumbers the signatures of the samples; those without a new number are forgotten.
    pub fn renumber(&mut self, number: impl Fn(u32) -> Option<u32>) {
        self.samples.retain_mut(|sample| match number(sample.signature) {
            Some(new) => {
                sample.signature = new;
                true
            }
            None => false,
        });
    }

    /// The signatures that the samples were counted for.
    pub fn signatures(&self) -> impl Iterator<Item = u32> {
        self.samples.iter().map(|sample| sample.signature)
    }

    pub fn has_samples(&self) -> bool {
        !self.samples.is_empty()
    }

    /// Which of a new line's words are the content of slots, by the samples that are alike. `need` tells how many
    /// different words must have stood at a place; `dotted` are the words that are dotted names.
    pub fn evidence(&self, words: &[u64], dotted: Mask, need: impl Fn(usize) -> usize) -> Evidence {
        let mut different: Vec<Vec<u32>> = vec![Vec::new(); words.len().min(MOST_WORDS)];
        for sample in &self.samples {
            let differs = differences(words, &sample.words);
            if !are_alike(words.len(), differs, dotted) {
                continue;
            }
            for ordinal in differs.words() {
                if let (Some(seen), Some(word)) = (different.get_mut(ordinal), sample.words.get(ordinal))
                    && seen.len() < MOST_DIFFERENT
                    && !seen.contains(word)
                {
                    seen.push(*word);
                }
            }
        }
        let mut evidence = Evidence::default();
        for (ordinal, mut seen) in different.into_iter().enumerate() {
            if !seen.is_empty() && seen.len() + 1 >= need(ordinal) {
                seen.extend(words.get(ordinal).map(|&word| short(word)));
                evidence.slots = evidence.slots.with(ordinal);
                evidence.words.push((ordinal, seen));
            }
        }
        evidence
    }
}

/// Enough of a hash to compare words of lines that are alike already.
pub(crate) fn short(word: u64) -> u32 {
    (word >> 32) as u32
}

/// The places at which two lines of one skeleton have different words.
fn differences(words: &[u64], sample: &[u32]) -> Mask {
    let pairs = words.iter().zip(sample).take(MOST_WORDS).enumerate();
    pairs.filter(|(_, (word, kept))| short(**word) != **kept).map(|(ordinal, _)| ordinal).collect()
}

/// Whether lines of one skeleton that differ in these words may be instances of one signature: in one word only,
/// dotted names aside, or in at most two fifths of the words with three or more the same.
fn are_alike(words: usize, differs: Mask, dotted: Mask) -> bool {
    let same = words - differs.len();
    let one = differs.without(dotted).len() <= 1 && same >= 1;
    differs != Mask::NONE && (one || same >= 3 && differs.len() * 5 <= words * 2)
}
