//! Known layouts as a tree over their pieces: a line that follows one is read along it, so that constant text is compared
//! instead of taken apart again. Most lines of a program follow a layout that was seen before.

use super::expect::read;
use super::intern::Interner;
use super::kind::{Kind, Piece};
use super::scan::{keep, token_at};

#[derive(Default)]
pub struct Tree {
    nodes: Vec<Node>,
    /// Nodes on the way where a slot could be read too, with the position and the number of values there.
    others: Vec<(usize, usize, usize)>,
}

/// Most steps along the tree for one line, ways back included.
const MAX_STEPS: usize = 512;

#[derive(Default)]
struct Node {
    number: usize,
    /// First bytes of the constant texts that may come next, each once; kept apart so that choosing reads no text.
    firsts: Vec<u8>,
    /// Constant texts that may come next, in the same order.
    constants: Vec<(Box<[u8]>, usize)>,
    /// Kinds of slots that may come next.
    slots: Vec<(Kind, usize)>,
    /// The layout of a line that ends here.
    layout: Option<u32>,
}

impl Tree {
    /// Adds a way to `layout`; `false` when there is one already.
    pub fn insert<'a>(&mut self, pieces: impl Iterator<Item = Piece<'a>>, layout: u32) -> bool {
        if self.nodes.is_empty() {
            self.new_node();
        }
        let mut at = 0;
        for piece in pieces {
            at = match piece {
                Piece::Constant(text) => self.constant(at, text),
                Piece::Slot(kind) => self.slot(at, kind),
            };
        }
        match self.nodes.get_mut(at) {
            Some(node) if node.layout.is_none() => {
                node.layout = Some(layout);
                true
            }
            _ => false,
        }
    }

    fn new_node(&mut self) -> usize {
        let number = self.nodes.len();
        self.nodes.push(Node { number, ..Node::default() });
        number
    }

    fn slot(&mut self, at: usize, kind: Kind) -> usize {
        let known = self.nodes.get(at).and_then(|node| node.slots.iter().find(|(other, _)| *other == kind));
        if let Some((_, next)) = known {
            return *next;
        }
        let next = self.new_node();
        if let Some(node) = self.nodes.get_mut(at) {
            node.slots.push((kind, next));
        }
        next
    }

    /// Follows or makes the way for `text`, parting constants where they begin to differ.
    fn constant(&mut self, mut at: usize, mut text: &[u8]) -> usize {
        while let Some(first) = text.first() {
            let Some(node) = self.nodes.get(at) else { return at };
            let known = node.firsts.iter().position(|known| known == first);
            let Some((index, (constant, next))) = known.and_then(|index| Some((index, node.constants.get(index)?)))
            else {
                let next = self.new_node();
                if let Some(node) = self.nodes.get_mut(at) {
                    node.firsts.push(*first);
                    node.constants.push((text.into(), next));
                }
                return next;
            };
            let next = *next;
            let same = constant.iter().zip(text).take_while(|(a, b)| a == b).count();
            if same == constant.len() {
                at = next;
            } else {
                let (head, tail) = constant.split_at(same);
                let (head, tail): (Box<[u8]>, Box<[u8]>) = (head.into(), tail.into());
                let between = self.new_node();
                if let Some(node) = self.nodes.get_mut(between) {
                    node.firsts.extend(tail.first());
                    node.constants.push((tail, next));
                }
                if let Some(place) = self.nodes.get_mut(at).and_then(|node| node.constants.get_mut(index)) {
                    *place = (head, between);
                }
                at = between;
            }
            text = text.get(same..).unwrap_or_default();
        }
        at
    }

    /// The layout that `line` follows; `values` then holds those of its slots.
    pub fn find(&mut self, line: &[u8], values: &mut Vec<u64>, words: &mut Interner) -> Option<u32> {
        values.clear();
        self.others.clear();
        let (mut node, mut at) = (self.nodes.first()?, 0);
        for _ in 0..MAX_STEPS {
            let rest = line.get(at..)?;
            let next = match rest.first() {
                None if node.layout.is_some() => return node.layout,
                None => None,
                Some(first) => {
                    let at_first = node.firsts.iter().position(|known| known == first);
                    let constant = at_first.and_then(|index| node.constants.get(index));
                    match constant.filter(|(text, _)| begins(rest, text)) {
                        Some((text, next)) => {
                            if !node.slots.is_empty() {
                                self.others.push((node.number, at, values.len()));
                            }
                            Some((at + text.len(), *next))
                        }
                        None => slot(node, line, at, values, words),
                    }
                }
            };
            // Where the way was wrong, the last constant that could as well be a slot is read as one.
            let next = next.or_else(|| {
                while let Some((number, at, len)) = self.others.pop() {
                    values.truncate(len);
                    let next = self.nodes.get(number).and_then(|node| slot(node, line, at, values, words));
                    if next.is_some() {
                        return next;
                    }
                }
                None
            });
            let (behind, number) = next?;
            at = behind;
            node = self.nodes.get(number)?;
        }
        None
    }
}

/// Reads the token at `at` as a slot of `node`: where it ends, and the next node.
fn slot(node: &Node, line: &[u8], at: usize, values: &mut Vec<u64>, words: &mut Interner) -> Option<(usize, usize)> {
    if node.slots.is_empty() {
        return None;
    }
    // What the slot is expected to hold is quicker read than told from all it could be.
    if let [(kind, next)] = node.slots.as_slice() {
        return Some((read(*kind, line, at, values, words)?, *next));
    }
    let token = token_at(line, at)?;
    let (_, next) = node.slots.iter().find(|(kind, _)| *kind == token.kind)?;
    keep(line.get(at..token.end)?, &token.value, values, words);
    Some((token.end, *next))
}

/// `rest.starts_with(text)`, without a call for short texts.
pub fn begins(rest: &[u8], text: &[u8]) -> bool {
    if text.len() > 16 {
        return rest.starts_with(text);
    }
    let Some(rest) = rest.get(..text.len()) else { return false };
    match (rest.first_chunk::<8>(), text.first_chunk::<8>(), rest.last_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(a), Some(b), Some(c), Some(d)) => a == b && c == d,
        _ => rest.iter().zip(text).all(|(a, b)| a == b),
    }
}
