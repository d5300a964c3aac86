//! The one binary: `up` and `serve` run services, everything else asks them over REST.

mod buses;
mod cli;
mod client;
mod config;
mod context;
mod drill;
mod follow;
mod keys;
mod mine;
mod run;
mod show;
mod sse;
mod summary;
mod when;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Before anything speaks TLS: there is one provider, ring.
    let _first = rustls::crypto::ring::default_provider().install_default();
    let command = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("overseer: no threads can be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(cli::run(command));
    // A write to a terminal or a pipe that nobody reads must not hold up the end.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("overseer: {}", show::failure(&error));
            client::exit_code(&error)
        }
    }
}
