//! What a service can rely on, through the public interface: a real store, and the bus inside one process.

// Tests may be direct.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod consumer;
mod host;
mod house;
mod life;
mod peers;
mod relay;
mod settings;
mod standby;
