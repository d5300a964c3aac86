//! What to look for, and the page of lines that answers it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use memchr::memmem::Finder;
use regex::bytes::Regex;
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Hir, HirKind};

use crate::error::StoreError;
use crate::part::Partition;
use crate::types::{Day, Group, Line, Nanos, Rank, Signature};

/// Which lines, in which order, and how many at once.
#[derive(Clone, Debug)]
pub struct Query {
    /// Only of these groups; of all when empty.
    pub groups: Vec<Group>,
    /// Only of these resources; of all when empty.
    pub resources: Vec<String>,
    /// Not before this.
    pub from: Nanos,
    /// Latest time, exclusive; same formats.
    pub until: Nanos,
    pub min_severity: Rank,
    pub signature: Option<Signature>,
    pub text: Option<Text>,
    pub order: Order,
    /// A page has at most so many lines.
    pub lines: usize,
    /// A page has at most so many bytes of text, or one line.
    pub bytes: usize,
    /// Go on behind the page that gave this.
    pub after: Option<Cursor>,
}

impl Default for Query {
    /// The newest 1000 lines of everything, in at most 4 MiB.
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            resources: Vec::new(),
            from: Nanos::MIN,
            until: Nanos::MAX,
            min_severity: Rank(0),
            signature: None,
            text: None,
            order: Order::NewestFirst,
            lines: 1000,
            bytes: 4 << 20,
            after: None,
        }
    }
}

impl Query {
    pub(crate) fn has_group(&self, group: &Group) -> bool {
        self.groups.is_empty() || self.groups.contains(group)
    }

    pub(crate) fn has_resource(&self, name: &str) -> bool {
        self.resources.is_empty() || self.resources.iter().any(|resource| resource == name)
    }

    pub(crate) fn in_time(&self, time: i64) -> bool {
        time >= self.from.0 && (time < self.until.0 || self.until == Nanos::MAX)
    }

    /// Of a class: stream, severity and signature.
    pub(crate) fn has_class(&self, class: &[u64; 3]) -> bool {
        let [_, severity, signature] = *class;
        severity >= u64::from(self.min_severity.0) && self.signature.is_none_or(|own| own.0 == signature)
    }
}

/// Decides of single lines what a query decides of stored ones; knows neither pages nor order.
pub struct Filter {
    query: Query,
    matcher: Matcher,
}

impl Filter {
    /// # Errors
    /// When the regular expression cannot be used.
    pub fn new(query: Query) -> Result<Self, StoreError> {
        Ok(Self { matcher: Matcher::new(query.text.as_ref())?, query })
    }

    #[must_use]
    pub fn wants(&self, line: &Line) -> bool {
        let Line { time, group, resource, instance: _, stream: _, severity, signature, text } = line;
        self.query.has_group(group)
            && self.query.in_time(time.0)
            && self.query.has_resource(resource)
            && self.query.has_class(&[0, u64::from(severity.0), signature.0])
            && self.matcher.matches(text)
    }
}

/// What a line's text must have in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// These bytes.
    Literal(Vec<u8>),
    /// A match of this regular expression, in the syntax of the crate `regex`.
    Regex(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    NewestFirst,
    OldestFirst,
}

/// The answer to a query.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub lines: Vec<Line>,
    /// Where the next page begins; `None` when there is none.
    pub next: Option<Cursor>,
    /// Segments that could not be read and are set aside: their lines are missing.
    pub aside: Vec<Aside>,
    pub looked_at: LookedAt,
}

/// What answering took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LookedAt {
    /// Segments that were opened, and that were ruled out by what is known of them.
    pub segments: usize,
    pub skipped: usize,
    /// Payload of the blocks that were opened, in bytes.
    pub payload: u64,
}

/// A segment that does not count until someone looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    pub name: String,
    pub why: String,
}

/// Place of a line in the order of all lines: by time, then by group of commits, then by arrival.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub time: i64,
    /// First commit of the segment that the line is in, or will be in.
    pub first: u64,
    pub partition: Arc<Partition>,
    /// Place among the lines of the same time there.
    pub tie: u64,
}

/// A place between two lines. As text it is opaque and safe in a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub(crate) Key);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Key { time, first, partition, tie } = &self.0;
        write!(f, "{time}.{first}.{}.{tie}.", partition.day.0)?;
        partition.group.0.bytes().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Cursor {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let parse = || {
            let mut parts = text.split('.');
            let (time, first) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            let (day, tie) = (Day(parts.next()?.parse().ok()?), parts.next()?.parse().ok()?);
            let (pairs, odd) = parts.next()?.as_bytes().as_chunks::<2>();
            let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
            let group = Group(String::from_utf8(pairs.iter().map(byte).collect::<Option<_>>()?).ok()?);
            let partition = Arc::new(Partition { group, day });
            (odd.is_empty() && parts.next().is_none()).then_some(Key { time, first, partition, tie })
        };
        parse().map(Self).ok_or_else(|| StoreError::BadCursor { got: text.to_owned() })
    }
}

/// A text condition, made ready.
pub(crate) struct Matcher {
    /// Every match has one of these in it; empty when nothing is known.
    pub literals: Vec<(Vec<u8>, Finder<'static>)>,
    /// `None` when the one literal decides.
    pub regex: Option<Regex>,
}

impl Matcher {
    pub fn new(text: Option<&Text>) -> Result<Self, StoreError> {
        let (literals, regex) = match text {
            None => (Vec::new(), None),
            Some(Text::Literal(literal)) => (vec![literal.clone()], None),
            Some(Text::Regex(pattern)) => {
                let regex = compile(pattern)?;
                (parse(pattern).and_then(|hir| required(&hir)).unwrap_or_default(), Some(regex))
            }
        };
        // The empty text is in every line.
        let literals = if literals.iter().any(Vec::is_empty) { Vec::new() } else { literals };
        let ready = literals.into_iter().map(|literal| {
            let finder = Finder::new(&literal).into_owned();
            (literal, finder)
        });
        Ok(Self { literals: ready.collect(), regex })
    }

    pub fn matches(&self, text: &[u8]) -> bool {
        match &self.regex {
            Some(regex) => regex.is_match(text),
            None => self.literals.iter().all(|(_, finder)| finder.find(text).is_some()),
        }
    }
}

/// What `pattern` means, as [`Regex`] understands it.
pub(crate) fn parse(pattern: &str) -> Option<Hir> {
    regex_syntax::ParserBuilder::new().utf8(false).build().parse(pattern).ok()
}

/// The regex for `pattern`, with any bytes behind a match: the same lines match, and the search ends where a match does.
/// What it prevents is the search from a rare ending backwards, which on many short lines costs ten times as much.
fn compile(pattern: &str) -> Result<Regex, StoreError> {
    let plain = Regex::new(pattern).map_err(|error| StoreError::BadRegex(Box::new(error)))?;
    // A pattern that ends in a comment swallows what is added.
    Ok(Regex::new(&format!("(?:{pattern})(?s-u:.)*")).unwrap_or(plain))
}

/// Most literals of which one is required.
const MAX_LITERALS: usize = 16;

/// Texts of which every match of `hir` contains at least one: the most telling set that is easily seen.
fn required(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(vec![literal.0.to_vec()]),
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required(&repetition.sub),
        HirKind::Concat(parts) => {
            // Neighbours that are exactly one text each make a longer one.
            let (mut best, mut run) = (None, Vec::new());
            for part in parts {
                match exact(part) {
                    Some(text) => run.extend(text),
                    None => {
                        let run = std::mem::take(&mut run);
                        best = better(better(best, Some(vec![run])), required(part));
                    }
                }
            }
            better(best, Some(vec![run]))
        }
        HirKind::Alternation(branches) => {
            let all = branches.iter().map(required).collect::<Option<Vec<_>>>()?.concat();
            (all.len() <= MAX_LITERALS).then_some(all)
        }
        HirKind::Empty | HirKind::Class(_) | HirKind::Look(_) | HirKind::Repetition(_) => None,
    }
}

/// The set whose shortest text is longer: that is found less often.
fn better(a: Option<Vec<Vec<u8>>>, b: Option<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    let shortest = |set: &Option<Vec<Vec<u8>>>| set.iter().flatten().map(Vec::len).min().unwrap_or(0);
    if shortest(&b) > shortest(&a) { b } else { a }
}

/// The one text that `hir` matches, if it is one.
fn exact(hir: &Hir) -> Option<Vec<u8>> {
    if matches!(hir.kind(), HirKind::Look(_)) {
        return None;
    }
    let sequence = Extractor::new().kind(ExtractKind::Prefix).extract(hir);
    match sequence.literals()? {
        [only] if only.is_exact() => Some(only.as_bytes().to_vec()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiled_patterns_match_the_same_lines() {
        let patterns = [
            r"(1[0-9]{2}\.){3}",
            "^$",
            "a$",
            r"\bfoo\b",
            "(?i)FOO|bar",
            "(?x) a b # a comment",
            "(?m)^b",
            "",
            r"a\z",
            "(?-u:\\xff)a",
        ];
        let lines: [&[u8]; 9] =
            [b"", b"a", b"ab", b"foo bar", b"at 110.120.130.4", b"a\nb", b"Foobar", b"\xffa", b"110.120.1"];
        for pattern in patterns {
            let (plain, compiled) = (Regex::new(pattern).unwrap(), compile(pattern).unwrap());
            for line in lines {
                assert_eq!(compiled.is_match(line), plain.is_match(line), "{pattern} in {line:?}");
            }
        }
    }
}
