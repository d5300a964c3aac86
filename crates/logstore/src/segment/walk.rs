//! Decides of the lines of a layout whether a pattern matches them, looking only at slots that matter for it.
//!
//! What all values of a slot can lead to from a state of the pattern is known from its kind, or from its table. Where no
//! value leads to a match, and all lead to the same state behind the next constant, the values need not be looked at. So
//! most layouts are ruled out as a whole, and of most others few slots are read.

use std::ops::Range;

use super::find::Lines;
use super::outline::{Run, outline};
use super::read::{Block, Layout, Result, Source};
use super::values::Values;
use crate::automaton::{Automaton, MATCHED, State};
use crate::shape::Kind;

/// What follows from some state at some place of the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Match,
    NoMatch,
    /// The value of this slot decides, in this state before it.
    Look(usize, State),
    /// The automaton has no room for what follows.
    Lost,
}

/// Most states at one place that are followed side by side.
const MAX_TOGETHER: usize = 64;
/// A table with more entries is taken for any values of its kind.
const MAX_TABLE: usize = 4096;

/// One pattern on its way through the lines of one layout.
pub struct Walk {
    kinds: Vec<Kind>,
    constants: Vec<Vec<u8>>,
    first: Then,
    /// For each constant and each state before it what follows, once it is known.
    then: Vec<Vec<Option<Then>>>,
    values: Vec<Option<Values>>,
    /// The lines that may be asked for.
    lines: Range<usize>,
    text: Vec<u8>,
}

impl Walk {
    /// `None` when the pattern takes too much for this layout.
    pub fn new<S: Source + ?Sized>(
        block: &Block<S>,
        layout: &Layout,
        automaton: &mut Automaton,
        lines: Range<usize>,
    ) -> Result<Option<Self>> {
        let kinds: Vec<Kind> = block.kinds(layout).collect();
        let constants: Vec<Vec<u8>> = block.constants(layout)?.iter().map(<[u8]>::to_vec).collect();
        let values = kinds.iter().map(|_| None).collect();
        let then = vec![Vec::new(); constants.len()];
        let mut walk = Self { kinds, constants, first: Then::Lost, then, values, lines, text: Vec::new() };
        if let Some(start) = automaton.start() {
            walk.first = walk.follow(block, layout, automaton, 0, start)?;
        }
        Ok((walk.first != Then::Lost).then_some(walk))
    }

    /// The lines of `among` that match; `None` when that cannot be said.
    pub fn lines<S: Source + ?Sized>(
        &mut self,
        block: &Block<S>,
        layout: &Layout,
        automaton: &mut Automaton,
        among: impl Iterator<Item = u32>,
    ) -> Result<Option<Lines>> {
        match self.first {
            Then::Match => return Ok(Some(Lines::These(among.collect()))),
            Then::NoMatch => return Ok(Some(Lines::These(Vec::new()))),
            Then::Lost => return Ok(None),
            Then::Look(..) => {}
        }
        let mut found = Vec::new();
        for line in among {
            match self.line(block, layout, automaton, line as usize)? {
                Then::Match => found.push(line),
                Then::NoMatch => {}
                Then::Look(..) | Then::Lost => return Ok(None),
            }
        }
        Ok(Some(Lines::These(found)))
    }

    fn line<S: Source + ?Sized>(
        &mut self,
        block: &Block<S>,
        layout: &Layout,
        automaton: &mut Automaton,
        line: usize,
    ) -> Result<Then> {
        let mut then = self.first;
        while let Then::Look(slot, state) = then {
            let (Some(kind), Some(values)) = (self.kinds.get(slot), self.values.get_mut(slot)) else { break };
            let values = match values {
                Some(values) => values,
                none => none.insert(block.values(layout, slot, self.lines.clone())?),
            };
            let text = match values.text(*kind, line) {
                Some(text) => text,
                None => {
                    self.text.clear();
                    values.put(*kind, line, &mut self.text);
                    &self.text
                }
            };
            then = match automaton.walk(state, text) {
                None => Then::Lost,
                Some(MATCHED) => Then::Match,
                Some(state) => self.behind(block, layout, automaton, slot + 1, state)?,
            };
        }
        Ok(then)
    }

    /// [`Self::follow`], remembered.
    fn behind<S: Source + ?Sized>(
        &mut self,
        block: &Block<S>,
        layout: &Layout,
        automaton: &mut Automaton,
        constant: usize,
        state: State,
    ) -> Result<Then> {
        let known = self.then.get(constant).and_then(|then| then.get(state as usize));
        if let Some(Some(then)) = known {
            return Ok(*then);
        }
        let then = self.follow(block, layout, automaton, constant, state)?;
        if let Some(known) = self.then.get_mut(constant) {
            known.resize(known.len().max(state as usize + 1), None);
            if let Some(known) = known.get_mut(state as usize) {
                *known = Some(then);
            }
        }
        Ok(then)
    }

    /// What follows from `state` before a constant: goes on as far as all lines go together.
    fn follow<S: Source + ?Sized>(
        &self,
        block: &Block<S>,
        layout: &Layout,
        automaton: &mut Automaton,
        constant: usize,
        state: State,
    ) -> Result<Then> {
        // The last place where all lines were in one state, and the states since.
        let mut sure = Then::Lost;
        let mut states = vec![state];
        for (at, constant) in self.constants.iter().enumerate().skip(constant) {
            for state in &mut states {
                let Some(next) = automaton.walk(*state, constant) else { return Ok(Then::Lost) };
                *state = next;
            }
            states.sort_unstable();
            states.dedup();
            if let [only] = *states {
                if only == MATCHED {
                    return Ok(Then::Match);
                }
                sure = Then::Look(at, only);
            }
            let Some(kind) = self.kinds.get(at) else { break };
            if !states.contains(&MATCHED) {
                states = match slot(block, layout, at, *kind, automaton, &states)? {
                    Some(states) if states.len() <= MAX_TOGETHER => states,
                    _ => return Ok(sure),
                };
            }
            if states.contains(&MATCHED) {
                return Ok(sure);
            }
        }
        let mut ends = states.iter().map(|state| automaton.matches_at_end(*state));
        let first = ends.next();
        Ok(match (first, ends.all(|end| Some(end) == first)) {
            (Some(true), true) => Then::Match,
            (Some(false), true) => Then::NoMatch,
            _ => sure,
        })
    }
}

/// The states that values of a slot can lead to from `states`, more at most; `None` when there is no room for them.
fn slot<S: Source + ?Sized>(
    block: &Block<S>,
    layout: &Layout,
    slot: usize,
    kind: Kind,
    automaton: &mut Automaton,
    states: &[State],
) -> Result<Option<Vec<State>>> {
    let table = block.table(layout, slot)?.filter(|table| table.range.len() <= MAX_TABLE);
    let Some(table) = table else {
        return Ok(outline(kind).iter().try_fold(states.to_vec(), |states, run| through(run, automaton, states)));
    };
    let mut reached = Vec::new();
    for state in states {
        for text in table.iter() {
            match automaton.walk(*state, text) {
                Some(next) if reached.contains(&next) => {}
                Some(next) if reached.len() < MAX_TOGETHER => reached.push(next),
                _ => return Ok(None),
            }
        }
    }
    Ok(Some(reached))
}

/// The states behind a run.
fn through(run: &Run, automaton: &mut Automaton, mut states: Vec<State>) -> Option<Vec<State>> {
    for _ in 0..run.least {
        states = step(run, automaton, &states)?;
    }
    let mut edge = states.clone();
    let mut more = 0;
    while !edge.is_empty() && run.most.is_none_or(|most| run.least + more < most) {
        edge = step(run, automaton, &edge)?;
        edge.retain(|state| !states.contains(state));
        states.extend(&edge);
        more += 1;
        if states.len() > MAX_TOGETHER {
            return None;
        }
    }
    Some(states)
}

fn step(run: &Run, automaton: &mut Automaton, states: &[State]) -> Option<Vec<State>> {
    let mut reached = Vec::new();
    for state in states {
        for byte in &run.bytes {
            let next = automaton.step(*state, *byte)?;
            if !reached.contains(&next) {
                reached.push(next);
            }
        }
    }
    (reached.len() <= MAX_TOGETHER).then_some(reached)
}
