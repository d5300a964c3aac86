//! Secrets in HTTP headers: `Authorization`, `Cookie`, `Set-Cookie`.

use crate::Family;
use crate::anchors::Found;
use crate::text::{Span, Text, is_word};
use crate::{mark, pairs, value};

/// Shortest credentials that stand without the name of their header.
const SHORTEST: usize = 16;

/// `Bearer <token>` anywhere.
pub(crate) fn bearer(text: &mut Text<'_>, at: usize) -> Option<Found> {
    scheme(text, at, b"bearer")
}

/// `Basic <base64>` anywhere.
pub(crate) fn basic(text: &mut Text<'_>, at: usize) -> Option<Found> {
    scheme(text, at, b"basic")
}

fn scheme(text: &mut Text<'_>, at: usize, name: &[u8]) -> Option<Found> {
    let start = text.skip(at + name.len(), 4, |byte| byte == b' ');
    if !text.starts_with_fold(at, name) || start == at + name.len() || is_word(text.before(at)) {
        return None;
    }
    let span = credentials(text, start);
    let secret = span.end - span.start >= SHORTEST && value::looks_made(text.part(span));
    secret.then_some(Found { span, family: Family::Authorization })
}

fn credentials(text: &mut Text<'_>, start: usize) -> Span {
    let end = text.value_end(start);
    let last =
        text.part(Span { start, end }).iter().rposition(|byte| !matches!(byte, b',' | b';' | b')' | b']' | b'}'));
    Span { start, end: last.map_or(start, |last| start + last + 1) }
}

/// The credentials in an `Authorization` header, however it is written.
pub(crate) fn authorization(text: &mut Text<'_>, at: usize) -> Option<Found> {
    const NAME: &[u8] = b"authorization";
    if !text.starts_with_fold(at, NAME) {
        return None;
    }
    let (start, _) = pairs::value_of(text, at + NAME.len())?;
    let name_end = text.skip(start, 24, is_word);
    let next = text.skip(name_end, 4, |byte| byte == b' ');
    let name = text.part(Span { start, end: name_end }).to_ascii_lowercase();
    let span = match name.as_slice() {
        b"bearer" | b"basic" | b"token" | b"apikey" | b"api-key" | b"key" | b"negotiate" | b"ntlm"
            if next > name_end =>
        {
            credentials(text, next)
        }
        // Their parameters are many, and more than one of them is a secret.
        b"digest" | b"aws4-hmac-sha256" | b"hawk" | b"oauth" | b"signature" if next > name_end => {
            Span { start: next, end: text.skip(next, PARAMETERS, |byte| !matches!(byte, b'\n' | b'\r')) }
        }
        _ => {
            let span = credentials(text, start);
            return value::looks_made(text.part(span)).then_some(Found { span, family: Family::Authorization });
        }
    };
    let secret = !value::is_placeholder(text.part(span)) && !text.is_mark(span.start);
    secret.then_some(Found { span, family: Family::Authorization })
}

/// Longest parameters of an `Authorization` header.
const PARAMETERS: usize = 4096;

/// The first secret in a `Cookie` or `Set-Cookie` header; [`next_cookie`] gives those behind it.
pub(crate) fn cookie(text: &mut Text<'_>, at: usize) -> Option<Found> {
    let end = text.skip(at, 8, |byte| byte.is_ascii_alphabetic());
    let name = text.part(Span { start: at, end });
    if !name.eq_ignore_ascii_case(b"cookie") && !name.eq_ignore_ascii_case(b"cookies") {
        return None;
    }
    let (start, _) = pairs::value_of(text, end)?;
    let found = secret_cookie(text, start);
    text.in_cookies = found.is_some();
    found
}

/// The first secret among the pairs after the one that `place` is in.
pub(crate) fn next_cookie(text: &mut Text<'_>, place: usize) -> Option<Found> {
    let place = pair_end(text, place);
    secret_cookie(text, place)
}

/// The end of a pair, whose rest can be a date with spaces in it.
fn pair_end(text: &Text<'_>, place: usize) -> usize {
    text.skip(place, 64, |byte| !matches!(byte, 0..=0x1f | b';' | b'"' | b'\'' | b'[' | b'='))
}

/// The first secret among the `name=value` pairs from `place` on.
fn secret_cookie(text: &mut Text<'_>, place: usize) -> Option<Found> {
    /// Most pairs that are passed over.
    const PAIRS: usize = 64;
    let mut place = place;
    for _ in 0..PAIRS {
        let start = text.skip(place, 4, |byte| matches!(byte, b';' | b' '));
        let name = text.skip(start, 128, is_cookie);
        if name == start || text.at(name) != b'=' {
            return None;
        }
        let span = Span { start: name + 1, end: cookie_end(text, name + 1) };
        let whole = !text.is_mark(span.end);
        if whole && !is_attribute(text.part(Span { start, end: name })) && value::looks_made(text.part(span)) {
            return Some(Found { span, family: Family::Cookie });
        }
        let passed = mark::length(text.from(span.end)).map_or(span.end, |mark| span.end + mark);
        place = pair_end(text, passed);
    }
    None
}

fn cookie_end(text: &Text<'_>, start: usize) -> usize {
    let end = text.skip(start, 4096, |byte| byte == b'=' || byte == b'[' || is_cookie(byte));
    let brackets = (start..end).find(|place| text.is_mark(*place));
    brackets.unwrap_or(end)
}

fn is_cookie(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b';' | b',' | b'"' | b'\'' | b'\\' | b'=' | b'[' | b']')
}

/// What a `Set-Cookie` says about its cookie.
fn is_attribute(name: &[u8]) -> bool {
    let names = ["path", "domain", "expires", "max-age", "samesite", "version"];
    names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}
