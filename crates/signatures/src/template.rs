//! The text of a signature: constant pieces, and slots written `<*>`.

use crate::atoms::{Atom, Kind};
use crate::shape::Mask;

/// The longest template that is kept. Bytes of the line; what is behind is written as a slot.
const LONGEST: usize = 384;
/// The longest name that may turn out to be constant text. Bytes.
const LONGEST_NAME: usize = 24;
/// Stands for a slot in the kept text.
const SLOT: u8 = 0;
/// Stands for the next of the names.
const NAME: u8 = 1;
/// Written before a slot that begins with a server's status of failure.
const FAILURE: &[u8] = b"5xx ";
/// How a slot is written.
const WRITTEN: &[u8] = b"<*>";

#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Template {
    /// Without ASCII control characters, except the two that stand for slots and names.
    text: Box<[u8]>,
    names: Vec<Name>,
}

/// A value that reads like a name with a number in it (`jk2_init`, `u0`, `L1`, `tty2`). While it is the same in each
/// line it is constant text.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Name {
    /// Which of the line's values it is.
    ordinal: usize,
    /// Empty once it has differed.
    text: Box<[u8]>,
}

impl Template {
    /// `failure` is the place of the atom that begins with a server's status of failure, if there is one.
    pub fn new(line: &[u8], atoms: &[Atom], mask: Mask, failure: Option<usize>) -> Self {
        let (mut text, mut names) = (Vec::new(), Vec::new());
        let (mut word, mut value, mut length) = (0, 0, 0);
        for (place, atom) in atoms.iter().enumerate() {
            let content = atom.text(line);
            length += content.len().min(LONGEST_NAME);
            if length > LONGEST {
                text.push(SLOT);
                break;
            }
            match atom.kind {
                Kind::Value => {
                    if failure == Some(place) {
                        text.extend_from_slice(FAILURE);
                    }
                    if is_name(content) {
                        names.push(Name { ordinal: value, text: content.into() });
                        text.push(NAME);
                    } else {
                        text.push(SLOT);
                    }
                    value += 1;
                }
                Kind::Word | Kind::Dotted => {
                    word += 1;
                    if mask.has(word - 1) {
                        text.push(SLOT);
                    } else {
                        push_visible(&mut text, content);
                    }
                }
                Kind::Space => text.push(b' '),
                // Leader dots are a run; the quotes around a message have no place of their own.
                Kind::Mark if content.is_empty() => text.push(atom.hash as u8),
                Kind::Mark => push_visible(&mut text, content),
            }
        }
        Self { text: text.into(), names }
    }

    /// Compares the names with those of a further line of the same skeleton.
    #[inline]
    pub fn compare(&mut self, line: &[u8], atoms: &[Atom]) {
        if !self.names.is_empty() {
            self.compare_names(line, atoms);
        }
    }

    fn compare_names(&mut self, line: &[u8], atoms: &[Atom]) {
        for name in self.names.iter_mut().filter(|name| !name.text.is_empty()) {
            let value = atoms.iter().filter(|atom| atom.kind == Kind::Value).nth(name.ordinal);
            if value.is_none_or(|atom| atom.text(line) != &*name.text) {
                name.text = Box::default();
            }
        }
    }

    /// The template's text. What was not UTF-8 is replaced, control characters are spaces.
    pub fn render(&self) -> String {
        let mut out = Vec::with_capacity(self.text.len() + 16);
        let mut names = self.names.iter();
        for &byte in &self.text {
            match byte {
                SLOT => out.extend_from_slice(WRITTEN),
                NAME => match names.next() {
                    Some(name) if !name.text.is_empty() => out.extend_from_slice(&name.text),
                    _ => out.extend_from_slice(WRITTEN),
                },
                _ => out.push(byte),
            }
        }
        String::from_utf8_lossy(&out).chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
    }
}

fn push_visible(text: &mut Vec<u8>, content: &[u8]) {
    let room = LONGEST.saturating_sub(text.len());
    text.extend(content.iter().take(room).map(|&byte| if byte.is_ascii_control() { b' ' } else { byte }));
}

/// Letters, one or two digits, perhaps letters again.
fn is_name(text: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let head = text.iter().take_while(|byte| letter(byte)).count();
    let digits = text.iter().skip(head).take_while(|byte| byte.is_ascii_digit()).count();
    let tail = text.iter().skip(head + digits).all(letter);
    text.len() <= LONGEST_NAME && head >= 1 && (1..=2).contains(&digits) && tail
}
