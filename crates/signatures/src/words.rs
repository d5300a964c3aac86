//! What a word's letters and its neighbours say of how likely it is to be constant text.

use crate::atoms::{Atom, Kind};
use crate::shape::{MOST_WORDS, Mask};

/// Different words that must have stood at a place before it is a slot. Two and three are alternatives of the
/// program (`true`, `false`; `GET`, `POST`, `DELETE`); the fourth makes it a name.
const NAMES: usize = 4;
/// Dotted names are seldom alternatives.
pub(crate) const DOTTED_NAMES: usize = 3;
/// The first word of a message says who speaks or what happened.
const FIRST_WORDS: usize = 24;
/// Marks without which a line needs a constant word to be known by.
const TELLING_MARKS: usize = 6;

/// The words of one line, and what can be said of them.
pub(crate) struct Words<'a> {
    line: &'a [u8],
    atoms: &'a [Atom],
    /// Places of the words among the atoms.
    places: Vec<usize>,
}

impl<'a> Words<'a> {
    pub fn new(line: &'a [u8], atoms: &'a [Atom]) -> Self {
        let places = atoms.iter().enumerate().filter(|(_, atom)| atom.is_word()).take(MOST_WORDS);
        Self { line, atoms, places: places.map(|(place, _)| place).collect() }
    }

    fn iter(&self) -> impl Iterator<Item = (usize, &'a Atom)> {
        self.places.iter().filter_map(|&place| self.atoms.get(place)).enumerate()
    }

    /// The words of three or more dotted parts.
    pub fn dotted(&self) -> Mask {
        self.iter().filter(|(_, atom)| atom.kind == Kind::Dotted).map(|(ordinal, _)| ordinal).collect()
    }

    /// The words that hold a dot inside (`zummit.com`).
    pub fn named(&self) -> Mask {
        self.iter().filter(|(_, atom)| has_inner_dot(atom.text(self.line))).map(|(ordinal, _)| ordinal).collect()
    }

    /// How many different words must have stood at this place before it is a slot.
    pub fn need(&self, ordinal: usize) -> usize {
        let Some((&place, atom)) = self.places.get(ordinal).and_then(|place| Some((place, self.atoms.get(*place)?)))
        else {
            return usize::MAX;
        };
        match atom.kind {
            Kind::Dotted => DOTTED_NAMES,
            _ if place == 0 => FIRST_WORDS,
            _ if is_participle(atom.text(self.line)) => 2 * NAMES,
            _ if introduces_a_name(self.before(place)) => NAMES - 1,
            _ => NAMES,
        }
    }

    /// Whether enough is constant, when the words of `mask` are not, to know the line by.
    pub fn tell(&self, mask: Mask) -> bool {
        let constant = |(ordinal, atom): (usize, &Atom)| {
            !mask.has(ordinal) && atom.kind == Kind::Word && atom.end - atom.start > 1
        };
        self.iter().any(constant) || self.atoms.iter().filter(|atom| atom.kind == Kind::Mark).count() >= TELLING_MARKS
    }

    /// The word before the atom at `place`, when only a space stands between.
    fn before(&self, place: usize) -> &'a [u8] {
        match self.atoms.get(..place) {
            Some([.., word, space]) if word.is_word() && space.kind == Kind::Space => word.text(self.line),
            _ => &[],
        }
    }
}

/// English participles (`started`, `running`) tell what happened; they are seldom names.
fn is_participle(word: &[u8]) -> bool {
    word.len() > 4 && (word.ends_with(b"ed") || word.ends_with(b"ing"))
}

fn has_inner_dot(word: &[u8]) -> bool {
    word.windows(3).any(|part| matches!(part, [a, b'.', b] if a.is_ascii_alphanumeric() && b.is_ascii_alphanumeric()))
}

/// Nouns of operations after which a name is expected.
fn introduces_a_name(word: &[u8]) -> bool {
    const NOUNS: [&[u8]; 24] = [
        b"account",
        b"container",
        b"database",
        b"device",
        b"domain",
        b"group",
        b"host",
        b"image",
        b"interface",
        b"job",
        b"namespace",
        b"network",
        b"node",
        b"pod",
        b"project",
        b"queue",
        b"role",
        b"service",
        b"table",
        b"tenant",
        b"topic",
        b"user",
        b"volume",
        b"zone",
    ];
    NOUNS.contains(&word)
}
