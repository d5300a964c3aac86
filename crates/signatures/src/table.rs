//! The signatures that are known, and the ways to find one. Bounded: when full, what was used least goes.

use std::collections::HashSet;

use crate::SignatureId;
use crate::hash::{HashedMap, retain};
use crate::learn::Skeleton;
use crate::severity::Severity;
use crate::template::Template;

/// Index of a signature in the table. It may have been merged into another: [`Table::root`] follows.
pub(crate) type Index = u32;

#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Entry {
    pub id: SignatureId,
    /// The signature that this one was merged into; itself when it was not.
    merged_into: Index,
    pub count: u64,
    /// Uses since long ago, halved each time the table was full.
    heat: u32,
    /// The worst that a line of it said of itself, or its words.
    pub severity: Severity,
    /// What its words say, of a line that says nothing of itself.
    pub worded: Severity,
    /// The skeleton that the template was made from.
    pub skeleton: u64,
    /// How many words of the template's line are constant: the fewer, the more general it is.
    pub words: usize,
    pub template: Template,
}

impl Entry {
    pub fn is_root(&self, index: usize) -> bool {
        self.merged_into as usize == index
    }
}

#[derive(Default)]
pub(crate) struct Table {
    pub entries: Vec<Entry>,
    /// By the key of a shape with a mask.
    pub shapes: HashedMap<Index>,
    /// By form.
    pub forms: HashedMap<Index>,
    /// Signatures with dotted names, by the form that they would share if the names were slots.
    pub waiting: HashedMap<Vec<Index>>,
    pub skeletons: HashedMap<Skeleton>,
    /// Ids that were given out and have been merged into another since.
    pub aliases: HashedMap<SignatureId>,
    ids: HashedMap<Index>,
}

/// Keys that may lead to one signature, on average.
const KEYS_PER_ENTRY: usize = 6;

impl Table {
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_full(&self, most: usize) -> bool {
        self.entries.len() >= most || self.shapes.len() + self.skeletons.len() >= most.saturating_mul(KEYS_PER_ENTRY)
    }

    #[inline]
    pub fn root(&self, mut index: Index) -> Index {
        while let Some(entry) = self.entries.get(index as usize)
            && entry.merged_into != index
        {
            index = entry.merged_into;
        }
        index
    }

    pub fn get(&self, index: Index) -> Option<&Entry> {
        self.entries.get(self.root(index) as usize)
    }

    pub fn get_mut(&mut self, index: Index) -> Option<&mut Entry> {
        let root = self.root(index);
        self.entries.get_mut(root as usize)
    }

    pub fn find(&self, id: SignatureId) -> Option<&Entry> {
        let id = self.resolve(id);
        self.ids.get(&id.0).and_then(|&index| self.get(index))
    }

    /// The id that counts today for one that was given out before.
    pub fn resolve(&self, mut id: SignatureId) -> SignatureId {
        while let Some(next) = self.aliases.get(&id.0) {
            id = *next;
        }
        id
    }

    /// A new signature. Its id is made of its form, so that it is the same in each run.
    pub fn add(&mut self, form: u64, skeleton: u64, words: usize, worded: Severity, template: Template) -> Index {
        let index = self.entries.len() as Index;
        let mut id = SignatureId(form);
        while self.ids.contains_key(&id.0) {
            id.0 = id.0.wrapping_add(1);
        }
        self.aliases.remove(&id.0);
        self.ids.insert(id.0, index);
        let severity = Severity::Unknown;
        let entry = Entry { id, merged_into: index, count: 0, heat: 0, severity, worded, skeleton, words, template };
        self.entries.push(entry);
        index
    }

    /// One more line of this signature.
    #[inline]
    pub fn count(entry: &mut Entry) {
        entry.count += 1;
        entry.heat = entry.heat.saturating_add(1);
    }

    /// Two signatures are one: the id of the more frequent stays, and the more general template.
    pub fn merge(&mut self, one: Index, other: Index) -> Index {
        let (one, other) = (self.root(one), self.root(other));
        let counts = (self.entries.get(one as usize), self.entries.get(other as usize));
        let (Some(a), Some(b)) = counts else { return one };
        if one == other {
            return one;
        }
        let (stays, goes) = if a.count >= b.count { (one, other) } else { (other, one) };
        let Some(gone) = self.entries.get_mut(goes as usize) else { return stays };
        gone.merged_into = stays;
        let gone = Entry { template: std::mem::take(&mut gone.template), ..*gone };
        let Some(entry) = self.entries.get_mut(stays as usize) else { return stays };
        entry.count += gone.count;
        entry.heat = entry.heat.saturating_add(gone.heat);
        entry.severity = entry.severity.max(gone.severity);
        entry.worded = entry.worded.max(gone.worded);
        self.aliases.insert(gone.id.0, entry.id);
        self.ids.remove(&gone.id.0);
        if gone.words < entry.words {
            (entry.words, entry.skeleton, entry.template) = (gone.words, gone.skeleton, gone.template);
        }
        stays
    }

    /// All signatures that were not merged into another.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.iter_indexed().map(|(_, entry)| entry)
    }

    /// Forgets the quarter of the signatures that was used least, and all that leads to them.
    pub fn trim(&mut self) {
        let mut heats: Vec<(u32, usize)> = self.iter_indexed().map(|(index, entry)| (entry.heat, index)).collect();
        let forgotten = heats.len().div_ceil(4);
        heats.select_nth_unstable(forgotten.saturating_sub(1));
        self.keep(heats.iter().take(forgotten).map(|(_, index)| *index).collect());
        for entry in &mut self.entries {
            entry.heat /= 2;
        }
    }

    /// Forgets the signatures that were merged into others.
    pub fn compact(&mut self) {
        self.keep(HashSet::new());
    }

    fn keep(&mut self, gone: HashSet<usize>) {
        for from in self.aliases.keys().copied().collect::<Vec<_>>() {
            let to = self.resolve(SignatureId(from));
            self.aliases.insert(from, to);
        }
        let roots: Vec<Index> = (0..self.entries.len() as Index).map(|index| self.root(index)).collect();
        let mut number: Vec<Option<Index>> = vec![None; roots.len()];
        let mut kept = 0;
        for ((index, root), place) in roots.iter().enumerate().zip(&mut number) {
            if *root as usize == index && !gone.contains(&index) {
                *place = Some(kept);
                kept += 1;
            }
        }
        let mut numbers = number.iter();
        self.entries.retain_mut(|entry| {
            let new = numbers.next().copied().flatten();
            entry.merged_into = new.unwrap_or_default();
            new.is_some()
        });
        let of = |index: Index| number.get(*roots.get(index as usize)? as usize).copied().flatten();
        self.renumber(of);
    }

    fn iter_indexed(&self) -> impl Iterator<Item = (usize, &Entry)> {
        self.entries.iter().enumerate().filter(|(index, entry)| entry.is_root(*index))
    }

    fn renumber(&mut self, number: impl Fn(Index) -> Option<Index>) {
        let keep = |index: &mut Index| match number(*index) {
            Some(new) => {
                *index = new;
                true
            }
            None => false,
        };
        retain(&mut self.shapes, |_, index| keep(index));
        retain(&mut self.forms, |_, index| keep(index));
        retain(&mut self.ids, |_, index| keep(index));
        retain(&mut self.waiting, |_, indexes| {
            indexes.retain_mut(keep);
            !indexes.is_empty()
        });
        let used: HashSet<u64> = self.entries.iter().map(|entry| entry.skeleton).collect();
        retain(&mut self.skeletons, |key, skeleton| {
            skeleton.renumber(&number);
            skeleton.has_samples() || used.contains(key)
        });
        let ids = &self.ids;
        retain(&mut self.aliases, |_, to| ids.contains_key(&to.0));
    }

    /// Whether each alias leads straight to a signature that is known.
    pub fn aliases_are_sound(&self) -> bool {
        self.aliases.iter().all(|(from, to)| self.ids.contains_key(&to.0) && !self.ids.contains_key(from))
    }

    /// Makes the index of ids anew.
    pub fn index_ids(&mut self) {
        self.ids = self.entries.iter().enumerate().map(|(index, entry)| (entry.id.0, index as Index)).collect();
    }
}
