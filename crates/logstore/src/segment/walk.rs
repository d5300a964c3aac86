//! Decides of the lines of a layout whether a pattern matches them, looking only at slots that matter for it.
//!
//! What all values of a slot can lead to from a state of the pattern is known from its kind, or from its table. Where no
//! value leads to a match, and all lead to the same state behind the next constant, the values need not be looked at. So
//! most layouts are ruled out as a whole, and of most others few slots are read.

use std::collections::HashMap;
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

/// A pattern, with what was found out about it.
pub struct Pattern {
    automaton: Automaton,
    /// For kinds of slots and states before them the states behind any values.
    behind: HashMap<(Kind, Vec<State>), Option<Vec<State>>>,
}

impl Pattern {
    pub fn new(automaton: Automaton) -> Self {
        Self { automaton, behind: HashMap::new() }
    }

    /// The states that any values of `kind` can lead to, more at most; `None` when there is no room for them.
    fn through(&mut self, kind: Kind, states: &[State]) -> Option<Vec<State>> {
        let Self { automaton, behind } = self;
        let find = || outline(kind).iter().try_fold(states.to_vec(), |states, run| through(run, automaton, states));
        behind.entry((kind, states.to_vec())).or_insert_with(find).clone()
    }
}

/// States before a slot for which it is remembered what its values lead to.
const MAX_KEPT: usize = 8;

/// One pattern on its way through the lines of one layout.
pub struct Walk {
    kinds: Vec<Kind>,
    constants: Vec<Vec<u8>>,
    first: Then,
    /// For each constant and each state before it what follows, once it is known.
    then: Vec<Vec<Option<Then>>>,
    /// The same for the states behind each constant.
    after: Vec<Vec<(State, Then)>>,
    values: Vec<Option<Values>>,
    /// Of each slot, for each state before it, what follows each value of its table, once it is known.
    entries: Vec<Vec<(State, Vec<Option<Then>>)>>,
    /// The lines that may be asked for.
    lines: Range<usize>,
    text: Vec<u8>,
}

impl Walk {
    /// `None` when the pattern takes too much for this layout.
    pub fn new<S: Source + ?Sized>(
        block: &Block<S>,
        layout: &Layout,
        pattern: &mut Pattern,
        lines: Range<usize>,
    ) -> Result<Option<Self>> {
        let kinds: Vec<Kind> = block.kinds(layout).collect();
        let constants: Vec<Vec<u8>> = block.constants(layout)?.iter().map(<[u8]>::to_vec).collect();
        let values = kinds.iter().map(|_| None).collect();
        let entries = vec![Vec::new(); kinds.len()];
        let then = vec![Vec::new(); constants.len()];
        let after = vec![Vec::new(); constants.len()];
        let mut walk =
            Self { kinds, constants, first: Then::Lost, then, after, values, entries, lines, text: Vec::new() };
        if let Some(start) = pattern.automaton.start() {
            walk.first = walk.follow(block, layout, pattern, 0, start)?;
        }
        Ok((walk.first != Then::Lost).then_some(walk))
    }

    /// The lines of `among` that match; `None` when that cannot be said. How many lines there are is not known for certain
    /// while no list of them was read, so that all are not counted up.
    pub fn lines<S: Source + ?Sized>(
        &mut self,
        block: &Block<S>,
        layout: &Layout,
        pattern: &mut Pattern,
        among: impl Iterator<Item = u32>,
    ) -> Result<Option<Lines>> {
        match self.first {
            Then::Match => return Ok(Some(Lines::All)),
            Then::NoMatch => return Ok(Some(Lines::These(Vec::new()))),
            Then::Lost => return Ok(None),
            Then::Look(..) => {}
        }
        let mut found = Vec::new();
        for line in among {
            match self.line(block, layout, pattern, line as usize)? {
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
        pattern: &mut Pattern,
        line: usize,
    ) -> Result<Then> {
        let mut then = self.first;
        while let Then::Look(slot, state) = then {
            let (Some(kind), Some(values)) = (self.kinds.get(slot).copied(), self.values.get_mut(slot)) else { break };
            let values = match values {
                Some(values) => values,
                none => none.insert(block.values(layout, slot, self.lines.clone())?),
            };
            let entry = values.entry(line);
            if let Some(known) = entry.and_then(|(entry, _)| self.known(slot, state, entry)) {
                then = known;
                continue;
            }
            let end = self.through_value(pattern, slot, kind, state, line);
            then = match end {
                None => Then::Lost,
                Some(MATCHED) => Then::Match,
                Some(state) => self.behind(block, layout, pattern, slot + 1, state)?,
            };
            if let Some((entry, count)) = entry {
                self.keep(slot, state, entry, count, then);
            }
        }
        Ok(then)
    }

    /// The state behind the value that `line` has in a slot.
    fn through_value(
        &mut self,
        pattern: &mut Pattern,
        slot: usize,
        kind: Kind,
        state: State,
        line: usize,
    ) -> Option<State> {
        let values = self.values.get(slot)?.as_ref()?;
        if let Some(text) = values.text(kind, line) {
            return pattern.automaton.walk(state, text);
        }
        self.text.clear();
        values.put(kind, line, &mut self.text);
        pattern.automaton.walk(state, &self.text)
    }

    fn known(&self, slot: usize, state: State, entry: usize) -> Option<Then> {
        let (_, known) = self.entries.get(slot)?.iter().find(|(before, _)| *before == state)?;
        *known.get(entry)?
    }

    fn keep(&mut self, slot: usize, state: State, entry: usize, count: usize, then: Then) {
        let Some(states) = self.entries.get_mut(slot) else { return };
        if states.len() < MAX_KEPT && !states.iter().any(|(before, _)| *before == state) {
            states.push((state, vec![None; count]));
        }
        let known = states.iter_mut().find(|(before, _)| *before == state);
        if let Some(known) = known.and_then(|(_, known)| known.get_mut(entry)) {
            *known = Some(then);
        }
    }

    /// [`Self::follow`], remembered.
    fn behind<S: Source + ?Sized>(
        &mut self,
        block: &Block<S>,
        layout: &Layout,
        pattern: &mut Pattern,
        constant: usize,
        state: State,
    ) -> Result<Then> {
        let known = self.then.get(constant).and_then(|then| then.get(state as usize));
        if let Some(Some(then)) = known {
            return Ok(*then);
        }
        let then = self.follow(block, layout, pattern, constant, state)?;
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
        &mut self,
        block: &Block<S>,
        layout: &Layout,
        pattern: &mut Pattern,
        constant: usize,
        state: State,
    ) -> Result<Then> {
        let mut places = Vec::new();
        let then = self.follow_on(block, layout, pattern, constant, state, &mut places)?;
        for (at, only) in places {
            if let Some(after) = self.after.get_mut(at) {
                after.push((only, then));
            }
        }
        Ok(then)
    }

    /// [`Self::follow`], with the `places` behind constants where all lines were in one state: the same follows from each.
    fn follow_on<S: Source + ?Sized>(
        &self,
        block: &Block<S>,
        layout: &Layout,
        pattern: &mut Pattern,
        constant: usize,
        state: State,
        places: &mut Vec<(usize, State)>,
    ) -> Result<Then> {
        let look = |places: &[(usize, State)]| places.last().map_or(Then::Lost, |(at, only)| Then::Look(*at, *only));
        let mut states = vec![state];
        for (at, constant) in self.constants.iter().enumerate().skip(constant) {
            for state in &mut states {
                let Some(next) = pattern.automaton.walk(*state, constant) else { return Ok(Then::Lost) };
                *state = next;
            }
            states.sort_unstable();
            states.dedup();
            if let [only] = *states {
                if only == MATCHED {
                    return Ok(Then::Match);
                }
                let mut known = self.after.get(at).into_iter().flatten();
                if let Some((_, then)) = known.find(|(state, _)| *state == only) {
                    return Ok(*then);
                }
                places.push((at, only));
            }
            let Some(kind) = self.kinds.get(at) else { break };
            if !states.contains(&MATCHED) {
                states = match slot(block, layout, at, *kind, pattern, &states)? {
                    Some(states) if states.len() <= MAX_TOGETHER => states,
                    _ => return Ok(look(places)),
                };
            }
            if states.contains(&MATCHED) {
                return Ok(look(places));
            }
        }
        let mut ends = states.iter().map(|state| pattern.automaton.matches_at_end(*state));
        let first = ends.next();
        Ok(match (first, ends.all(|end| Some(end) == first)) {
            (Some(true), true) => Then::Match,
            (Some(false), true) => Then::NoMatch,
            _ => look(places),
        })
    }
}

/// The states that values of a slot can lead to from `states`, more at most; `None` when there is no room for them.
fn slot<S: Source + ?Sized>(
    block: &Block<S>,
    layout: &Layout,
    slot: usize,
    kind: Kind,
    pattern: &mut Pattern,
    states: &[State],
) -> Result<Option<Vec<State>>> {
    let is_large = block.numbers_in_table(layout, slot)?.is_some_and(|(_, table)| table.len() > MAX_TABLE);
    let table = if is_large { None } else { block.table(layout, slot)? };
    let Some(table) = table.filter(|table| table.range.len() <= MAX_TABLE) else {
        return Ok(pattern.through(kind, states));
    };
    let mut reached = Vec::new();
    for state in states {
        for text in table.iter() {
            match pattern.automaton.walk(*state, text) {
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
