//! What each workload logs, in numbers: of each signature how often, how bad, since when, and what is usual. It is
//! counted from what the archive commits, told to the bus minute by minute, and kept as the days' counts.
//!
//! ```text
//! archive ─ tallies ─▶ minutes, signatures ─▶ judge ─▶ days, baselines
//!                                                  └─▶ event `overseer.log.signature`: ids and public forms
//! ```
//!
//! No text of a line is here, nor a template: only public forms, which are masked once more on their way out.

mod baseline;
mod documents;
mod incidents;
mod month;
mod record;
#[cfg(test)]
mod retention_tests;
mod retire;
mod sign;
mod store;
mod summary;
mod tally;
#[cfg(test)]
mod tests;

pub use documents::{After, heads, summary};
pub use incidents::{IncidentConsumer, KINDS};
pub use month::{Day, Month};
pub use record::Recorder;
pub use retire::Retire;
pub use sign::{Signed, Signer};
pub use store::{Due, MinuteReport, Novelty, applied, signatures};
pub use tally::{Counted, SignatureCount, Tally};
