//! Which lines of a layout contain a literal, decided on constants, dictionaries and columns: no line is printed for it.
//!
//! A literal lies in a line in one of few ways: inside a constant, inside one slot, or over several of both, where the
//! end of a slot, then constants and whole slots, then the beginning of a slot must agree with it. Each such way is a set
//! of tests on slots; kinds whose values cannot hold the bytes in question rule most of them out at once.

use std::ops::Range;

use memchr::memmem::Finder;

use super::digits::{Decimal, Nibbles, which};
use super::read::{Block, Layout, Result, Source};
use super::values::Values;
use crate::parquet::Planes;
use crate::shape::{Kind, Value, token_at};

/// A test on the printed value of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Contains,
    Starts,
    Ends,
    Equals,
}

#[derive(Clone, Copy, Debug)]
struct Want<'p> {
    slot: usize,
    test: Test,
    part: &'p [u8],
}

/// Steps after which a literal's ways through a layout are not enumerated further.
const MAX_STEPS: usize = 20_000;

/// Lines among those that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lines {
    All,
    These(Vec<u32>),
}

/// The ways of one literal through one layout.
struct Ways<'p, 'c> {
    constants: &'c [&'c [u8]],
    kinds: &'c [Kind],
    found: Vec<Vec<Want<'p>>>,
    steps: usize,
}

impl<'p> Ways<'p, '_> {
    /// From the beginning of slot `slot` on, `rest` must follow. Answers `false` when there are too many ways.
    fn follow(&mut self, slot: usize, rest: &'p [u8], way: &mut Vec<Want<'p>>) -> bool {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return false;
        }
        let (Some(kind), Some(constant)) = (self.kinds.get(slot), self.constants.get(slot + 1)) else { return true };
        if kind.can_hold(rest) {
            way.push(Want { slot, test: Test::Starts, part: rest });
            self.found.push(way.clone());
            way.pop();
        }
        // The slot's value is the first `len` bytes, the constant behind it the next ones.
        for len in 1..rest.len() {
            let (part, behind) = rest.split_at(len);
            if !kind.can_hold(part) {
                break;
            }
            way.push(Want { slot, test: Test::Equals, part });
            let go_on = self.cross(slot, behind, constant, way);
            way.pop();
            if !go_on {
                return false;
            }
        }
        true
    }

    /// `behind` must begin with, or be the beginning of, the constant behind `slot`.
    fn cross(&mut self, slot: usize, behind: &'p [u8], constant: &[u8], way: &mut Vec<Want<'p>>) -> bool {
        if constant.starts_with(behind) {
            self.found.push(way.clone());
            return true;
        }
        match behind.strip_prefix(constant) {
            Some(rest) => self.follow(slot + 1, rest, way),
            None => true,
        }
    }

    /// All ways of `literal`; `None` when there are too many, and no ways but one without tests when every line has it.
    fn all(mut self, literal: &'p [u8], finder: &Finder) -> Option<Vec<Vec<Want<'p>>>> {
        for constant in self.constants {
            if finder.find(constant).is_some() {
                return Some(vec![Vec::new()]);
            }
        }
        for (at, constant) in self.constants.iter().enumerate() {
            // The literal begins inside a constant and goes on behind it.
            for len in 1..=constant.len().min(literal.len() - 1) {
                let (head, rest) = literal.split_at(len);
                if constant.ends_with(head) && !self.follow(at, rest, &mut Vec::new()) {
                    return None;
                }
            }
        }
        for (slot, kind) in self.kinds.iter().enumerate() {
            if kind.can_hold(literal) {
                self.found.push(vec![Want { slot, test: Test::Contains, part: literal }]);
            }
            let Some(constant) = self.constants.get(slot + 1) else { continue };
            for len in 1..literal.len() {
                let (part, behind) = literal.split_at(len);
                if !kind.can_hold(part) {
                    break;
                }
                let mut way = vec![Want { slot, test: Test::Ends, part }];
                if !self.cross(slot, behind, constant, &mut way) {
                    return None;
                }
            }
        }
        Some(self.found)
    }
}

/// The lines `within` those of `layout` that contain `literal`, which is not empty. `None`: all must be looked at.
pub fn find<S: Source + ?Sized>(
    block: &Block<S>,
    layout: &Layout,
    within: &Range<usize>,
    literal: &[u8],
    finder: &Finder,
) -> Result<Option<Lines>> {
    let constants = block.constants(layout)?;
    let constants: Vec<&[u8]> = constants.iter().collect();
    let kinds: Vec<Kind> = block.kinds(layout).collect();
    let ways = Ways { constants: &constants, kinds: &kinds, found: Vec::new(), steps: 0 };
    let Some(ways) = ways.all(literal, finder) else { return Ok(None) };
    let mut found = Vec::new();
    for way in ways {
        match follow(block, layout, within, &kinds, &way, finder)? {
            Lines::All => return Ok(Some(Lines::All)),
            Lines::These(lines) => found.extend(lines),
        }
    }
    // Some tests were made on all lines at once.
    found.retain(|line| within.contains(&(*line as usize)));
    found.sort_unstable();
    found.dedup();
    Ok(Some(Lines::These(found)))
}

/// The lines on which all tests of a way hold.
fn follow<S: Source + ?Sized>(
    block: &Block<S>,
    layout: &Layout,
    within: &Range<usize>,
    kinds: &[Kind],
    way: &[Want],
    finder: &Finder,
) -> Result<Lines> {
    let mut lines = Lines::All;
    // Dictionaries are small and often rule a way out: they come first.
    let mut open = Vec::new();
    for want in way {
        let Some((fits, count)) = want.entries(block, layout, finder)? else {
            open.push(want);
            continue;
        };
        if fits.is_empty() {
            return Ok(Lines::These(Vec::new()));
        }
        if fits.len() < count {
            let codes = block.table_codes(layout, want.slot, count)?;
            lines = match lines {
                Lines::All => Lines::These(having(&codes, &fits, within)),
                some => {
                    let fits = |line: u32| {
                        codes.get(line as usize).is_some_and(|code| fits.binary_search(&(code as u32)).is_ok())
                    };
                    some.filter(within, fits)
                }
            };
        }
    }
    for want in open {
        if lines == Lines::These(Vec::new()) {
            break;
        }
        let Some(kind) = kinds.get(want.slot).copied() else { continue };
        let values = block.values(layout, want.slot, within.clone())?;
        lines = want.filter(kind, &values, lines, within, finder);
    }
    Ok(lines)
}

impl Lines {
    fn filter(self, within: &Range<usize>, keep: impl Fn(u32) -> bool) -> Self {
        self.filter_mut(within, keep)
    }

    fn filter_mut(self, within: &Range<usize>, mut keep: impl FnMut(u32) -> bool) -> Self {
        match self {
            Self::All => Self::These((within.start as u32..within.end as u32).filter(|line| keep(*line)).collect()),
            Self::These(mut lines) => {
                lines.retain(|line| keep(*line));
                Self::These(lines)
            }
        }
    }
}

impl Want<'_> {
    /// Which entries of the slot's table hold, ascending, and how many it has; `None` when it has no table.
    fn entries<S: Source + ?Sized>(
        &self,
        block: &Block<S>,
        layout: &Layout,
        finder: &Finder,
    ) -> Result<Option<(Vec<u32>, usize)>> {
        if self.test == Test::Contains
            && let Some(decimal) = Decimal::new(self.part)
            && let Some((kind, numbers)) = block.numbers_in_table(layout, self.slot)?
            && let Some(found) = decimal.find(kind, &numbers.all(), 0)
        {
            return Ok(Some((found, numbers.len())));
        }
        let Some(table) = block.table(layout, self.slot)? else { return Ok(None) };
        let count = table.range.len();
        if self.test == Test::Contains {
            let (joined, ends) = table.joined();
            return Ok(Some((in_joined(joined, &ends.collect::<Vec<_>>(), 0, finder), count)));
        }
        let holds = (0..).zip(table.iter()).filter(|(_, text)| self.holds(text, finder));
        Ok(Some((holds.map(|(entry, _)| entry).collect(), count)))
    }

    fn holds(&self, text: &[u8], finder: &Finder) -> bool {
        match self.test {
            Test::Contains => finder.find(text).is_some(),
            Test::Starts => text.starts_with(self.part),
            Test::Ends => text.ends_with(self.part),
            Test::Equals => text == self.part,
        }
    }

    fn filter(&self, kind: Kind, values: &Values, lines: Lines, within: &Range<usize>, finder: &Finder) -> Lines {
        let token = token_at(self.part, 0).filter(|token| token.end == self.part.len() && token.kind == kind);
        let decimal = Decimal::new(self.part);
        match (values, self.test, token.map(|token| token.value)) {
            (_, Test::Equals, Some(Value::Num(number))) => {
                lines.filter(within, |line| values.number(line as usize) == Some(number))
            }
            // All values are as long as the part.
            (Values::Wide(list), _, Some(Value::Wide(high, low))) => {
                let (wide, list) = ((u128::from(high) << 64 | u128::from(low)).to_be_bytes(), list.wide());
                lines.filter(within, |line| list.get(line as usize) == Some(&wide))
            }
            (Values::Text(list), Test::Contains, _) if kind == Kind::Line && lines == Lines::All => {
                let (joined, ends) = list.joined();
                Lines::These(in_joined(joined, &ends.collect::<Vec<_>>(), 0, finder))
            }
            // What a literal lies in wholly is the only test of its way.
            (Values::Kept(list), Test::Contains, _)
                if let Some(found) = decimal.as_ref().and_then(|decimal| decimal.find_in(kind, list, within)) =>
            {
                Lines::These(found)
            }
            (Values::Summed(_) | Values::Timed { .. }, Test::Contains, _)
                if let Some(found) = decimal
                    .as_ref()
                    .and_then(|decimal| decimal.find(kind, &values.numbers(within.clone())?, within.start)) =>
            {
                Lines::These(found)
            }
            (Values::Kept(list), Test::Contains, _) if let Some(nibbles) = Nibbles::new(self.part, kind) => {
                let values: Vec<u64> = list.values(within.clone());
                Lines::These(nibbles.find(&values, within.start, u128::from))
            }
            (Values::Wide(list), Test::Contains, _) if let Some(nibbles) = Nibbles::new(self.part, kind) => {
                let list = list.wide().get(within.clone()).unwrap_or_default();
                Lines::These(nibbles.find(list, within.start, u128::from_be_bytes))
            }
            (_, Test::Contains, _) if lines == Lines::All => {
                // Printed one behind the other, and searched in one piece.
                let (mut joined, mut ends) = (Vec::new(), Vec::with_capacity(within.len()));
                for line in within.clone() {
                    values.put(kind, line, &mut joined);
                    ends.push(joined.len());
                }
                Lines::These(in_joined(&joined, &ends, within.start, finder))
            }
            _ => {
                let mut text = Vec::new();
                lines.filter_mut(within, |line| {
                    text.clear();
                    values.put(kind, line as usize, &mut text);
                    self.holds(&text, finder)
                })
            }
        }
    }
}

/// The lines of `within` whose code is one of `wanted`, which ascend.
fn having(codes: &Planes, wanted: &[u32], within: &Range<usize>) -> Vec<u32> {
    let is_wanted =
        |line: &u32| codes.get(*line as usize).is_some_and(|code| wanted.binary_search(&(code as u32)).is_ok());
    let low = codes.plane(0, within.clone());
    let line = |at: usize| (within.start + at) as u32;
    // Few codes are found by their lowest byte, and seldom in vain.
    match *wanted {
        [a] => memchr::memchr_iter(a as u8, low).map(line).filter(is_wanted).collect(),
        [a, b] => memchr::memchr2_iter(a as u8, b as u8, low).map(line).filter(is_wanted).collect(),
        [a, b, c] => memchr::memchr3_iter(a as u8, b as u8, c as u8, low).map(line).filter(is_wanted).collect(),
        _ => {
            let mut fits = vec![false; wanted.last().map_or(0, |most| *most as usize + 1)];
            for code in wanted {
                if let Some(fit) = fits.get_mut(*code as usize) {
                    *fit = true;
                }
            }
            which(&codes.values::<u32>(within.clone()), within.start, |code| fits.get(code as usize) == Some(&true))
        }
    }
}

/// The strings that hold the literal, searched in one piece and counted from `first`.
fn in_joined(joined: &[u8], ends: &[usize], first: usize, finder: &Finder) -> Vec<u32> {
    let (mut lines, mut from) = (Vec::new(), 0);
    while let Some(hit) = joined.get(from..).and_then(|rest| finder.find(rest)).map(|hit| from + hit) {
        let line = ends.partition_point(|end| *end <= hit);
        let Some(end) = ends.get(line).copied() else { break };
        if hit + finder.needle().len() <= end {
            lines.push((first + line) as u32);
            from = end;
        } else {
            from = hit + 1; // it reaches into the next string
        }
    }
    lines
}
