//! The atoms of one line: words, values, marks and spaces, in order.

use crate::hash;

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
    /// Of a word: of its text. Of a mark: its byte. Of a space: the same for all. Of a value: 0.
    pub hash: u64,
}

impl Atom {
    const NONE: Self = Self { kind: Kind::Space, start: 0, end: 0, hash: 0 };

    pub fn is_word(&self) -> bool {
        matches!(self.kind, Kind::Word | Kind::Dotted)
    }

    pub fn text<'a>(&self, line: &'a [u8]) -> &'a [u8] {
        line.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// A line's atoms from here on are not looked at: what comes after tells little, and memory is bounded.
const MOST: usize = 512;

/// Arrays of a fixed length, because growing ones would be asked for room at each atom.
pub(crate) struct Atoms {
    atoms: Box<[Atom; MOST]>,
    /// One byte for each atom: a mark's own, or what stands for the others.
    outline: Box<[u8; MOST]>,
    length: usize,
    /// The outline's last bytes, the latest lowest: memory that was just written byte by byte is slow to read at once.
    recent: u32,
    /// Hashes of the words.
    words: Box<[u64; MOST]>,
    word_count: usize,
    /// How many atoms stood before the last `HTTP/1.1`.
    protocol: Option<usize>,
}

/// What stands for atoms in an outline. None of them is a mark.
mod outline {
    pub const SPACE: u8 = b' ';
    pub const WORD: u8 = b'w';
    pub const VALUE: u8 = b'v';
}

impl Default for Atoms {
    fn default() -> Self {
        Self {
            atoms: Box::new([Atom::NONE; MOST]),
            outline: Box::new([0; MOST]),
            length: 0,
            recent: 0,
            words: Box::new([0; MOST]),
            word_count: 0,
            protocol: None,
        }
    }
}

impl Atoms {
    pub fn clear(&mut self) {
        self.length = 0;
        self.recent = 0;
        self.word_count = 0;
        self.protocol = None;
    }

    pub fn as_slice(&self) -> &[Atom] {
        self.atoms.get(..self.length).unwrap_or_default()
    }

    pub fn words(&self) -> &[u64] {
        self.words.get(..self.word_count).unwrap_or_default()
    }

    #[inline(always)]
    fn outline(&self) -> &[u8] {
        self.outline.get(..self.length).unwrap_or_default()
    }

    /// Equal for lines with the same marks around other words and values.
    pub fn outline_hash(&self) -> u64 {
        hash::bytes(self.outline())
    }

    /// Place of the value that begins with the status of a request line's answer, when it says that the server failed:
    /// `"GET / HTTP/1.1" 503`, `"GET / HTTP/1.1" status: 503`.
    pub fn server_failure(&self, line: &[u8]) -> Option<usize> {
        let start = self.protocol?.saturating_sub(1);
        let behind = self.outline().get(start..)?;
        let quote = behind.iter().take(4).position(|&byte| byte == b'"')?;
        let value = behind.get(quote..)?.iter().take(6).position(|&byte| byte == outline::VALUE)?;
        let place = start + quote + value;
        let text = self.as_slice().get(place)?.text(line);
        let ends = text.get(3).is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'.');
        let fails = matches!(text, [b'5', tens, ones, ..] if tens.is_ascii_digit() && ones.is_ascii_digit());
        (fails && ends).then_some(place)
    }

    pub fn protocol_seen(&mut self) {
        self.protocol = Some(self.length);
    }

    #[inline(always)]
    pub fn space(&mut self, start: usize, end: usize) {
        self.push(Kind::Space, outline::SPACE, start, end, outline::SPACE.into());
    }

    #[inline(always)]
    pub fn mark(&mut self, start: usize, end: usize, byte: u8) {
        self.push(Kind::Mark, byte, start, end, byte.into());
    }

    #[inline(always)]
    pub fn word(&mut self, kind: Kind, start: usize, end: usize, hash: u64) {
        // There are never more words than atoms.
        if let Some(room) = self.words.get_mut(self.word_count)
            && self.length < MOST
        {
            *room = hash;
            self.word_count += 1;
        }
        self.push(kind, outline::WORD, start, end, hash);
    }

    #[inline(always)]
    fn push(&mut self, kind: Kind, stands_for: u8, start: usize, end: usize, hash: u64) {
        if let (Some(room), Some(outline)) = (self.atoms.get_mut(self.length), self.outline.get_mut(self.length)) {
            *room = Atom { kind, start: start as u32, end: end as u32, hash };
            *outline = stands_for;
            self.length += 1;
            self.recent = self.recent << 8 | u32::from(stands_for);
        }
    }

    /// Adds a value, or lengthens the value before it when only a separator stands between.
    #[inline(always)]
    pub fn value(&mut self, start: usize, end: usize) {
        let [_, third, second, last] = self.recent.to_be_bytes();
        let behind = if last == outline::VALUE {
            0
        } else if second == outline::VALUE && joins(last) {
            1
        } else if third == outline::VALUE && last == outline::SPACE && joins(second) {
            2
        } else {
            return self.push(Kind::Value, outline::VALUE, start, end, 0);
        };
        self.recent >>= 8 * behind;
        self.length = self.length.saturating_sub(behind);
        if let Some(value) = self.atoms.get_mut(self.length.wrapping_sub(1)) {
            value.end = end as u32;
        }
    }

    /// The octets of a hardware or network address may be letters only.
    pub fn ends_with_value_and_colon(&self) -> bool {
        matches!(self.recent.to_be_bytes(), [.., outline::VALUE, b':'])
    }

    pub fn ends_with_free_bracket(&self) -> bool {
        matches!(self.recent.to_be_bytes(), [.., outline::SPACE, b'('])
    }
}

#[expect(clippy::indexing_slicing, reason = "the compiler runs it")]
static JOINS: [bool; 256] = {
    let mut table = [false; 256];
    let mut rest: &[u8] = b" ,:;|&.";
    while let [separator, behind @ ..] = rest {
        table[*separator as usize] = true;
        rest = behind;
    }
    table
};

/// Whether values on both sides of it are one.
#[inline(always)]
pub(crate) fn joins(separator: u8) -> bool {
    JOINS.get(usize::from(separator)).copied().unwrap_or_default()
}
