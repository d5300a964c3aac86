//! What the store promises, through its public door.

// Tests may be direct.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod crash;
mod damage;
mod model;
mod objects;
mod peers;
mod place;
mod retention;
mod round_trip;
mod s3;
mod search;
