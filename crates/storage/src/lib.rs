//! One SQL text for SQLite and PostgreSQL, and what every service keeps beside its own tables: outbox, inbox, parked
//! events, and the audit chain. Time always comes from the caller.

pub mod audit;
pub mod column;
mod db;
mod error;
mod holder;
pub mod inbox;
mod migrate;
pub mod outbox;
pub mod parked;
pub mod state;

pub use db::{Conn, Db, Location, Reader, Tx, clean};
pub use error::StoreError;
pub use holder::{Competitor, Held, HolderName, PROBE_EVERY, Term};
pub use migrate::Migrations;
/// For the [`row!`] macro.
pub use sqlx;
