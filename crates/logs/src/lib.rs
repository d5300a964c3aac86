//! The log half of the collector: what containers print and declared files say, from the platform to signed summaries.
//!
//! ```text
//!            ┌─ sources: declared files
//!            ▼
//! sighting ▶ intake ──batches──▶ archive ──counts──▶ chronicle ──▶ log facts, summaries
//!            reads               redacts, joins,     counts by minute and day,
//!                                mines, stores       deletes what was kept long enough
//! ```
//!
//! [`build`] makes all of it; the collector serves [`LogHalf::service`], runs [`LogHalf::tasks`], and feeds
//! [`LogHalf::intake`] with a [`Sighting`] of each container. In return it answers the questions of [`Inventory`].
//!
//! Nothing here can change anything on a platform: logs are read through [`overseer_provider_port::Logs`] only.

pub mod archive;
mod build;
pub mod chronicle;
pub mod intake;
mod inventory;
mod sources;
mod wire;

pub use build::{LogHalf, Settings, build};
pub use inventory::{Inventory, Sighting};

/// The tables. They are in the collector's database, and the numbers are the collector's.
pub const TABLES: [(i64, &str, &str); 3] = [
    (101, "log_sources", include_str!("../../../migrations/collector/0101_log_sources.sql")),
    (102, "chronicle", include_str!("../../../migrations/collector/0102_chronicle.sql")),
    (103, "log_minutes_changed", include_str!("../../../migrations/collector/0103_log_minutes_changed.sql")),
];
