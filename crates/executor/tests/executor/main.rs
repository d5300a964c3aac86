//! The executor on both stores, with a platform that can be slow, wrong, forgetful and away; and on a real engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cases;
mod docker;
mod stage;
mod world;
