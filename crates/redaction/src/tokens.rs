//! Secrets that are known by their own form: a prefix that nothing else has, and enough of the right characters.
//!
//! A token is taken to the end of its word, so nothing that stands right behind it makes it another word. What stands
//! right before it is ignored for the same reason, except where the prefix is short.

use crate::Family;
use crate::anchors::Found;
use crate::text::{Span, Text, is_word};
use crate::value;

/// The prefix at `start`, then at least `least` characters of the class; taken to the end of the word.
fn prefixed(
    text: &mut Text<'_>,
    start: usize,
    prefix: &[u8],
    least: usize,
    class: fn(u8) -> bool,
    family: Family,
) -> Option<Found> {
    let body = start + prefix.len();
    if start < text.floor || !text.starts_with(start, prefix) || text.skip(body, least, class) < body + least {
        return None;
    }
    let end = text.word_end(body);
    Some(Found { span: Span { start, end }, family })
}

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}
fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}
fn hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}
fn identifier(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

pub(crate) fn aws(text: &mut Text<'_>, at: usize) -> Option<Found> {
    let prefix = text.part(Span { start: at, end: at + 4 });
    prefixed(text, at, prefix, 16, upper, Family::Aws)
}

pub(crate) fn gcp(text: &mut Text<'_>, at: usize) -> Option<Found> {
    prefixed(text, at, b"AIza", 35, is_word, Family::Gcp)
}

/// Three characters, a digit, `Q~` and 31 or more.
pub(crate) fn azure_client_secret(text: &mut Text<'_>, at: usize) -> Option<Found> {
    let class = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'~');
    let start = text.skip_back(at + 1, 3, class);
    let body = at + 4;
    let end = text.skip(body, LONGEST, class);
    (start + 3 == at + 1 && end >= body + 31).then_some(Found { span: Span { start, end }, family: Family::Azure })
}

pub(crate) fn digital_ocean(text: &mut Text<'_>, at: usize) -> Option<Found> {
    let start = at.checked_sub(3)?;
    let prefix = text.part(Span { start, end: at + 4 });
    let known = matches!(prefix, b"dop_v1_" | b"doo_v1_" | b"dor_v1_");
    if known { prefixed(text, start, prefix, 64, hex, Family::DigitalOcean) } else { None }
}

pub(crate) fn github(text: &mut Text<'_>, at: usize) -> Option<Found> {
    let prefix = text.part(Span { start: at, end: at + 4 });
    prefixed(text, at, prefix, 36, alphanumeric, Family::Github)
}

/// `github_pat_` and Docker Hub's `dckr_pat_`, `dckr_oat_`.
pub(crate) fn personal_access(text: &mut Text<'_>, at: usize) -> Option<Found> {
    let github =
        at.checked_sub(6).and_then(|start| prefixed(text, start, b"github_pat_", 40, identifier, Family::Github));
    let docker = || {
        let start = at.checked_sub(4)?;
        let prefix = text.part(Span { start, end: at + 5 });
        let known = matches!(prefix, b"dckr_pat_" | b"dckr_oat_");
        if known { prefixed(text, start, prefix, 27, is_word, Family::DockerHub) } else { None }
    };
    github.or_else(docker)
}

/// `glpat-` and its kin: letters, a dash, and twenty or more.
pub(crate) fn gitlab(text: &mut Text<'_>, at: usize) -> Option<Found> {
    const PREFIXES: [&[u8]; 11] = [
        b"glpat-",
        b"gldt-",
        b"glrt-",
        b"glptt-",
        b"glft-",
        b"glsoat-",
        b"glcbt-",
        b"glimt-",
        b"glagent-",
        b"gloas-",
        b"glffct-",
    ];
    PREFIXES.iter().find_map(|prefix| prefixed(text, at, prefix, 20, is_word, Family::Gitlab))
}

pub(crate) fn bitbucket(text: &mut Text<'_>, at: usize) -> Option<Found> {
    prefixed(text, at, b"ATBB", 28, alphanumeric, Family::Atlassian)
}

pub(crate) fn atlassian(text: &mut Text<'_>, at: usize) -> Option<Found> {
    let prefix = if text.at(at + 2) == b'C' { b"ATCTT3xFf" } else { b"ATATT3xFf" };
    let found = prefixed(text, at, prefix, 60, is_word, Family::Atlassian)?;
    // A checksum follows the last `=`.
    let equals = text.at(found.span.end) == b'=';
    let end = if equals { text.skip(found.span.end + 1, 8, alphanumeric) } else { found.span.end };
    Some(Found { span: Span { end, ..found.span }, ..found })
}

pub(crate) fn slack(text: &mut Text<'_>, at: usize) -> Option<Found> {
    let dash = text.skip(at, 6, alphanumeric);
    // `xoxe.xoxp-` is one token of which the second half says enough.
    if text.at(dash) != b'-' {
        return None;
    }
    let end = text.word_end(at);
    let body = text.part(Span { start: dash, end });
    let enough = body.len() > 10 && body.iter().take(LONGEST).any(u8::is_ascii_digit);
    enough.then_some(Found { span: Span { start: at, end }, family: Family::Slack })
}

/// An account's number in base64, a time and a signature, with dots between.
pub(crate) fn discord(text: &mut Text<'_>, at: usize) -> Option<Found> {
    let id = text.word_end(at);
    if !(22..=30).contains(&(id - at)) || text.at(id) != b'.' {
        return None;
    }
    let time = text.word_end(id + 1);
    if !(6..=7).contains(&(time - id - 1)) || text.at(time) != b'.' {
        return None;
    }
    let end = text.word_end(time + 1);
    (end - time > 27).then_some(Found { span: Span { start: at, end }, family: Family::Discord })
}

/// A bot's number, a colon, and 35 characters that begin with `AA`.
pub(crate) fn telegram(text: &mut Text<'_>, at: usize) -> Option<Found> {
    let start = text.skip_back(at + 1, 12, |byte| byte.is_ascii_digit());
    let body = at + 2;
    let enough = at + 1 - start >= 8 && text.skip(body, 33, is_word) == body + 33;
    enough.then(|| Found { span: Span { start, end: text.word_end(body) }, family: Family::Telegram })
}

pub(crate) fn stripe(text: &mut Text<'_>, at: usize) -> Option<Found> {
    let prefix = text.part(Span { start: at, end: at + 8 });
    let known = matches!(prefix, b"sk_live_" | b"sk_test_" | b"rk_live_" | b"rk_test_");
    if known { prefixed(text, at, prefix, 16, alphanumeric, Family::Stripe) } else { None }
}

pub(crate) fn stripe_webhook(text: &mut Text<'_>, at: usize) -> Option<Found> {
    prefixed(text, at, b"whsec_", 24, alphanumeric, Family::Stripe)
}

pub(crate) fn twilio(text: &mut Text<'_>, at: usize) -> Option<Found> {
    prefixed(text, at, b"SK", 32, hex, Family::Twilio)
}

pub(crate) fn sendgrid(text: &mut Text<'_>, at: usize) -> Option<Found> {
    let dot = text.word_end(at + 3);
    if dot - at < 3 + 16 || text.at(dot) != b'.' || text.skip(dot + 1, 32, is_word) < dot + 33 {
        return None;
    }
    Some(Found { span: Span { start: at, end: text.word_end(dot + 1) }, family: Family::SendGrid })
}

pub(crate) fn npm(text: &mut Text<'_>, at: usize) -> Option<Found> {
    prefixed(text, at, b"npm_", 36, alphanumeric, Family::Npm)
}

pub(crate) fn pypi(text: &mut Text<'_>, at: usize) -> Option<Found> {
    prefixed(text, at, b"pypi-Ag", 50, is_word, Family::PyPi)
}

pub(crate) fn hugging_face(text: &mut Text<'_>, at: usize) -> Option<Found> {
    prefixed(text, at, b"hf_", 30, alphanumeric, Family::HuggingFace)
}

/// OpenAI's and Anthropic's keys, and OpenRouter's, all of which begin with `sk-`.
pub(crate) fn model_key(text: &mut Text<'_>, at: usize) -> Option<Found> {
    let named: [(&[u8], Family); 5] = [
        (b"sk-ant-", Family::Anthropic),
        (b"sk-proj-", Family::OpenAi),
        (b"sk-svcacct-", Family::OpenAi),
        (b"sk-admin-", Family::OpenAi),
        (b"sk-or-v1-", Family::OpenAi),
    ];
    let found = named.iter().find_map(|(prefix, family)| prefixed(text, at, prefix, 24, is_word, *family));
    found.or_else(|| {
        // The prefix is the end of many words, so the rest has to look random.
        let body = text.part(Span { start: at + 3, end: at + 3 + 32 });
        let found = prefixed(text, at, b"sk-", 32, alphanumeric, Family::OpenAi)?;
        let has = |class: fn(&u8) -> bool| body.iter().any(class);
        (has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)).then_some(found)
    })
}

pub(crate) fn google_access(text: &mut Text<'_>, at: usize) -> Option<Found> {
    prefixed(text, at, b"ya29.", 20, is_word, Family::GoogleOauth)
}

pub(crate) fn google_client_secret(text: &mut Text<'_>, at: usize) -> Option<Found> {
    prefixed(text, at, b"GOCSPX-", 24, is_word, Family::GoogleOauth)
}

pub(crate) fn google_refresh(text: &mut Text<'_>, at: usize) -> Option<Found> {
    let random = value::looks_random(text.part(Span { start: at + 3, end: at + 4 + 36 }));
    if random { prefixed(text, at, b"1//0", 36, is_word, Family::GoogleOauth) } else { None }
}

/// A header and a payload in base64url, and whatever parts follow: a signature, or the rest of an encrypted one.
pub(crate) fn jwt(text: &mut Text<'_>, at: usize) -> Option<Found> {
    const HEADER: usize = 12;
    let header = text.word_end(at);
    if header - at < HEADER || text.at(header) != b'.' {
        return None;
    }
    let payload = text.word_end(header + 1);
    if payload - header < HEADER || text.at(payload) != b'.' {
        return None;
    }
    let mut end = payload;
    while text.at(end) == b'.' && (is_word(text.at(end + 1)) || end == payload) {
        end = text.word_end(end + 1);
    }
    Some(Found { span: Span { start: at, end }, family: Family::Jwt })
}

/// Longest look ahead where a token's characters are not those of a word.
const LONGEST: usize = 512;
