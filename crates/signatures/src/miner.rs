//! The miner: finds the signature of each line.

use crate::SignatureId;
use crate::atoms::{Atom, Atoms};
use crate::blocks::Blocks;
use crate::header::{Header, header};
use crate::knowledge::{Knowledge, Message};
use crate::scan::scan;
use crate::severity::Severity;
use crate::shape::{Mask, Shape};
use crate::structured;
use crate::table::{Entry, Table};
use crate::variable::{Variable, variables};

/// What a miner may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// Signatures that are known at a time, at least 64. When there are more, those used least are forgotten. One
    /// takes less than 1 KB.
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
    pub(crate) knowledge: Knowledge,
    /// Of the line at hand.
    atoms: Atoms,
    blocks: Blocks,
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

impl Miner {
    pub fn new(limits: Limits) -> Self {
        Self { limits: Limits { signatures: limits.signatures.max(64) }, ..Self::default() }
    }

    /// Finds the signature of a line, with or without its line end, and counts it.
    pub fn observe<'a>(&'a mut self, line: &'a [u8]) -> Sighting<'a> {
        let Self { limits, knowledge, atoms, blocks } = self;
        let header = header(line);
        let line = line.trim_ascii_end();
        let stated = cut(line, blocks, header.message, atoms);
        let failure = atoms.server_failure(line);
        let severity = stated.or(header.severity).or(failure.map(|_| Severity::Error));
        let class = u64::from(failure.is_some());
        let shape = Shape::of(atoms, class);
        let (words, atoms) = (atoms.words(), atoms.as_slice());
        let (index, mask) = match knowledge.find(shape, words) {
            Some(known) => known,
            None => {
                let text = line.get(header.message..).unwrap_or_default();
                knowledge.learn(&Message { line, atoms, failure, class, shape, words, text }, limits.signatures)
            }
        };
        let mut sighting =
            Sighting { signature: SignatureId(0), severity: Severity::Unknown, count: 0, header, line, atoms, mask };
        if let Some(entry) = knowledge.table.get_mut(index) {
            Table::count(entry);
            sighting.severity = severity.unwrap_or(entry.worded);
            entry.severity = entry.severity.max(sighting.severity);
            if entry.skeleton == shape.skeleton {
                entry.template.compare(line, atoms);
            }
            sighting.signature = entry.id;
            sighting.count = entry.count;
        }
        sighting
    }

    /// The id that counts today for one that was given out before: signatures merge as more is learned.
    pub fn resolve(&self, id: SignatureId) -> SignatureId {
        self.knowledge.table.resolve(id)
    }

    /// The signature of an id, unless it was forgotten.
    pub fn signature(&self, id: SignatureId) -> Option<Signature> {
        self.knowledge.table.find(id).map(Signature::from)
    }

    /// All signatures that are known, in no order.
    pub fn signatures(&self) -> impl Iterator<Item = Signature> {
        self.knowledge.table.iter().map(Signature::from)
    }

    pub fn len(&self) -> usize {
        self.knowledge.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.knowledge.table.len() == 0
    }
}

/// The line's message as atoms; the severity that a key of it tells.
fn cut(line: &[u8], blocks: &mut Blocks, start: usize, atoms: &mut Atoms) -> Option<Severity> {
    atoms.clear();
    if let Some(severity) = structured::json(line, blocks, start, atoms) {
        return severity;
    }
    atoms.clear();
    blocks.read(line, start);
    if let Some(severity) = structured::logfmt(line, blocks, start, atoms) {
        return severity;
    }
    scan(line, blocks, start, line.len(), atoms);
    None
}
