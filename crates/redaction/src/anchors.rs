//! Four bytes that every secret, or the key before it, has somewhere; and who looks closer where they are.

use crate::text::{Text, is_word};
use crate::{Family, text::Span};
use crate::{headers, pairs, pem, tokens, urls};

/// What one byte of an anchor may be.
#[derive(Clone, Copy)]
pub(crate) enum Class {
    Any,
    /// This letter in either case.
    Fold(u8),
    Is(u8),
    In(&'static [u8]),
    /// Part of a word: a letter, a digit, `_` or `-`.
    Word,
}

impl Class {
    pub fn has(self, byte: u8) -> bool {
        match self {
            Self::Any => true,
            Self::Fold(lower) => byte.to_ascii_lowercase() == lower,
            Self::Is(one) => byte == one,
            Self::In(set) => set.contains(&byte),
            Self::Word => is_word(byte),
        }
    }
}

/// One secret that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub span: Span,
    pub family: Family,
}

pub(crate) type Verify = fn(&mut Text<'_>, usize) -> Option<Found>;

/// What a verifier looks at.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// The secret is known by its own form.
    Form(Verify),
    /// It is known by what stands before it.
    Context(Verify),
    /// A mark, which is passed over.
    Mark,
}

#[derive(Clone, Copy)]
pub(crate) struct Anchor {
    pub window: [Class; 4],
    pub kind: Kind,
    /// The bits that the four bytes must have, and which bits those are: most candidates fail here.
    bits: u32,
    mask: u32,
}

impl Anchor {
    fn new(window: [Class; 4], kind: Kind) -> Self {
        let bytes = window.map(|class| match class {
            Class::Fold(lower) => (lower & !CASE, !CASE),
            Class::Is(byte) => (byte, u8::MAX),
            Class::Any | Class::In(_) | Class::Word => (0, 0),
        });
        let bits = u32::from_le_bytes(bytes.map(|(bits, _)| bits));
        Self { window, kind, bits, mask: u32::from_le_bytes(bytes.map(|(_, mask)| mask)) }
    }

    /// Whether these four bytes are the anchor.
    pub fn fits(&self, four: [u8; 4]) -> bool {
        u32::from_le_bytes(four) & self.mask == self.bits
            && self.window.iter().zip(four).all(|(class, byte)| class.has(byte))
    }
}

/// The bit that tells a small letter from its capital.
const CASE: u8 = 0x20;

/// These four bytes exactly.
fn is([a, b, c, d]: &[u8; 4], verify: Verify) -> Anchor {
    form([*a, *b, *c, *d].map(Class::Is), verify)
}

fn form(window: [Class; 4], verify: Verify) -> Anchor {
    Anchor::new(window, Kind::Form(verify))
}

/// These letters in any case.
fn context(letters: &[u8; 4], verify: Verify) -> Anchor {
    let fold = |letter: u8| if letter.is_ascii_lowercase() { Class::Fold(letter) } else { Class::Is(letter) };
    Anchor::new(letters.map(fold), Kind::Context(verify))
}

/// A key of three letters in any case, and what can come after it.
fn short(letters: &[u8; 3]) -> Anchor {
    let [a, b, c] = letters.map(Class::Fold);
    Anchor::new([a, b, c, Class::In(b"=: \"'\\])>%")], Kind::Context(pairs::secret))
}

/// All of them. What is common in logs is not in here, or the pass over the text would stop too often.
pub(crate) fn all() -> Vec<Anchor> {
    use Class::{In, Is};
    let digit = In(b"0123456789");
    let mut all = vec![
        is(b"AKIA", tokens::aws),
        is(b"ASIA", tokens::aws),
        is(b"AIza", tokens::gcp),
        form([Class::Any, digit, Is(b'Q'), Is(b'~')], tokens::azure_client_secret),
        is(b"_v1_", tokens::digital_ocean),
        form([Is(b'g'), Is(b'h'), In(b"pousr"), Is(b'_')], tokens::github),
        is(b"_pat", tokens::personal_access),
        is(b"_oat", tokens::personal_access),
        is(b"ATBB", tokens::bitbucket),
        form([Is(b'A'), Is(b'T'), In(b"CA"), Is(b'T')], tokens::atlassian),
        form([Is(b'x'), Is(b'o'), Is(b'x'), In(b"abceoprs")], tokens::slack),
        is(b"xapp", tokens::slack),
        context(b"hook", urls::webhook),
        form([In(b"MNO"), In(b"DTjz"), In(b"AEIMQUYcgk"), In(b"wxyz012345")], tokens::discord),
        form([digit, Is(b':'), Is(b'A'), Is(b'A')], tokens::telegram),
        form([In(b"sr"), Is(b'k'), Is(b'_'), In(b"lt")], tokens::stripe),
        is(b"whse", tokens::stripe_webhook),
        form([Is(b'S'), Is(b'K'), In(HEX), In(HEX)], tokens::twilio),
        form([Is(b'S'), Is(b'G'), Is(b'.'), Class::Word], tokens::sendgrid),
        is(b"npm_", tokens::npm),
        is(b"pypi", tokens::pypi),
        form([Is(b'h'), Is(b'f'), Is(b'_'), Class::Word], tokens::hugging_face),
        form([Is(b's'), Is(b'k'), Is(b'-'), Class::Word], tokens::model_key),
        is(b"ya29", tokens::google_access),
        is(b"GOCS", tokens::google_client_secret),
        is(b"1//0", tokens::google_refresh),
        form([Is(b'e'), Is(b'y'), Is(b'J'), Class::Word], tokens::jwt),
        is(b"BEGI", pem::block),
        Anchor::new([Is(b':'), Is(b'/'), Is(b'/'), Class::Any], Kind::Context(urls::password)),
        context(b"bear", headers::bearer),
        context(b"basi", headers::basic),
        context(b"cook", headers::cookie),
        context(b"auth", headers::authorization),
        Anchor::new([Is(b'['), Is(b'r'), Is(b'e'), Is(b'd')], Kind::Mark),
    ];
    all.extend(GITLAB.iter().map(|prefix| is(prefix, tokens::gitlab)));
    all.extend(PAIRS.iter().map(|letters| context(letters, pairs::secret)));
    all.extend([b"pwd", b"key", b"sid", b"sig", b"jwt"].map(short));
    all
}

const HEX: &[u8] = b"0123456789abcdef";
/// The first four letters of the kinds of GitLab's tokens.
const GITLAB: [&[u8; 4]; 11] =
    [b"glpa", b"gldt", b"glrt", b"glpt", b"glft", b"glso", b"glcb", b"glim", b"glag", b"gloa", b"glff"];
/// Of every word that makes a key a secret's key; see `pairs`.
const PAIRS: [&[u8; 4]; 7] = [b"pass", b"secr", b"toke", b"cred", b"auth", b"sess", b"ture"];
