//! An online miner of log signatures: a stream of lines in; for each line the stable id of the *signature* that it is
//! an instance of, its template, and where its variables are. One pass, bounded memory, no configuration.
//!
//! ```
//! use overseer_signatures::Miner;
//!
//! let mut miner = Miner::default();
//! let first = miner.observe(b"2026-03-01 10:00:00 INFO Loaded 51 rows from table job in 29 ms").signature;
//! let second = miner.observe(b"2026-03-01 10:00:01 INFO Loaded 7 rows from table job in 3 ms").signature;
//! assert_eq!(first, second);
//! let signature = miner.signature(first).unwrap();
//! assert_eq!(signature.template, "Loaded <*> rows from table job in <*> ms");
//! assert_eq!(signature.count, 2);
//! ```
//!
//! # How it works
//! 1. [`header`] finds where the message begins: behind the time, the level, the thread and the logger. JSON objects
//!    and logfmt lines are taken by their keys and their message.
//! 2. The message is cut into words, values, marks and spaces. Whatever holds a digit is a value, so are paths,
//!    addresses, user agents; several values with only a separator between are one.
//! 3. What is left, with its words, is looked up: most lines are known, and that is all that happens to them.
//! 4. A line that is not known is compared with others of the same skeleton (the same marks around other words).
//!    A place where lines that are alike have four different words is a slot; fewer are alternatives, and stay
//!    different signatures. What was learned behind one word (`user `) holds for other lines with it.
//! 5. Lines that differ only in how a slot's content was written (a word or a number, with its unit or without, a
//!    host or an address) are one signature.
//!
//! # What is promised
//! - The same lines in the same order give the same ids, in every process. An id that was given out may be merged
//!   into another later, when more is learned: [`Miner::resolve`] follows.
//! - Memory is bounded by [`Limits`], whatever the lines are: less than 1 KB for each signature, and the longest line.
//!   What was used least is forgotten first; when it is seen again it has the same id again.
//! - Time is linear in the length of the line and does not depend on how many signatures are known.
//! - Any bytes are accepted. A template is text without control characters.
//!
//! # What is not promised
//! - A template holds constant text of the program, as far as it can be told from the lines. From one line it cannot:
//!   **a template may be a line in disguise** until it was seen often. Treat it as you treat the log; what may go
//!   further is its [`public_form`].
//!
//! # Sources
//! Words that vary while the rest of the line stays are slots: Drain (He et al., ICWS 2017), Brain (Yu et al., TSC
//! 2023). How results are scored: Zhu et al., ICSE-SEIP 2019; Khan et al., ICSE 2022; Jiang et al., ISSTA 2024.

mod atoms;
mod blocks;
mod hash;
mod header;
mod join;
mod knowledge;
mod learn;
mod miner;
mod public;
mod scan;
mod severity;
mod shape;
mod slots;
mod stamp;
mod state;
mod structured;
mod table;
mod template;
mod variable;
mod words;

use std::fmt;
use std::str::FromStr;

pub use header::{Header, header};
pub use join::{Joiner, Role};
pub use miner::{Limits, Miner, Sighting, Signature};
pub use public::{LONGEST_PUBLIC_FORM, PublicForm, public_form};
pub use severity::Severity;
pub use state::{BadState, State};
pub use variable::{Variable, VariableKind};

/// Identifies a signature. Written as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SignatureId(pub u64);

/// Text that is not 16 hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("invalid signature `{0}`: expected 16 hexadecimal digits")]
pub struct BadSignatureId(String);

impl From<SignatureId> for String {
    fn from(id: SignatureId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for SignatureId {
    type Error = BadSignatureId;

    fn try_from(text: String) -> Result<Self, BadSignatureId> {
        text.parse()
    }
}

impl FromStr for SignatureId {
    type Err = BadSignatureId;

    fn from_str(text: &str) -> Result<Self, BadSignatureId> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = u64::from_str_radix(text, 16).ok().filter(|_| digits);
        id.map(Self).ok_or_else(|| BadSignatureId(text.chars().take(64).collect()))
    }
}

impl fmt::Display for SignatureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
