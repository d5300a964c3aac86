//! Lines of one stream, of which a private key can take many.

use std::borrow::Cow;

use crate::text::Text;
use crate::{Family, Redactor, mark, pem};

/// Most lines of a block: a 16384-bit RSA key has 200. Bounds what a block that is never closed can cover.
const LINES: u16 = 512;

/// Where one stream of lines is: outside of a private key, or inside of one. One for each stream; two bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    lines_left: u16,
}

impl Block {
    /// For a reader that goes on later.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 2] {
        self.lines_left.to_le_bytes()
    }

    /// From what [`Self::to_bytes`] gave. Any bytes are allowed.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 2]) -> Self {
        Self { lines_left: u16::from_le_bytes(bytes).min(LINES) }
    }

    /// Whether the stream is inside of a private key.
    #[must_use]
    pub fn is_open(self) -> bool {
        self.lines_left > 0
    }
}

impl Redactor {
    /// The same as [`Redactor::redact`] for the next line of a stream, with or without its line end. Inside of a private
    /// key that began in an earlier line, each line of its body is replaced.
    #[must_use]
    pub fn redact_line<'a>(&self, block: &mut Block, line: &'a [u8]) -> Cow<'a, [u8]> {
        if !block.is_open() {
            return self.redact_outside(block, line);
        }
        block.lines_left -= 1;
        let inside = pem::inside(line);
        if inside.closed_at.is_none() && inside.secrets.is_empty() {
            return self.redact_outside(block, line);
        }
        let mut out = Vec::with_capacity(line.len());
        let (text, mut copied) = (Text::new(line), 0);
        for span in inside.secrets {
            out.extend_from_slice(text.from(copied).get(..span.start - copied).unwrap_or_default());
            mark::write(&mut out, &self.key, Family::PrivateKey, text.part(span));
            copied = span.end;
        }
        if inside.closed_at.is_some() {
            block.lines_left = 0;
        }
        // What follows is usual text; a form in it is found as in any.
        out.extend_from_slice(&self.redact_outside(block, text.from(copied)));
        Cow::Owned(out)
    }

    fn redact_outside<'a>(&self, block: &mut Block, line: &'a [u8]) -> Cow<'a, [u8]> {
        let mut text = Text::new(line);
        let redacted = self.redact_text(&mut text, line);
        if text.block_is_open {
            block.lines_left = LINES;
        }
        redacted
    }
}
