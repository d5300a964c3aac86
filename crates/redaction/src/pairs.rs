//! Secrets that are known by their key: `key=value`, `"key": "value"`, `key: value`, `--key value`, `<key>value</key>`,
//! query parameters, and `PASSWORD 'value'` of SQL.
//!
//! How sure a key is decides how much its value must look like a secret. A key counts when it ends in one of the words
//! below, whatever stands before, in any case and with any of `_`, `-` and `.` between: `DB_PASSWORD`, `x-api-key`,
//! `clientSecret`.

use crate::Family;
use crate::anchors::Found;
use crate::text::{Span, Text, is_word};
use crate::value;

/// How sure a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    /// Whatever is no placeholder is a secret.
    Strong,
    /// The same, but for numbers and paths: `pass=3`, `PWD=/srv`.
    Likely,
    /// The value must not be a word or a number; an id is taken for a secret.
    Made,
    /// The value must look random, which ids do not.
    Random,
}

struct Word {
    text: &'static [u8],
    /// What the word must be in a longer key.
    part: Part,
    grade: Grade,
    family: Family,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The end of it: `mypassword`.
    End,
    /// A word of its own: `api_key` and `apiKey`, not `monkey`.
    Whole,
}

const fn word(text: &'static [u8], part: Part, grade: Grade, family: Family) -> Word {
    Word { text, part, grade, family }
}

/// The more particular before the more general.
const WORDS: [Word; 40] = {
    use Family::{Key, Password, Secret, Session, Token};
    use Grade::{Likely, Made, Random, Strong};
    use Part::{End, Whole};
    [
        word(b"password", End, Strong, Password),
        word(b"passwd", End, Strong, Password),
        word(b"passphrase", End, Strong, Password),
        word(b"passcode", End, Strong, Password),
        word(b"pass", Whole, Likely, Password),
        word(b"pwd", Whole, Likely, Password),
        word(b"secret", End, Strong, Secret),
        word(b"credential", End, Made, Secret),
        word(b"credentials", End, Made, Secret),
        word(b"cred", Whole, Made, Secret),
        word(b"creds", Whole, Made, Secret),
        word(b"apikey", End, Strong, Key),
        word(b"accesskey", End, Strong, Key),
        word(b"secretkey", End, Strong, Key),
        word(b"privatekey", End, Strong, Key),
        word(b"accountkey", End, Strong, Key),
        word(b"storagekey", End, Strong, Key),
        word(b"signingkey", End, Strong, Key),
        word(b"encryptionkey", End, Strong, Key),
        word(b"masterkey", End, Strong, Key),
        word(b"accesstoken", End, Made, Token),
        word(b"refreshtoken", End, Made, Token),
        word(b"authtoken", End, Made, Token),
        word(b"apitoken", End, Made, Token),
        word(b"bearertoken", End, Made, Token),
        word(b"idtoken", Whole, Made, Token),
        word(b"securitytoken", End, Made, Token),
        word(b"sessiontoken", End, Made, Session),
        word(b"sessionid", End, Made, Session),
        word(b"sessid", End, Made, Session),
        word(b"xamzsignature", End, Made, Key),
        word(b"xgoogsignature", End, Made, Key),
        word(b"sig", Whole, Made, Key),
        word(b"signature", Whole, Random, Key),
        word(b"session", Whole, Random, Session),
        word(b"sid", Whole, Random, Session),
        word(b"token", Whole, Random, Token),
        word(b"jwt", Whole, Random, Token),
        word(b"auth", Whole, Random, Token),
        word(b"key", Whole, Random, Key),
    ]
};

/// Longest key.
const KEY: usize = 64;
/// Most white space around the sign between key and value.
const GAP: usize = 4;

/// The value behind the key that has an anchor at `at`.
pub(crate) fn secret(text: &mut Text<'_>, at: usize) -> Option<Found> {
    let key = Span { start: at, end: text.skip(at, KEY, is_key) };
    // Most words of a text are followed by no sign, so this is asked first.
    let place = follow(text, key.end)?;
    let (word, start) = known(text, key)?;
    let value = match place {
        Place::Behind(sign) => behind(text, sign)?,
        Place::Apart(next) => apart(text, start, next, word)?,
        Place::Within(next) if text.before(start) == b'<' || text.before(start) == b':' => until(text, next, b'<'),
        Place::Within(_) => return None,
    };
    let secret = is_secret(text, value, word.grade);
    secret.then_some(Found { span: value, family: word.family })
}

fn is_key(byte: u8) -> bool {
    is_word(byte) || byte == b'.'
}

/// The word that the key ends in, and where the key begins.
fn known(text: &Text<'_>, key: Span) -> Option<(&'static Word, usize)> {
    let lowest = text.skip_back(key.start, KEY, is_key);
    let fits = |word: &Word| {
        let start = ending(text, lowest, key.end, word.text)?;
        let whole = start == lowest
            || !text.at(start - 1).is_ascii_alphanumeric()
            || !text.at(start - 1).is_ascii_uppercase() && text.at(start).is_ascii_uppercase();
        // The anchor must be in the word, or another word of the key is meant.
        (key.start < key.end && start <= key.start + 3 && (whole || word.part == Part::End)).then_some(())
    };
    let word = WORDS.iter().find(|word| fits(word).is_some())?;
    Some((word, lowest))
}

/// Where the word begins that the key ends in, its separators left out.
fn ending(text: &Text<'_>, lowest: usize, end: usize, word: &[u8]) -> Option<usize> {
    let mut place = end;
    for letter in word.iter().rev() {
        while place > lowest && matches!(text.at(place - 1), b'_' | b'-' | b'.') {
            place -= 1;
        }
        if place == lowest || text.at(place - 1).to_ascii_lowercase() != *letter {
            return None;
        }
        place -= 1;
    }
    Some(place)
}

/// Where a value can be.
enum Place {
    /// After a sign that ends here.
    Behind(usize),
    /// After white space that ends here.
    Apart(usize),
    /// Between the tags of XML.
    Within(usize),
}

/// What follows a key: closing quotes and brackets, then a sign.
fn follow(text: &Text<'_>, end: usize) -> Option<Place> {
    let closed = text.skip(end, 8, |byte| matches!(byte, b'\\' | b'"' | b'\'' | b'`' | b']' | b')'));
    let sign = text.skip(closed, GAP, |byte| matches!(byte, b' ' | b'\t'));
    match (text.at(sign), text.at(sign + 1)) {
        (b':', b':' | b'/') => None,
        (b':', b'=') | (b'=', b'=' | b'>') => Some(Place::Behind(sign + 2)),
        (b':' | b'=', _) => Some(Place::Behind(sign + 1)),
        (b'%', b'3') if matches!(text.at(sign + 2), b'D' | b'd' | b'A' | b'a') => Some(Place::Behind(sign + 3)),
        (b'>', _) if sign == end => Some(Place::Within(sign + 1)),
        _ if sign > closed => Some(Place::Apart(sign)),
        _ => None,
    }
}

/// Where the value of the key that ends at `end` begins, and the quote that it ends by.
pub(crate) fn value_of(text: &Text<'_>, end: usize) -> Option<(usize, Option<u8>)> {
    let Place::Behind(sign) = follow(text, end)? else { return None };
    let start = text.skip(sign, GAP, |byte| matches!(byte, b' ' | b'\t'));
    Some(quotes(text, start).map_or((start, None), |(open, quote)| (open, Some(quote))))
}

fn behind(text: &mut Text<'_>, sign: usize) -> Option<Span> {
    let start = text.skip(sign, GAP, |byte| matches!(byte, b' ' | b'\t'));
    let quoted = quotes(text, start);
    match quoted {
        Some((open, quote)) => Some(until(text, open, quote)),
        None => Some(Span { start, end: bare_end(text, start) }),
    }
}

/// A flag's value, or a quoted one of SQL.
fn apart(text: &mut Text<'_>, key: usize, next: usize, word: &Word) -> Option<Span> {
    let sql = word.grade == Grade::Strong && text.at(next) == b'\'';
    let flag = text.at(key) == b'-' && matches!(text.before(key), 0 | b' ' | b'\t' | b'"' | b'\'' | b'[' | b'(' | b'=');
    if !sql && (!flag || text.at(next) == b'-') {
        return None;
    }
    behind(text, next)
}

/// Where a quoted value begins, and by what it ends. The quote may be escaped, and be the first of a list.
fn quotes(text: &Text<'_>, start: usize) -> Option<(usize, u8)> {
    let start = if text.at(start) == b'[' && !text.is_mark(start) { start + 1 } else { start };
    let quote = text.skip(start, 8, |byte| byte == b'\\');
    let kind = text.at(quote);
    matches!(kind, b'"' | b'\'' | b'`').then_some((quote + 1, kind))
}

/// Up to the closing quote, the end of the line, or a mark. Inside of escaped quotes an escape ends it as well.
fn until(text: &Text<'_>, start: usize, close: u8) -> Span {
    let escaped = start >= 2 && text.at(start - 2) == b'\\';
    let mut end = start;
    while end < text.len() {
        let byte = text.at(end);
        if byte == close || matches!(byte, b'\n' | b'\r') || escaped && byte == b'\\' || text.is_mark(end) {
            break;
        }
        end += if byte == b'\\' { 2 } else { 1 };
    }
    Span { start, end: end.min(text.len()) }
}

/// The end of a value without quotes. A comma, a semicolon or a bracket ends it unless more of it seems to follow.
fn bare_end(text: &mut Text<'_>, start: usize) -> usize {
    let end = text.value_end(start);
    let closing = |place: &usize| matches!(text.at(*place), b',' | b';' | b')' | b']' | b'}' | b'|' | b'&');
    let bounded = start + end.saturating_sub(start).min(CLOSING);
    (start..bounded).filter(closing).find(|place| ends_value(text, *place, end)).unwrap_or(end)
}

/// How far a value without quotes is searched for what ends it.
const CLOSING: usize = 256;

fn ends_value(text: &Text<'_>, place: usize, end: usize) -> bool {
    let next = text.skip(place, 8, |byte| matches!(byte, b',' | b';' | b')' | b']' | b'}' | b'|' | b'&'));
    let key = text.skip(next, KEY, is_key);
    next >= end || key > next && (matches!(text.at(key), b'=' | b':') || text.is_mark(key))
}

fn is_secret(text: &mut Text<'_>, span: Span, grade: Grade) -> bool {
    let value = text.part(span);
    // What was cut by a mark was judged before the mark was there.
    let run = text.value_end(span.start);
    let cut = text.is_mark(span.end) || text.is_mark(run);
    match grade {
        Grade::Strong => !value::is_placeholder(value),
        Grade::Likely => !value::is_placeholder(value) && !value::is_number(value) && !value::is_path(value),
        Grade::Made => !cut && value::looks_made(value),
        Grade::Random => !cut && value::looks_random(value),
    }
}
