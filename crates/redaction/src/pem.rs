//! Private keys in PEM: between `-----BEGIN ... PRIVATE KEY-----` and its end, within one text or over many lines.
//!
//! The lines that open and close a block are left; they tell what was there.

use crate::Family;
use crate::anchors::Found;
use crate::text::{Span, Text};

const DASHES: &[u8] = b"-----";
const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
/// Longest label between `BEGIN ` and the dashes.
const LABEL: usize = 64;
/// Longest body of a block: a 16384-bit RSA key has 13 KB, before escapes.
const BODY: usize = 65_536;
/// Shortest run of base64 that is taken for a key's body.
const RUN: usize = 16;

/// The body of the block whose `BEGIN` is at `at`. When the text ends before the block does, the text says so.
pub(crate) fn block(text: &mut Text<'_>, at: usize) -> Option<Found> {
    let opening = at.checked_sub(DASHES.len())?;
    if opening < text.floor || !text.starts_with(opening, BEGIN) {
        return None;
    }
    let label = at + b"BEGIN ".len();
    let label_end = text.skip(label, LABEL, |byte| byte != b'-');
    let named = find(text.part(Span { start: label, end: label_end }), b"PRIVATE KEY").is_some();
    if !named || !text.starts_with(label_end, DASHES) {
        return None;
    }
    let start = skip_breaks(text, label_end + DASHES.len());
    let extent = extent(text, start);
    text.block_is_open = extent.closed_at.is_none();
    // A block with a mark in it was looked at before the mark was there.
    if (start..extent.end).any(|place| text.is_mark(place)) {
        return None;
    }
    let end = extent.closed_at.unwrap_or_else(|| text.skip(start, BODY, |byte| is_base64(byte) || is_break(byte)));
    let is_body = extent.closed_at.is_some() || end - start >= RUN;
    (is_body && end > start).then_some(Found { span: Span { start, end }, family: Family::PrivateKey })
}

/// How far a block can reach: to its end, to another block, or to the end of the text.
struct Extent {
    end: usize,
    closed_at: Option<usize>,
}

fn extent(text: &Text<'_>, start: usize) -> Extent {
    let most = text.len().min(start + BODY);
    let body = text.part(Span { start, end: most });
    let mut from = 0;
    while let Some(found) = find(body.get(from..).unwrap_or_default(), DASHES) {
        let place = start + from + found;
        if text.starts_with(place, END) {
            return Extent { end: place, closed_at: Some(place) };
        }
        if text.starts_with(place, BEGIN) {
            return Extent { end: place, closed_at: None };
        }
        from += found + 1;
    }
    Extent { end: most.max(start), closed_at: None }
}

/// Over line ends, written out or as `\n`.
fn skip_breaks(text: &Text<'_>, mut place: usize) -> usize {
    loop {
        let byte = text.at(place);
        if byte == b'\\' && matches!(text.at(place + 1), b'n' | b'r') {
            place += 2;
        } else if matches!(byte, b'\n' | b'\r' | b' ' | b'\t') || byte == b'\\' && text.at(place + 1) == b'\\' {
            place += 1;
        } else {
            return place;
        }
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

fn is_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r' | b'\\')
}

pub(crate) fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// What one line within a block holds of the key.
pub(crate) struct Inside {
    pub secrets: Vec<Span>,
    /// Where the block ends, and usual text begins.
    pub closed_at: Option<usize>,
}

/// Looks at one line within a block. Lines of others can stand between those of the key, and each line can have
/// something before it, so only what has the form of a key's body counts.
pub(crate) fn inside(line: &[u8]) -> Inside {
    let closed_at = find(line, END);
    let text = Text::new(line.get(..closed_at.unwrap_or(line.len())).unwrap_or_default());
    let start = text.skip(0, usize::MAX, |byte| byte.is_ascii_whitespace());
    let end = body_end(&text, start);
    let alone = text.skip(end, usize::MAX, |byte| byte.is_ascii_whitespace()) == text.len();
    let secrets = if alone && end > start && (end - start >= RUN || (end - start).is_multiple_of(4)) {
        vec![Span { start, end }]
    } else {
        runs(&text)
    };
    Inside { secrets, closed_at }
}

/// The end of a run of base64, whose padding can only be last.
fn body_end(text: &Text<'_>, start: usize) -> usize {
    let end = text.skip(start, usize::MAX, |byte| byte != b'=' && is_base64(byte));
    text.skip(end, 2, |byte| byte == b'=')
}

/// The runs of base64 that are as long as a line of a body.
fn runs(text: &Text<'_>) -> Vec<Span> {
    const LINE: usize = 40;
    let mut runs = Vec::new();
    let mut place = 0;
    while place < text.len() {
        let end = body_end(text, place);
        if end - place >= LINE {
            runs.push(Span { start: place, end });
        }
        place = end + 1;
    }
    runs
}
