//! A regular expression as states and steps, byte by byte, so that a search can stop and go on between the parts of a line
//! that the store keeps apart. It says whether a line has a match, not where.

use std::collections::HashMap;

use regex_syntax::hir::{Class, Hir, HirKind, Look};
use regex_syntax::utf8::Utf8Sequences;

/// A state of [`Automaton`].
pub type State = u32;
/// A match was seen; whatever comes, it stays so.
pub const MATCHED: State = 0;
/// What is not known yet.
const UNKNOWN: State = State::MAX;

/// Bounds of what a pattern may take; beyond them single lines are matched by other means.
const MAX_NODES: usize = 10_000;
const MAX_STATES: usize = 1000;
/// Nodes looked at to make steps: a moment's work.
const MAX_EFFORT: usize = 20_000_000;

const BYTES: usize = 256;

/// A part of the pattern, and what comes behind it.
#[derive(Clone, Copy)]
enum Node {
    Bytes(u8, u8, u32),
    Either(u32, u32),
    Start(u32),
    End(u32),
    /// Of a word: letters, digits and `_` on one side, and not on the other. Or, when `false`, on both or neither.
    Boundary(bool, u32),
    Match,
}

/// What is on one side of a place in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Side {
    /// The line begins or ends.
    Edge,
    Word,
    Other,
    /// Not known yet, or of no interest to the pattern.
    Any,
}

impl Side {
    fn of(byte: u8) -> Self {
        if byte.is_ascii_alphanumeric() || byte == b'_' { Self::Word } else { Self::Other }
    }
}

/// Makes its states when they are first reached.
pub struct Automaton {
    nodes: Vec<Node>,
    entry: u32,
    /// Whether it looks for the boundaries of words; and of those in all scripts, which are known only around ASCII.
    has_words: bool,
    is_ascii: bool,
    numbers: HashMap<(Side, Vec<u32>), State>,
    /// Of each state: what is before it, and the nodes that it waits at.
    states: Vec<(Side, Vec<u32>)>,
    /// The state behind each state and byte.
    steps: Vec<State>,
    effort: usize,
}

impl Automaton {
    /// `None` when the pattern is too large, or looks at lines within a line, or beginnings and ends of words apart.
    pub fn new(hir: &Hir) -> Option<Self> {
        let mut nodes = vec![Node::Match];
        let entry = compile(hir, 0, &mut nodes)?;
        let looks = hir.properties().look_set();
        let is_ascii = looks.contains_word_unicode();
        let has_words = is_ascii || looks.contains_word_ascii();
        let (numbers, states, steps) = (HashMap::new(), vec![(Side::Any, Vec::new())], vec![MATCHED; BYTES]);
        Some(Self { nodes, entry, has_words, is_ascii, numbers, states, steps, effort: 0 })
    }

    /// The state before the first byte.
    pub fn start(&mut self) -> Option<State> {
        self.state(Side::Edge, vec![self.entry])
    }

    /// The state behind `bytes`; `None` when there are too many states, or it cannot be told.
    pub fn walk(&mut self, mut state: State, bytes: &[u8]) -> Option<State> {
        for byte in bytes {
            state = match self.steps.get(state as usize * BYTES + usize::from(*byte)) {
                Some(next) if *next != UNKNOWN => *next,
                _ => self.make(state, *byte)?,
            };
        }
        Some(state)
    }

    pub fn step(&mut self, state: State, byte: u8) -> Option<State> {
        self.walk(state, &[byte])
    }

    #[cold]
    fn make(&mut self, state: State, byte: u8) -> Option<State> {
        if self.is_ascii && !byte.is_ascii() {
            return None;
        }
        self.effort += self.nodes.len();
        if self.effort > MAX_EFFORT {
            return None;
        }
        let next = self.behind(state, byte)?;
        *self.steps.get_mut(state as usize * BYTES + usize::from(byte))? = next;
        Some(next)
    }

    fn behind(&mut self, state: State, byte: u8) -> Option<State> {
        let (before, waits) = self.states.get(state as usize)?.clone();
        let (side, waits) = if self.has_words {
            let side = Side::of(byte);
            // A boundary that was waited for is decided by the byte.
            let Some(waits) = self.closure(before, side, waits) else { return Some(MATCHED) };
            (side, waits)
        } else {
            (Side::Any, waits)
        };
        let next = waits.iter().filter_map(|node| match self.nodes.get(*node as usize) {
            Some(Node::Bytes(first, last, next)) if (*first..=*last).contains(&byte) => Some(*next),
            _ => None,
        });
        // A match may begin anywhere.
        let next = next.chain([self.entry]).collect();
        self.state(side, next)
    }

    /// Whether a line that ends in `state` has a match.
    pub fn matches_at_end(&self, state: State) -> bool {
        let Some((before, waits)) = self.states.get(state as usize) else { return false };
        state == MATCHED || self.closure(*before, Side::Edge, waits.clone()).is_none()
    }

    fn state(&mut self, before: Side, nodes: Vec<u32>) -> Option<State> {
        let Some(waits) = self.closure(before, Side::Any, nodes) else { return Some(MATCHED) };
        let key = (before, waits);
        if let Some(state) = self.numbers.get(&key) {
            return Some(*state);
        }
        if self.states.len() >= MAX_STATES {
            return None;
        }
        let state = self.states.len() as State;
        self.states.push(key.clone());
        self.steps.resize(self.steps.len() + BYTES, UNKNOWN);
        self.numbers.insert(key, state);
        Some(state)
    }

    /// Where the pattern waits for what comes when it comes to `nodes`; `None` when it has matched.
    fn closure(&self, before: Side, behind: Side, mut open: Vec<u32>) -> Option<Vec<u32>> {
        let (mut seen, mut waits) = (vec![false; self.nodes.len()], Vec::new());
        while let Some(number) = open.pop() {
            match seen.get_mut(number as usize) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            match *self.nodes.get(number as usize)? {
                Node::Match => return None,
                Node::Either(a, b) => open.extend([a, b]),
                Node::Start(next) if before == Side::Edge => open.push(next),
                Node::End(next) if behind == Side::Edge => open.push(next),
                Node::Boundary(is_one, next) if behind != Side::Any => {
                    if ((before == Side::Word) != (behind == Side::Word)) == is_one {
                        open.push(next);
                    }
                }
                Node::Start(_) => {}
                Node::Bytes(..) | Node::End(_) | Node::Boundary(..) => waits.push(number),
            }
        }
        waits.sort_unstable();
        Some(waits)
    }
}

fn push(nodes: &mut Vec<Node>, node: Node) -> Option<u32> {
    nodes.push(node);
    (nodes.len() <= MAX_NODES).then_some(nodes.len() as u32 - 1)
}

fn either(all: impl IntoIterator<Item = Option<u32>>, nodes: &mut Vec<Node>) -> Option<u32> {
    let mut entry = None;
    for one in all {
        entry = Some(match entry {
            None => one?,
            Some(other) => push(nodes, Node::Either(other, one?))?,
        });
    }
    // Nothing can match here: a range without bytes.
    entry.or_else(|| push(nodes, Node::Bytes(1, 0, 0)))
}

/// Adds `hir`, with `next` behind it; answers where it begins.
fn compile(hir: &Hir, next: u32, nodes: &mut Vec<Node>) -> Option<u32> {
    match hir.kind() {
        HirKind::Empty => Some(next),
        HirKind::Literal(literal) => {
            literal.0.iter().rev().try_fold(next, |next, byte| push(nodes, Node::Bytes(*byte, *byte, next)))
        }
        HirKind::Class(class) => bytes(class, next, nodes),
        HirKind::Look(Look::Start) => push(nodes, Node::Start(next)),
        HirKind::Look(Look::End) => push(nodes, Node::End(next)),
        HirKind::Look(Look::WordAscii | Look::WordUnicode) => push(nodes, Node::Boundary(true, next)),
        HirKind::Look(Look::WordAsciiNegate | Look::WordUnicodeNegate) => push(nodes, Node::Boundary(false, next)),
        HirKind::Look(_) => None,
        HirKind::Capture(capture) => compile(&capture.sub, next, nodes),
        HirKind::Concat(parts) => parts.iter().rev().try_fold(next, |next, part| compile(part, next, nodes)),
        HirKind::Alternation(branches) => {
            let entries: Vec<_> = branches.iter().map(|branch| compile(branch, next, nodes)).collect();
            either(entries, nodes)
        }
        HirKind::Repetition(repetition) => {
            let sub = &repetition.sub;
            let mut entry = match repetition.max {
                None => {
                    let again = push(nodes, Node::Match)?;
                    let inner = compile(sub, again, nodes)?;
                    *nodes.get_mut(again as usize)? = Node::Either(inner, next);
                    again
                }
                Some(max) => (repetition.min..max).try_fold(next, |entry, _| {
                    let inner = compile(sub, entry, nodes)?;
                    push(nodes, Node::Either(inner, next))
                })?,
            };
            for _ in 0..repetition.min {
                entry = compile(sub, entry, nodes)?;
            }
            Some(entry)
        }
    }
}

fn bytes(class: &Class, next: u32, nodes: &mut Vec<Node>) -> Option<u32> {
    let mut entries = Vec::new();
    match class {
        Class::Bytes(class) => {
            for range in class.ranges() {
                entries.push(push(nodes, Node::Bytes(range.start(), range.end(), next)));
            }
        }
        Class::Unicode(class) => {
            for sequence in class.iter().flat_map(|range| Utf8Sequences::new(range.start(), range.end())) {
                let ranges = sequence.as_slice().iter().rev();
                entries.push(
                    ranges
                        .copied()
                        .try_fold(next, |next, range| push(nodes, Node::Bytes(range.start, range.end, next))),
                );
            }
        }
    }
    either(entries, nodes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::parse;

    proptest! {
        #[test]
        fn it_matches_what_the_regex_matches(
            pattern in prop_oneof![
                r"(\\b|\\B|\(\?-u:\\b\)|a|\[ab\]\+|\.|é|\^|\$|\(a\\b\)\?){1,5}",
                "[ab.]{1,4}", r"\^?(a|b|\[ab\]|c\*|\(ab\|c\)\{1,2\}|\.|é|\[\^a\]|\\w|\(a\?\)\*){1,5}\$?", r"\(\^a\|b\$\)\+", r"\(\?-u:\[\^a\]\)b"
            ],
            line in prop_oneof![
                "[abcé]{0,8}".prop_map(String::into_bytes), "[ab_ .]{0,8}".prop_map(String::into_bytes), proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), any::<u8>()], 0..6)
            ],
        ) {
            let regex = regex::bytes::Regex::new(&pattern).unwrap();
            // Three classes of all scripts' letters are more than it takes on; the regex decides then.
            prop_assume!(pattern.matches(r"\w").count() < 3);
            let mut automaton = Automaton::new(&parse(&pattern).unwrap()).unwrap();
            let state = automaton.start().and_then(|state| automaton.walk(state, &line));
            // Words of all scripts are left to the regex.
            let is_lost = state.is_none() && !line.is_ascii() && [r"\b", r"\B"].iter().any(|look| pattern.contains(look));
            prop_assert!(is_lost || state.is_some(), "{} {:?}", pattern, line);
            if let Some(state) = state {
                prop_assert_eq!(automaton.matches_at_end(state), regex.is_match(&line), "{} {:?}", pattern, line);
            }
        }
    }
}
