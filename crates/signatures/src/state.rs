//! What a miner has learned, to be written to a file and read again.

use serde::{Deserialize, Serialize};

use crate::SignatureId;
use crate::learn::Skeleton;
use crate::miner::{Limits, Miner};
use crate::slots::Slots;
use crate::table::{Entry, Index, Table};

/// Counts up when what is written changes its meaning.
const VERSION: u32 = 2;

/// All that a miner knows, in a form that any serde format can carry. A miner made from it goes on as if it had not
/// been interrupted.
#[derive(Serialize, Deserialize)]
pub struct State {
    version: u32,
    limits: Limits,
    entries: Vec<Entry>,
    shapes: Vec<(u64, Index)>,
    forms: Vec<(u64, Index)>,
    waiting: Vec<(u64, Vec<Index>)>,
    skeletons: Vec<(u64, Skeleton)>,
    aliases: Vec<(u64, SignatureId)>,
    slots: Vec<(u64, Vec<u32>)>,
}

/// A state that no miner of this version has written.
#[derive(Debug, thiserror::Error)]
pub enum BadState {
    #[error("the miner's state has version {0}, expected {VERSION}: start with an empty state")]
    Version(u32),
    #[error("the miner's state is damaged: {0}. Start with an empty state")]
    Damaged(&'static str),
}

impl Miner {
    /// What it has learned. Signatures that were merged are cleaned up on the way.
    pub fn save(&mut self) -> State {
        self.knowledge.table.compact();
        let Table { entries, shapes, forms, waiting, skeletons, aliases, .. } = &self.knowledge.table;
        let copy = |map: &crate::hash::HashedMap<Index>| map.iter().map(|(key, index)| (*key, *index)).collect();
        State {
            version: VERSION,
            limits: self.limits,
            entries: entries.clone(),
            shapes: copy(shapes),
            forms: copy(forms),
            waiting: waiting.iter().map(|(key, indexes)| (*key, indexes.clone())).collect(),
            skeletons: skeletons.iter().map(|(key, skeleton)| (*key, skeleton.clone())).collect(),
            aliases: aliases.iter().map(|(from, to)| (*from, *to)).collect(),
            slots: self.knowledge.slots.to_list(),
        }
    }

    /// A miner that goes on where another was saved.
    pub fn restore(state: State) -> Result<Self, BadState> {
        let State { version, limits, entries, shapes, forms, waiting, skeletons, aliases, slots } = state;
        if version != VERSION {
            return Err(BadState::Version(version));
        }
        let known = |index: Index| (index as usize) < entries.len();
        let all_known = shapes.iter().chain(&forms).all(|(_, index)| known(*index))
            && waiting.iter().flat_map(|(_, indexes)| indexes).all(|index| known(*index))
            && skeletons.iter().flat_map(|(_, skeleton)| skeleton.signatures()).all(known);
        if !all_known || entries.iter().enumerate().any(|(index, entry)| !entry.is_root(index)) {
            return Err(BadState::Damaged("it points to a signature that it does not hold"));
        }
        let count = entries.len();
        let mut miner = Self::new(limits);
        miner.knowledge.slots = Slots::from_list(slots);
        let table = &mut miner.knowledge.table;
        table.entries = entries;
        table.shapes = shapes.into_iter().collect();
        table.forms = forms.into_iter().collect();
        table.waiting = waiting.into_iter().collect();
        table.skeletons = skeletons.into_iter().collect();
        table.aliases = aliases.into_iter().collect();
        table.index_ids();
        if table.len() != count || !table.aliases_are_sound() {
            return Err(BadState::Damaged("an id stands for two signatures"));
        }
        Ok(miner)
    }
}
