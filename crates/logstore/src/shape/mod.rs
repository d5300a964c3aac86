//! From lines to layouts: lines of one layout have the same constant text between slots of the same kinds.

mod eight;
mod expect;
mod intern;
mod kind;
mod scan;
mod tree;
mod way;

pub use intern::Interner;
pub use kind::{Holds, Kind, Piece, pieces};
use scan::Scan;
pub use scan::{Value, token_at};
use tree::Tree;
use way::{Guesses, Way};

/// So many lines of one skeleton show which of its slots are constant.
const LEARN: usize = 24;
/// Most ways in the tree; a stream of lines that never repeat does not make it grow further.
const MAX_LEARNED: usize = 4096;

/// Groups lines by layout and keeps the values of their slots.
#[derive(Default)]
pub struct Shaper {
    pub words: Interner,
    skeletons: Interner,
    layouts: Vec<Layout>,
    tree: Tree,
    learned: usize,
    /// Lines that have no layout: they are kept as they are.
    pub bare: Vec<u32>,
    scan: Scan,
    guesses: Guesses,
}

/// The lines of one layout in the order they came.
#[derive(Default)]
pub struct Layout {
    /// Numbers of the lines, as the caller counts them.
    pub lines: Vec<u32>,
    /// The values of each line's slots, line after line. A wide value takes two places, a word its number in the
    /// interner.
    pub values: Vec<u64>,
    /// Lines read without the tree since the layout was last learned, and how many must come before it is again.
    /// Once it was learned.
    way: Option<Way>,
    fresh: usize,
    patience: usize,
}

impl Layout {
    fn push(&mut self, number: u32, values: &[u64]) {
        self.lines.push(number);
        self.values.extend_from_slice(values);
    }
}

impl Shaper {
    /// Adds a line whose source and class have these numbers, which tell what it likely looks like.
    pub fn add(&mut self, number: u32, source: u32, class: u32, text: &[u8]) {
        let guess = self.guesses.of(source, class);
        let guessed = guess.as_ref().and_then(|id| self.layouts.get_mut(**id as usize));
        if let Some(layout) = guessed
            && let Some(way) = &layout.way
            && way.follow(text, &mut self.scan.values, &mut self.words)
        {
            layout.push(number, &self.scan.values);
            return;
        }
        if let Some(id) = self.tree.find(text, &mut self.scan.values, &mut self.words) {
            if let Some(guess) = guess {
                *guess = id;
            }
            self.push(id, number);
            return;
        }
        if !self.scan.line(text, &mut self.words) {
            self.bare.push(number);
            return;
        }
        let id = layout_of(&self.scan.skeleton, &mut self.skeletons, &mut self.layouts);
        self.push(id, number);
        if let Some(layout) = self.layouts.get_mut(id as usize) {
            layout.fresh += 1;
            if layout.fresh >= layout.patience.max(LEARN) && self.learned < MAX_LEARNED {
                layout.fresh = 0;
                layout.patience = layout.patience.max(LEARN) * 2;
                self.learn(id);
            }
        }
    }

    fn push(&mut self, id: u32, number: u32) {
        if let Some(layout) = self.layouts.get_mut(id as usize) {
            layout.push(number, &self.scan.values);
        }
    }

    /// Folds what was constant in the last lines of a layout into a layout of its own, which gets those lines.
    fn learn(&mut self, id: u32) {
        let Some(layout) = self.layouts.get_mut(id as usize) else { return };
        let stride = layout.values.len() / layout.lines.len().max(1);
        let from = layout.lines.len().saturating_sub(LEARN);
        let recent = layout.values.split_off(from * stride);
        let lines = layout.lines.split_off(from);
        let constant = |at: usize| recent.iter().skip(at).step_by(stride).all(|value| recent.get(at) == Some(value));
        let (mut folded, mut kept, mut at) = (Vec::new(), Vec::new(), 0);
        for piece in pieces(self.skeletons.get(id)) {
            let kind = match piece {
                Piece::Constant(text) => {
                    folded.extend_from_slice(text);
                    continue;
                }
                Piece::Slot(kind) => kind,
            };
            let width = if kind.holds() == Holds::Wide { 2 } else { 1 };
            if kind.may_be_constant() && constant(at) {
                kind.put(recent.get(at).copied().unwrap_or(0), &self.words, &mut folded);
            } else {
                let [a, b] = kind.code();
                folded.extend_from_slice(&[kind::MARK, a, b]);
                kept.extend(at..at + width);
            }
            at += width;
        }
        let own = layout_of(&folded, &mut self.skeletons, &mut self.layouts);
        if let Some(layout) = self.layouts.get_mut(own as usize) {
            for (line, values) in lines.into_iter().zip(recent.chunks_exact(stride.max(1))) {
                layout.lines.push(line);
                layout.values.extend(kept.iter().filter_map(|at| values.get(*at)));
            }
        }
        if self.tree.insert(pieces(&folded), own) {
            self.learned += 1;
            if let Some(layout) = self.layouts.get_mut(own as usize) {
                layout.way = Some(Way::new(pieces(&folded)));
            }
        }
    }

    /// Each layout with its skeleton, see [`pieces`].
    pub fn layouts(&self) -> impl Iterator<Item = (&[u8], &Layout)> {
        self.layouts.iter().enumerate().map(|(id, layout)| (self.skeletons.get(id as u32), layout))
    }
}

fn layout_of(skeleton: &[u8], skeletons: &mut Interner, layouts: &mut Vec<Layout>) -> u32 {
    let id = skeletons.intern(skeleton);
    if id as usize == layouts.len() {
        layouts.push(Layout::default());
    }
    id
}
