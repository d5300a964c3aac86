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
mod record;
mod store;
mod tally;
#[cfg(test)]
mod tests;

pub use record::Recorder;
pub use store::{Due, Novelty, Told, applied};
pub use tally::{Counted, Seen, Tally};
