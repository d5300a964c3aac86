//! Credentials out of text, before the text is stored anywhere.
//!
//! ```
//! use overseer_redaction::{CorrelationKey, Redactor};
//!
//! let redactor = Redactor::new(CorrelationKey::new(&[7; 32]));
//! let line = redactor.redact(b"connecting to postgres://shop:hunter2@db:5432/shop");
//! assert!(line.starts_with(b"connecting to postgres://shop:[redacted:url-password:"));
//! assert!(line.ends_with(b"]@db:5432/shop"));
//! ```
//!
//! Each secret becomes `[redacted:<family>:<8 hex>]`. The digits are a keyed hash: the same secret always gives the same
//! ones, so that a leaked token can be followed through the logs without being in them.
//!
//! # What is promised
//! - Any bytes are taken; nothing panics, and the time is linear in their number.
//! - Text without a secret comes back as it is, borrowed. That costs about as much as reading it.
//! - Redacting again changes nothing.
//! - The result is at most eight times as long as the text.
//!
//! # What is not
//! A secret that has neither a form of its own nor a key before it is not known as one, and there are keys and forms that
//! are not in the table below. What is known by its key alone can be something else: `password: hunter2` is redacted
//! whatever it means. Ids are kept, also random ones: UUIDs, trace ids, digests, unless a key such as `api_key` names
//! them. A secret that is cut by a line end is only known as far as its part in one line tells, except for the lines of a
//! private key, see [`Redactor::redact_line`].
#![doc = include_str!("../families.md")]

mod anchors;
mod family;
mod filter;
mod headers;
mod key;
mod mark;
mod pairs;
mod pem;
mod stream;
mod text;
mod tokens;
mod urls;
mod value;

use std::borrow::Cow;

pub use family::Family;
pub use key::CorrelationKey;
pub use stream::Block;

use anchors::{Found, Kind};
use filter::{Filter, Hit, Hits};
use text::{Span, Text};

/// Bytes of an anchor.
const WINDOW: usize = 4;

/// Finds secrets and puts marks in their place. Made once and used by any number of threads.
pub struct Redactor {
    key: CorrelationKey,
    filter: Filter,
}

impl Redactor {
    #[must_use]
    pub fn new(key: CorrelationKey) -> Self {
        Self { key, filter: Filter::new(&anchors::all()) }
    }

    /// The text without its secrets; the text itself when there are none.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        self.redact_text(&mut Text::new(text), text)
    }

    fn redact_text<'a>(&self, text: &mut Text<'_>, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let mut hits = Hits::new(&self.filter);
        let (mut out, mut copied) = (Vec::new(), 0);
        while let Some(hit) = hits.next(bytes) {
            text.in_cookies = false;
            let mut found = self.look(text, hit);
            while let Some(Found { span, family }) = found {
                out.extend_from_slice(bytes.get(copied..span.start).unwrap_or_default());
                let secret = text.part(span);
                mark::write(&mut out, &self.key, self.form_of(secret).unwrap_or(family), secret);
                copied = span.end;
                text.floor = span.end;
                found = self.next_cookie(text);
            }
            if text.floor > hit.at {
                hits.jump(text.floor);
            }
        }
        if copied == 0 {
            return Cow::Borrowed(bytes);
        }
        out.extend_from_slice(bytes.get(copied..).unwrap_or_default());
        Cow::Owned(out)
    }

    /// Whether what passed the filter is a secret. A mark that is there already is passed over.
    fn look(&self, text: &mut Text<'_>, hit: Hit) -> Option<Found> {
        let four = text.four(hit.at);
        for anchor in self.filter.bucket(hit.bucket).iter().filter(|anchor| anchor.fits(four)) {
            let found = match anchor.kind {
                Kind::Form(verify) => verify(text, hit.at),
                Kind::Context(verify) => verify(text, hit.at).map(|found| self.earliest(text, hit.at, found)),
                Kind::Mark => {
                    text.floor = mark::length(text.from(hit.at)).map_or(text.floor, |mark| hit.at + mark);
                    None
                }
            };
            let found = found.filter(|found| found.span.start >= text.floor && found.span.start < found.span.end);
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// The next secret of a header of cookies, when the last find was in one.
    fn next_cookie(&self, text: &mut Text<'_>) -> Option<Found> {
        let from = text.floor;
        let next = if text.in_cookies { headers::next_cookie(text, from) } else { None };
        next.map(|next| self.earliest(text, from, next))
    }

    /// What was found by its context, or a secret that begins before it.
    fn earliest(&self, text: &mut Text<'_>, from: usize, mut found: Found) -> Found {
        let bytes = text.part(Span { start: 0, end: found.span.start + WINDOW - 1 });
        let mut hits = Hits::new(&self.filter);
        hits.jump(from);
        while let Some(hit) = hits.next(bytes).filter(|hit| hit.at < found.span.start) {
            let four = text.four(hit.at);
            let anchors = self.filter.bucket(hit.bucket).iter().filter(|anchor| anchor.fits(four));
            for anchor in anchors {
                let other = match anchor.kind {
                    Kind::Form(verify) | Kind::Context(verify) => verify(text, hit.at),
                    Kind::Mark => None,
                };
                let earlier = |other: &Found| (text.floor..found.span.start).contains(&other.span.start);
                found = other.filter(|other| earlier(other) && other.span.end > other.span.start).unwrap_or(found);
            }
        }
        found
    }

    fn form_at(&self, text: &mut Text<'_>, hit: Hit) -> Option<Found> {
        let (four, floor) = (text.four(hit.at), text.floor);
        let anchors = self.filter.bucket(hit.bucket).iter().filter(|anchor| anchor.fits(four));
        let forms = anchors.filter_map(|anchor| match anchor.kind {
            Kind::Form(verify) => Some(verify),
            Kind::Context(_) | Kind::Mark => None,
        });
        forms.filter_map(|verify| verify(text, hit.at)).find(|found| found.span.start >= floor)
    }

    /// The family of a secret that was found by its context and has a form of its own as well: the same secret gets the
    /// same mark wherever it stands.
    fn form_of(&self, secret: &[u8]) -> Option<Family> {
        let mut text = Text::new(secret);
        let mut hits = Hits::new(&self.filter);
        while let Some(hit) = hits.next(secret) {
            if let Some(Found { span, family }) = self.form_at(&mut text, hit) {
                return (span.start == 0 && span.end == secret.len()).then_some(family);
            }
        }
        None
    }
}
