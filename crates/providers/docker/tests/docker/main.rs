//! Docker's logs, against a real engine.

// A test that cannot go on must panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod logs;
