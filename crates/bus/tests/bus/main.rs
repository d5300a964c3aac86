//! Both implementations of the bus, on one suite and on their own.

// A test that cannot go on must panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod contract;
mod jetstream;
mod support;
mod users;
