//! Log lines in compressed columnar segments, template by template.

mod codec;
mod error;
mod manifest;
mod objects;
mod parquet;
mod part;
mod query;
mod scan;
mod seal;
pub mod segment;
mod shape;
mod store;
mod types;
mod wal;

pub use error::StoreError;
pub use manifest::{ResourceShare, Segment};
pub use objects::Objects;
pub use query::{Aside, Cursor, LookedAt, Order, Page, Query, Text};
pub use store::{Config, OpenReport, Selector, Store};
pub use types::{Ack, Day, Group, Line, MAX_NAME, MarkKey, Nanos, Rank, Record, Signature, Stream};
