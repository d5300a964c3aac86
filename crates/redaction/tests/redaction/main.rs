//! What is redacted and what is kept, by the table of the documentation, by real log lines and by chance.

// A test that cannot go on must panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod chance;
mod streams;
mod table;

use std::sync::LazyLock;

use overseer_redaction::{CorrelationKey, Redactor};

fn redactor() -> &'static Redactor {
    static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(CorrelationKey::new(&[7; 32])));
    &REDACTOR
}

fn redact(text: &[u8]) -> Vec<u8> {
    redactor().redact(text).into_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
