//! The collector against a real engine, and against one that misbehaves on command.

// A test that cannot go on must panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod doors;
mod engine;
mod incidents;
mod logs;
mod repair;
