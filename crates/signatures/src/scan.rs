//! Cuts a message into atoms: words, values, marks and spaces. One pass over the bytes, no regular expression, and
//! no allocation once the buffer is warm.
//!
//! A *value* is what can be told from its letters alone to differ from line to line: whatever holds a digit, paths
//! and addresses, long runs of hexadecimal letters, names of months and days, user agents. Several values with
//! nothing but a separator between them (`10.0.0.1:80`, `1 2 3`, `a1, b2`) are one. Whether a *word* is constant
//! text or the content of a slot cannot be told from one line: that is the miner's work.

use crate::blocks::{Blocks, is_mark, is_space};
use crate::hash::{self, mix};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Space,
    Mark,
    Word,
    /// A word of three or more dotted parts: a host, a package, a class.
    Dotted,
    Value,
}

/// A piece of the scanned text, by its place in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Atom {
    pub kind: Kind,
    pub start: u32,
    pub end: u32,
    /// Of a word or value: of its text. Of a mark: its byte. Of a space: the same for all.
    pub hash: u64,
}

impl Atom {
    pub fn is_word(&self) -> bool {
        matches!(self.kind, Kind::Word | Kind::Dotted)
    }

    pub fn text<'a>(&self, line: &'a [u8]) -> &'a [u8] {
        line.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// How an atom begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Mark,
    Other,
}

#[expect(clippy::indexing_slicing, reason = "the compiler runs it")]
static CLASSES: [Class; 256] = {
    let mut table = [Class::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        if is_space(byte as u8) {
            table[byte] = Class::Space;
        } else if is_mark(byte as u8) {
            table[byte] = Class::Mark;
        }
        byte += 1;
    }
    table
};

#[inline(always)]
fn class_of(byte: u8) -> Class {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(Class::Other)
}

/// The longest quoted text that is looked at as a user agent. Bytes.
const AGENT_MAX: usize = 1024;

/// Atoms of `line` from `start` to `end` are appended to `atoms`.
pub(crate) fn scan(line: &[u8], start: usize, end: usize, atoms: &mut Atoms) {
    let line = line.get(..end).unwrap_or(line);
    let mut blocks = std::mem::take(&mut atoms.blocks);
    blocks.read(line);
    let mut at = start;
    while let Some(&byte) = line.get(at) {
        at = match class_of(byte) {
            Class::Space => space(line, at, atoms),
            Class::Mark => mark(line, at, byte, atoms),
            Class::Other => token(line, &blocks, at, atoms),
        };
    }
    atoms.blocks = blocks;
}

#[inline]
fn space(line: &[u8], start: usize, atoms: &mut Atoms) -> usize {
    let mut end = start + 1;
    while line.get(end).is_some_and(|&byte| class_of(byte) == Class::Space) {
        end += 1;
    }
    atoms.space(start, end);
    end
}

fn mark(line: &[u8], start: usize, byte: u8, atoms: &mut Atoms) -> usize {
    // `()` after a space is a value that is empty this time; `f()` is a word.
    if byte == b')' && atoms.ends_with_free_bracket() {
        atoms.value(start, start, 0);
    }
    atoms.mark(start, start + 1, byte);
    if byte == b'"'
        && let Some(end) = user_agent(line, start + 1)
    {
        atoms.value(start + 1, end, 0);
        return end;
    }
    start + 1
}

/// Where a quoted text ends that begins with a product and its version (RFC 9110, 10.1.5), as user agents do.
fn user_agent(line: &[u8], start: usize) -> Option<usize> {
    let rest = line.get(start..)?;
    let rest = rest.get(..rest.len().min(AGENT_MAX))?;
    let product = rest.iter().take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'-').count();
    let version = rest.get(product..)?;
    if product < 2 || version.first() != Some(&b'/') || !version.get(1)?.is_ascii_digit() {
        return None;
    }
    memchr::memchr(b'"', rest).map(|quote| start + quote)
}

fn token(line: &[u8], blocks: &Blocks, start: usize, atoms: &mut Atoms) -> usize {
    let end = blocks.next_stop(start);
    let text = line.get(start..end).unwrap_or_default();
    match line.get(end..).unwrap_or_default() {
        [b':', b'/', b'/', ..] => return address(line, start, end, atoms),
        [b'?', ..] if text.contains(&b'/') => return address(line, start, end, atoms),
        _ => {}
    }
    if !blocks.has_joint(start, end) {
        piece(line, text, start, blocks.has_digit(start, end), atoms);
        return end;
    }
    // Leader dots (`enabled......1`) stand between two tokens.
    let leaders = text.windows(2).position(|pair| pair == b"..");
    if leaders == Some(0) {
        let length = text.iter().take_while(|byte| **byte == b'.').count();
        atoms.mark(start, start + length, b'.');
        return start + length;
    }
    let end = leaders.map_or(end, |at| start + at);
    let text = line.get(start..end).unwrap_or_default();
    // So does a full stop.
    let sentence = text.strip_suffix(b".").filter(|sentence| !sentence.is_empty());
    piece(line, sentence.unwrap_or(text), start, blocks.has_digit(start, end), atoms);
    if sentence.is_some() {
        atoms.mark(end - 1, end, b'.');
    }
    end
}

/// A token, freed from what stands between tokens.
#[inline]
fn piece(line: &[u8], text: &[u8], start: usize, digit: bool, atoms: &mut Atoms) {
    let end = start + text.len();
    if digit {
        if text.starts_with(b"HTTP/") {
            atoms.protocol_seen();
        }
        return atoms.value(start, end, value_hash(text));
    }
    match kind_of(text) {
        Kind::Word
            if text.len() <= 4
                && is_hexadecimal(text)
                && (atoms.ends_with_value_and_colon() || is_octet(line, end)) =>
        {
            atoms.value(start, end, 0);
        }
        Kind::Value => atoms.value(start, end, value_hash(text)),
        kind => atoms.word(kind, start, end, hash::bytes(text)),
    }
}

/// Values are only compared when they begin like a name.
fn value_hash(text: &[u8]) -> u64 {
    if text.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_') { hash::bytes(text) } else { 0 }
}

/// A URL, or a path with a query: one value.
fn address(line: &[u8], start: usize, at: usize, atoms: &mut Atoms) -> usize {
    let end = address_end(line, at);
    atoms.value(start, end, 0);
    end
}

/// Where an address ends: at a space, a quote or a closing mark.
fn address_end(line: &[u8], start: usize) -> usize {
    let rest = line.get(start..).unwrap_or_default();
    let ends = |byte: &u8| is_space(*byte) || b"\"'<>)]},;|".contains(byte);
    start + rest.iter().position(ends).unwrap_or(rest.len())
}

/// What a token without digits is.
fn kind_of(text: &[u8]) -> Kind {
    let count = |joint: u8| text.iter().filter(|byte| **byte == joint).count();
    let (dots, slashes) = (count(b'.'), count(b'/'));
    let path = slashes >= 2 || slashes == 1 && matches!(text, [b'/' | b'.' | b'~', _, ..]);
    if path || is_calendar(text) || text.len() >= 8 && ends_in_hexadecimal(text) {
        Kind::Value
    } else if dots >= 2 && text.iter().any(u8::is_ascii_alphabetic) {
        Kind::Dotted
    } else {
        Kind::Word
    }
}

/// `cafefefa`, `worker-cafefefa`: made unique by letters that happen to hold no digit.
fn ends_in_hexadecimal(text: &[u8]) -> bool {
    let tail = text.iter().rev().take_while(|byte| byte.is_ascii_hexdigit()).count();
    tail >= 8 && (tail == text.len() || text.iter().rev().nth(tail) == Some(&b'-'))
}

/// Whether `:eb:` follows, as within a hardware address.
fn is_octet(line: &[u8], at: usize) -> bool {
    matches!(line.get(at..at + 4), Some([b':', high, low, b':']) if is_hexadecimal(&[*high, *low]))
}

fn is_hexadecimal(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_hexdigit)
}

/// English short names of days and months. Not `May`, which is a word.
fn is_calendar(text: &[u8]) -> bool {
    const NAMES: [&[u8; 3]; 18] = [
        b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun", b"Jan", b"Feb", b"Mar", b"Apr", b"Jun", b"Jul", b"Aug",
        b"Sep", b"Oct", b"Nov", b"Dec",
    ];
    text.len() == 3 && NAMES.iter().any(|name| name.as_slice() == text)
}

/// The atoms of one line, in order.
#[derive(Default)]
pub(crate) struct Atoms {
    atoms: Vec<Atom>,
    /// One byte for each atom: a mark's own, or what stands for the others.
    outline: Vec<u8>,
    /// Hashes of the words.
    words: Vec<u64>,
    /// How many atoms stood before the last `HTTP/1.1`.
    protocol: Option<usize>,
    /// Of the text at hand.
    blocks: Blocks,
}

/// What stands for atoms in an outline. None of them is a mark.
mod outline {
    pub const SPACE: u8 = b' ';
    pub const WORD: u8 = b'w';
    pub const VALUE: u8 = b'v';
}

impl Atoms {
    /// A line's atoms from here on are not looked at: what comes after tells little, and memory is bounded.
    const MOST: usize = 512;

    pub fn clear(&mut self) {
        self.atoms.clear();
        self.outline.clear();
        self.words.clear();
        self.protocol = None;
    }

    pub fn as_slice(&self) -> &[Atom] {
        &self.atoms
    }

    pub fn outline(&self) -> &[u8] {
        &self.outline
    }

    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Place of the value that begins with the status of a request line's answer, when it says that the server failed:
    /// `"GET / HTTP/1.1" 503`, `"GET / HTTP/1.1" status: 503`.
    pub fn server_failure(&self, line: &[u8]) -> Option<usize> {
        let start = self.protocol?.saturating_sub(1);
        let behind = self.outline.get(start..)?;
        let quote = behind.iter().take(4).position(|&byte| byte == b'"')?;
        let value = behind.get(quote..)?.iter().take(6).position(|&byte| byte == outline::VALUE)?;
        let place = start + quote + value;
        let text = self.atoms.get(place)?.text(line);
        let ends = text.get(3).is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'.');
        let fails = matches!(text, [b'5', tens, ones, ..] if tens.is_ascii_digit() && ones.is_ascii_digit());
        (fails && ends).then_some(place)
    }

    fn protocol_seen(&mut self) {
        self.protocol = Some(self.atoms.len());
    }

    #[inline]
    pub fn space(&mut self, start: usize, end: usize) {
        self.push(Kind::Space, outline::SPACE, start, end, outline::SPACE.into());
    }

    #[inline]
    pub fn mark(&mut self, start: usize, end: usize, byte: u8) {
        self.push(Kind::Mark, byte, start, end, byte.into());
    }

    #[inline]
    pub fn word(&mut self, kind: Kind, start: usize, end: usize, hash: u64) {
        if self.atoms.len() < Self::MOST {
            self.words.push(hash);
        }
        self.push(kind, outline::WORD, start, end, hash);
    }

    #[inline]
    fn push(&mut self, kind: Kind, stands_for: u8, start: usize, end: usize, hash: u64) {
        if self.atoms.len() < Self::MOST {
            self.atoms.push(Atom { kind, start: start as u32, end: end as u32, hash });
            self.outline.push(stands_for);
        }
    }

    /// Adds a value, or lengthens the value before it when only a separator stands between.
    #[inline]
    pub fn value(&mut self, start: usize, end: usize, hash: u64) {
        let separators = match self.outline.as_slice() {
            [.., outline::VALUE, separator] if joins(*separator) => 1,
            [.., outline::VALUE, mark, outline::SPACE] if joins(*mark) => 2,
            [.., outline::VALUE] => 0,
            _ => return self.push(Kind::Value, outline::VALUE, start, end, hash),
        };
        self.atoms.truncate(self.atoms.len() - separators);
        self.outline.truncate(self.outline.len() - separators);
        if let Some(value) = self.atoms.last_mut() {
            value.end = end as u32;
            value.hash = mix(value.hash, hash);
        }
    }

    /// The octets of a hardware or network address may be letters only.
    fn ends_with_value_and_colon(&self) -> bool {
        self.outline.ends_with(&[outline::VALUE, b':'])
    }

    fn ends_with_free_bracket(&self) -> bool {
        self.outline.ends_with(&[outline::SPACE, b'('])
    }
}

/// Whether values on both sides of it are one.
pub(crate) fn joins(separator: u8) -> bool {
    matches!(separator, outline::SPACE | b',' | b':' | b';' | b'|' | b'&' | b'.')
}
