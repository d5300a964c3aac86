//! What a miner knows, and how it learns which words are the content of slots.

use crate::atoms::Atom;
use crate::severity::Severity;
use crate::shape::{Mask, Shape, form};
use crate::slots::Slots;
use crate::table::{Index, Table};
use crate::template::Template;
use crate::words::{DOTTED_NAMES, Words};

/// A line's message, cut into atoms.
pub(crate) struct Message<'a> {
    pub line: &'a [u8],
    pub atoms: &'a [Atom],
    /// Place of a server's status of failure: what fails is another event than what succeeds.
    pub failure: Option<usize>,
    pub class: u64,
    pub shape: Shape,
    pub words: &'a [u64],
    /// The line behind its header.
    pub text: &'a [u8],
}

impl Message<'_> {
    /// How many words stay constant with this mask.
    fn constant(&self, mask: Mask) -> usize {
        self.words.len().saturating_sub(mask.len())
    }

    fn template(&self, mask: Mask) -> Template {
        Template::new(self.line, self.atoms, mask, self.failure)
    }
}

#[derive(Default)]
pub(crate) struct Knowledge {
    pub table: Table,
    pub slots: Slots,
}

impl Knowledge {
    /// The signature of a shape that was seen before, and the words that are the content of slots.
    #[inline]
    pub fn find(&self, shape: Shape, words: &[u64]) -> Option<(Index, Mask)> {
        if let Some(&index) = self.table.shapes.get(&shape.key(Mask::NONE, words)) {
            return Some((index, Mask::NONE));
        }
        let masks = &self.table.skeletons.get(&shape.skeleton)?.masks;
        masks.iter().find_map(|&mask| Some((*self.table.shapes.get(&shape.key(mask, words))?, mask)))
    }

    /// Finds the signature of a line whose shape was not seen before, or makes one; at most `most` are known.
    pub fn learn(&mut self, message: &Message<'_>, most: usize) -> (Index, Mask) {
        if self.table.is_full(most) {
            self.table.trim();
        }
        let words = Words::new(message.line, message.atoms);
        let skeleton = self.table.skeletons.entry(message.shape.skeleton).or_default();
        let evidence = skeleton.evidence(message.words, words.dotted(), |ordinal| words.need(ordinal));
        for (ordinal, contents) in &evidence.words {
            self.slots.remember(message.atoms, *ordinal, contents);
        }
        let known = self.slots.known(message.atoms);
        let mask = Some(evidence.slots.and(known)).filter(|mask| words.tell(*mask)).unwrap_or(Mask::NONE);
        let mut index = self.place(message, &words, mask);
        let skeleton = self.table.skeletons.entry(message.shape.skeleton).or_default();
        let covered = if mask == Mask::NONE {
            vec![]
        } else {
            skeleton.remember_mask(mask);
            skeleton.take_covered(message.words, mask)
        };
        skeleton.remember(message.words, index);
        for other in covered {
            index = self.table.merge(index, other);
        }
        (index, mask)
    }

    /// The signature of this shape with this mask, made if need be, under all the keys that lead to it.
    fn place(&mut self, message: &Message<'_>, words: &Words<'_>, mask: Mask) -> Index {
        let Message { line, atoms, class, shape, .. } = *message;
        let key = shape.key(mask, message.words);
        let own_form = form(line, atoms, class, mask);
        let mut index = match self.table.shapes.get(&key).or_else(|| self.table.forms.get(&own_form)) {
            Some(&known) => {
                let known = self.table.root(known);
                self.generalize(known, message, mask);
                known
            }
            None => {
                let worded = Severity::of_words(message.text);
                let (words, template) = (message.constant(mask), message.template(mask));
                self.table.add(own_form, shape.skeleton, words, worded, template)
            }
        };
        self.table.shapes.insert(key, index);
        self.table.forms.insert(own_form, index);
        for other in self.table.waiting.remove(&own_form).unwrap_or_default() {
            index = self.table.merge(index, other);
        }
        self.place_names(message, words, mask, index)
    }

    /// The template shows as little of a line as is known to be constant.
    fn generalize(&mut self, index: Index, message: &Message<'_>, mask: Mask) {
        let words = message.constant(mask);
        if let Some(entry) = self.table.get_mut(index)
            && words < entry.words
        {
            (entry.words, entry.template, entry.skeleton) = (words, message.template(mask), message.shape.skeleton);
        }
    }

    /// Dotted names are the content of a slot where a value has stood, or three different ones.
    fn place_names(&mut self, message: &Message<'_>, words: &Words<'_>, mask: Mask, mut index: Index) -> Index {
        let Message { line, atoms, class, shape, .. } = *message;
        let dotted = mask.and(words.dotted());
        let named = dotted.and(words.named());
        let masks = if named == dotted { [Some(named), None] } else { [Some(named), Some(dotted)] };
        for wider in masks.into_iter().flatten().filter(|&wider| wider != mask && words.tell(wider)) {
            if let Some(&known) = self.table.forms.get(&form(line, atoms, class, wider)) {
                return self.table.merge(known, index);
            }
        }
        if dotted == mask {
            return index;
        }
        let shared = form(line, atoms, class, dotted);
        let waiting = self.table.waiting.entry(shared).or_default();
        if !waiting.contains(&index) {
            waiting.push(index);
        }
        if waiting.len() >= DOTTED_NAMES && words.tell(dotted) {
            for other in self.table.waiting.remove(&shared).unwrap_or_default() {
                index = self.table.merge(index, other);
            }
            self.generalize(index, message, dotted);
            self.table.forms.insert(shared, index);
            self.table.shapes.insert(shape.key(dotted, message.words), index);
            self.table.skeletons.entry(shape.skeleton).or_default().remember_mask(dotted);
        }
        index
    }
}
