//! One known layout as a straight way: what a line of the same source and class most likely follows, since its last one
//! did. It is tried before the tree, and spares it the choices.

use super::expect::read;
use super::intern::Interner;
use super::kind::{Kind, Piece};
use super::tree::begins;

pub struct Way {
    /// The constants, one behind the other.
    text: Vec<u8>,
    /// Where the constant before each slot ends in `text`, and the slot's kind.
    slots: Vec<(usize, Kind)>,
}

impl Way {
    pub fn new<'a>(pieces: impl Iterator<Item = Piece<'a>>) -> Self {
        let mut way = Self { text: Vec::new(), slots: Vec::new() };
        for piece in pieces {
            match piece {
                Piece::Constant(constant) => way.text.extend_from_slice(constant),
                Piece::Slot(kind) => way.slots.push((way.text.len(), kind)),
            }
        }
        way
    }

    /// Whether `line` follows; `values` then holds those of its slots.
    pub fn follow(&self, line: &[u8], values: &mut Vec<u64>, words: &mut Interner) -> bool {
        values.clear();
        self.end(line, values, words).is_some()
    }

    fn end(&self, line: &[u8], values: &mut Vec<u64>, words: &mut Interner) -> Option<()> {
        let (mut at, mut from) = (0, 0);
        for (end, kind) in &self.slots {
            let constant = self.text.get(from..*end)?;
            if !begins(line.get(at..)?, constant) {
                return None;
            }
            at = read(*kind, line, at + constant.len(), values, words)?;
            from = *end;
        }
        (line.get(at..)? == self.text.get(from..)?).then_some(())
    }
}

/// The layouts that lines of each source and class followed last.
pub struct Guesses(Vec<u32>);

/// How many are remembered; a power of two.
const GUESSES: usize = 4096;

impl Default for Guesses {
    fn default() -> Self {
        Self(vec![u32::MAX; GUESSES])
    }
}

impl Guesses {
    pub fn of(&mut self, source: u32, class: u32) -> Option<&mut u32> {
        let hash = crate::hash::pair(u64::from(source), u64::from(class));
        self.0.get_mut(hash as usize % GUESSES)
    }
}
