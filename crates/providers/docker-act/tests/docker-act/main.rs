//! The acting half: on a real engine, and that nothing acts without a permit.

// A test that cannot go on must panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod docker;
mod permit;
