//! Real peers for tests on one machine: a Docker engine, NATS, PostgreSQL, a store that speaks S3 and a receiver of
//! webhooks.
//!
//! Each peer lives in its own temporary folder, on a unix socket or a free loopback port, and is ended when it is dropped
//! or when the test process ends in any way. Tests may start any number of them at once. A peer that cannot start panics
//! with the reason, and with the command that installs what is missing.
//! How a peer is started is written once, in `scripts/peer`, which `just services` uses as well.

// A test that cannot go on must panic; this crate is only ever a dev-dependency.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod crashing;
mod docker;
mod nats;
mod overseer;
mod peer;
mod postgres;
mod s3;
mod until;
mod webhook;

pub use crashing::{CrashPlan, Crashes, Crashing};
pub use docker::{Docker, DockerEvent, DockerEvents};
pub use nats::{KeptStore, Nats, OWN_USER, Tap};
pub use overseer::{Mode, Overseer, http_get};
pub use postgres::Postgres;
pub use s3::S3;
pub use until::until;
pub use webhook::{Hook, WebhookReceiver};
