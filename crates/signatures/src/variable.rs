//! The variables of a line: where its slots' contents are, and what they look like.

use std::ops::Range;

use crate::atoms::{Atom, Kind};
use crate::shape::Mask;

/// What the content of a slot looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VariableKind {
    Integer,
    Decimal,
    Hexadecimal,
    Uuid,
    /// An IPv4 address.
    Address,
    /// A path or a URL.
    Path,
    /// Letters only.
    Word,
    /// Anything else, and several values with separators between.
    Text,
}

/// The content of one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Where it stands in the line. Bytes.
    pub range: Range<usize>,
    pub kind: VariableKind,
}

pub(crate) fn variables(line: &[u8], atoms: &[Atom], mask: Mask) -> impl Iterator<Item = Variable> {
    let mut word = 0;
    atoms.iter().filter_map(move |atom| {
        let slot = match atom.kind {
            Kind::Value => true,
            Kind::Word | Kind::Dotted => {
                word += 1;
                mask.has(word - 1)
            }
            Kind::Space | Kind::Mark => false,
        };
        slot.then(|| Variable { range: atom.start as usize..atom.end as usize, kind: kind_of(atom.text(line)) })
    })
}

fn kind_of(text: &[u8]) -> VariableKind {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let hexadecimal = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_hexdigit);
    let parts = |mark: u8| text.split(move |&byte| byte == mark);
    if digits(unsigned) {
        VariableKind::Integer
    } else if unsigned.iter().filter(|&&byte| byte == b'.').count() == 1
        && unsigned.split(|&byte| byte == b'.').all(digits)
    {
        VariableKind::Decimal
    } else if text.len() == 36 && parts(b'-').map(<[u8]>::len).eq([8, 4, 4, 4, 12]) && parts(b'-').all(hexadecimal) {
        VariableKind::Uuid
    } else if parts(b'.').count() == 4 && parts(b'.').all(|part| digits(part) && part.len() <= 3) {
        VariableKind::Address
    } else if hexadecimal(text.strip_prefix(b"0x").unwrap_or(text)) {
        VariableKind::Hexadecimal
    } else if text.starts_with(b"/") || text.windows(3).any(|part| part == b"://") {
        VariableKind::Path
    } else if text.iter().all(u8::is_ascii_alphabetic) {
        VariableKind::Word
    } else {
        VariableKind::Text
    }
}
