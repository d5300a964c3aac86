//! An online miner of log signatures: a stream of lines in, for each line the stable id of the *signature* it is an
//! instance of, its template, and where its variables are.
mod blocks;
mod hash;
mod header;
mod learn;
mod miner;
mod scan;
mod severity;
mod shape;
mod slots;
mod stamp;
mod structured;
mod table;
mod template;
mod variable;
mod words;

use std::fmt;

pub use header::{Header, header};
pub use miner::{Limits, Miner, Sighting, Signature};
pub use severity::Severity;
pub use variable::{Variable, VariableKind};

/// Identifies a signature, in each run that has seen the same. Written as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct SignatureId(pub u64);

impl fmt::Display for SignatureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
