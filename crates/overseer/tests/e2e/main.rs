//! Overseer as its users run it: the binary, a real engine, and with one process per service a real nats-server and a
//! real PostgreSQL. Each case is written once and runs in both modes.

// A test that cannot go on must panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bad_input;
mod bus_loss;
mod canary;
mod disk;
mod first_start;
mod follow;
mod http;
mod kills;
mod logs;
mod long;
mod queries;
mod readiness;
mod rights;
mod sources;
mod summaries;
mod the_loop;
mod traces;
mod twins;
mod versions;

use std::path::Path;

use overseer_testkit::{Mode, Overseer};

/// A short stabilization window; all else is as shipped.
const SETTINGS: &str = "[executor]\nwindow_s = 2\n";

fn exe() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_overseer"))
}

async fn start(mode: Mode) -> Overseer {
    Overseer::start(exe(), mode, SETTINGS).await
}

/// Writes each case once and runs it in both modes.
macro_rules! in_both_modes {
    ($($case:ident)*) => {
        mod one_process {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case(overseer_testkit::Mode::OneProcess).await;
            })*
        }
        mod process_per_service {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                super::$case(overseer_testkit::Mode::ProcessPerService).await;
            })*
        }
    };
}
use in_both_modes;
