//! Secrets inside of addresses.

use crate::Family;
use crate::anchors::Found;
use crate::text::{Span, Text};
use crate::value;

/// Longest user and password in an address.
const USER: usize = 512;

/// The password of `scheme://user:password@host`, from its `://`.
pub(crate) fn password(text: &mut Text<'_>, at: usize) -> Option<Found> {
    let start = at + 3;
    let end = text.skip(start, USER, |byte| {
        !matches!(byte, 0..=b' ' | b'/' | b'?' | b'#' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\')
    });
    if (start..end).any(|place| text.is_mark(place)) {
        return None;
    }
    let authority = text.part(Span { start, end });
    let host = authority.iter().rposition(|byte| *byte == b'@')?;
    let colon = authority.iter().take(host).position(|byte| *byte == b':')?;
    let span = Span { start: start + colon + 1, end: start + host };
    let secret = !value::is_placeholder(text.part(span));
    secret.then_some(Found { span, family: Family::UrlPassword })
}

/// The secret part of the address of a Slack or Discord webhook, from the `hook` in it.
pub(crate) fn webhook(text: &mut Text<'_>, at: usize) -> Option<Found> {
    let slack: [&[u8]; 3] = [b"hooks.slack.com/services/", b"hooks.slack.com/workflows/", b"hooks.slack.com/triggers/"];
    if let Some(prefix) = slack.iter().find(|prefix| text.starts_with_fold(at, prefix)) {
        let start = at + prefix.len();
        let end = text.skip(start, USER, |byte| byte.is_ascii_alphanumeric() || byte == b'/');
        return (end - start >= 20).then_some(Found { span: Span { start, end }, family: Family::Slack });
    }
    let id = at + b"hooks/".len();
    if !text.starts_with_fold(at, b"hooks/") {
        return None;
    }
    let slash = text.skip(id, 24, |byte| byte.is_ascii_digit());
    let start = slash + 1;
    if slash - id < 15 || text.at(slash) != b'/' {
        return None;
    }
    let end = text.word_end(start);
    (end >= start + 40).then_some(Found { span: Span { start, end }, family: Family::Discord })
}
