//! The miner: finds the signature of each line, and learns which words are the content of slots.

use crate::SignatureId;
use crate::header::{Header, header};
use crate::scan::{Atom, Atoms, scan};
use crate::severity::Severity;
use crate::shape::{Mask, Shape, form};
use crate::slots::Slots;
use crate::structured;
use crate::table::{Entry, Index, Table};
use crate::template::Template;
use crate::variable::{Variable, variables};
use crate::words::{DOTTED_NAMES, Words};

/// What a miner may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// Signatures that are known at a time, at least 64. When there are more, those used least are forgotten. One
    /// takes about 1 KB.
    pub signatures: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { signatures: 16_384 }
    }
}

/// Finds signatures online, in one pass and in bounded memory. The same lines give the same ids.
#[derive(Default)]
pub struct Miner {
    pub(crate) limits: Limits,
    pub(crate) table: Table,
    pub(crate) slots: Slots,
    /// Of the line at hand.
    atoms: Atoms,
}

/// What one line was found to be.
pub struct Sighting<'a> {
    pub signature: SignatureId,
    /// What the line says of itself; else what its signature's words say.
    pub severity: Severity,
    /// How often the signature was seen, this time included.
    pub count: u64,
    pub header: Header,
    line: &'a [u8],
    atoms: &'a [Atom],
    mask: Mask,
}

impl Sighting<'_> {
    /// The contents of the line's slots, in their order.
    pub fn variables(&self) -> impl Iterator<Item = Variable> {
        variables(self.line, self.atoms, self.mask)
    }
}

/// A signature, as it is today.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Signature {
    pub id: SignatureId,
    /// Lines that it was seen in.
    pub count: u64,
    /// The worst that a line of it said of itself.
    pub severity: Severity,
    /// Constant text, with `<*>` for slots.
    pub template: String,
}

impl From<&Entry> for Signature {
    fn from(entry: &Entry) -> Self {
        Self { id: entry.id, count: entry.count, severity: entry.severity, template: entry.template.render() }
    }
}

/// A line's message, cut into atoms.
struct Message<'a> {
    line: &'a [u8],
    atoms: &'a [Atom],
    /// Place of a server's status of failure: what fails is another event than what succeeds.
    failure: Option<usize>,
    class: u64,
    shape: Shape,
    words: &'a [u64],
    severity: Option<Severity>,
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

impl Miner {
    pub fn new(limits: Limits) -> Self {
        Self { limits: Limits { signatures: limits.signatures.max(64) }, ..Self::default() }
    }

    /// Finds the signature of a line, with or without its line end, and counts it.
    pub fn observe<'a>(&'a mut self, line: &'a [u8]) -> Sighting<'a> {
        let header = header(line);
        let line = line.trim_ascii_end();
        self.atoms.clear();
        let structured = structured::json(line, header.message, &mut self.atoms)
            .or_else(|| structured::logfmt(line, header.message, &mut self.atoms));
        if structured.is_none() {
            scan(line, header.message, line.len(), &mut self.atoms);
        }
        let failure = self.atoms.server_failure(line);
        let stated = structured.flatten().or(header.severity).or(failure.map(|_| Severity::Error));
        let class = u64::from(failure.is_some());
        let shape = Shape::of(&self.atoms, class);
        let (index, mask) = match self.find(shape) {
            Some(known) => known,
            None => {
                let atoms = std::mem::take(&mut self.atoms);
                let (words, severity) = (atoms.words(), stated);
                let learned =
                    self.learn(&Message { line, atoms: atoms.as_slice(), failure, class, shape, words, severity });
                self.atoms = atoms;
                learned
            }
        };
        let mut sighting = Sighting {
            signature: SignatureId(0),
            severity: Severity::Unknown,
            count: 0,
            header,
            line,
            atoms: self.atoms.as_slice(),
            mask,
        };
        if let Some(entry) = self.table.get_mut(index) {
            Table::count(entry);
            entry.severity = entry.severity.max(stated.unwrap_or_default());
            if entry.skeleton == shape.skeleton {
                entry.template.compare(self.atoms.as_slice());
            }
            sighting.signature = entry.id;
            sighting.severity = stated.unwrap_or(entry.severity);
            sighting.count = entry.count;
        }
        sighting
    }

    /// The id that counts today for one that was given out before: signatures merge as more is learned.
    pub fn resolve(&self, id: SignatureId) -> SignatureId {
        self.table.resolve(id)
    }

    /// The signature of an id, unless it was forgotten.
    pub fn signature(&self, id: SignatureId) -> Option<Signature> {
        self.table.find(id).map(Signature::from)
    }

    /// All signatures that are known, in no order.
    pub fn signatures(&self) -> impl Iterator<Item = Signature> {
        self.table.iter().map(Signature::from)
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.table.len() == 0
    }

    #[inline]
    fn find(&self, shape: Shape) -> Option<(Index, Mask)> {
        let words = self.atoms.words();
        if let Some(&index) = self.table.shapes.get(&shape.key(Mask::NONE, words)) {
            return Some((index, Mask::NONE));
        }
        let masks = &self.table.skeletons.get(&shape.skeleton)?.masks;
        masks.iter().find_map(|&mask| Some((*self.table.shapes.get(&shape.key(mask, words))?, mask)))
    }

    /// Finds the signature of a line whose shape was not seen before, or makes one.
    fn learn(&mut self, message: &Message<'_>) -> (Index, Mask) {
        if self.table.is_full(self.limits.signatures) {
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
                let severity = message.severity.unwrap_or_else(|| Severity::of_words(line));
                let (words, template) = (message.constant(mask), message.template(mask));
                self.table.add(own_form, shape.skeleton, words, severity, template)
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
