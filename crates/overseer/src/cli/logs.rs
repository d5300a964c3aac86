//! The commands about logs, their signatures and their summaries.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Subcommand};
use overseer_signatures::{Severity, SignatureId};
use prost_types::Timestamp;

use super::{Cli, ListArgs};
use crate::client::segment;
use crate::{follow, when};

pub(super) const LOGS_EXAMPLES: &str = "\
Examples:
  overseer logs web                          newest 100 lines of the container `web`
  overseer logs shop/web --since 1h          a Compose service, last hour
  overseer logs --severity error --since 1d  errors of all workloads
  overseer logs web --grep 'timed? out' --tail 500
  overseer logs -f                           newest 100 lines of all workloads, then follow
  overseer logs web -f --tail 0 --severity error -o json
  overseer logs source list                  log sources and dropped lines
  overseer logs -- source                    the container `source`

Ctrl-C ends -f. When the connection is lost, -f reconnects and prints the lines in between; after two
minutes without a connection it ends with exit code 1. A line `--- … ---` marks dropped lines: a reader that is slower
than the log misses some.";

#[derive(Subcommand)]
pub(super) enum LogsCommand {
    /// List, add or remove log sources: containers and declared files.
    #[command(subcommand)]
    Source(SourceCommand),
}

const SOURCE_EXAMPLES: &str = "\
Examples:
  overseer logs source add --resource shop/web --path /var/log/shop/access.log
  overseer logs shop/web -f

The path is on the machine of the collector, below a folder listed in `log_roots` in the section
[collector], which is empty by default. Rotated files are read to their end. Neither the file nor a parent folder
may be a symbolic link.";

#[derive(Subcommand)]
pub(super) enum SourceCommand {
    /// Add a file as a log source, read from its beginning. Requires the role admin.
    #[command(after_help = SOURCE_EXAMPLES)]
    Add {
        /// Workload of its lines: Compose project and service (`shop/web`), a container's name, or any name.
        #[arg(long, value_name = "WORKLOAD")]
        resource: String,
        /// Absolute path.
        #[arg(long)]
        path: String,
    },
    /// List log sources with their state, declared files first.
    List(ListArgs),
    /// Remove a declared file; stored lines remain. Requires the role admin.
    Remove {
        /// Id shown by `overseer logs source list`.
        id: String,
    },
}

#[derive(Args)]
pub(super) struct LogsArgs {
    /// Compose project and service (`shop/web`), or a container's name [default: all workloads].
    workload: Option<String>,
    /// Earliest time: `90s`, `10m`, `2h`, `7d` ago, or an RFC 3339 time.
    #[arg(long, value_name = "WHEN", value_parser = when::parse)]
    since: Option<Timestamp>,
    /// Latest time, exclusive; same formats.
    #[arg(long, value_name = "WHEN", value_parser = when::parse, conflicts_with = "follow")]
    until: Option<Timestamp>,
    /// Minimum severity: trace, debug, info, notice, warning, error, critical.
    #[arg(long, value_parser = severity)]
    severity: Option<Severity>,
    /// Only lines with this signature.
    #[arg(long)]
    signature: Option<SignatureId>,
    /// Only lines that match this regular expression.
    #[arg(long, value_name = "REGEX")]
    grep: Option<String>,
    /// Maximum number of lines, 1 to 1000; 0 only with -f.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=1000))]
    tail: u32,
    /// Follow new lines until Ctrl-C.
    #[arg(short, long)]
    pub follow: bool,
}

impl LogsArgs {
    pub fn path(&self) -> String {
        let Self { since, until, tail, .. } = self;
        if *tail == 0 {
            let why = "--tail 0 prints nothing: add -f, or choose 1 to 1000";
            Cli::command().error(ErrorKind::ValueValidation, why).exit()
        }
        let time = |time: &Option<Timestamp>| time.map(|time| time.to_string());
        let times = [parameter("since", time(since)), parameter("until", time(until))].concat();
        format!("/api/v1/logs?pageSize={tail}{times}{}", self.which())
    }

    pub fn wish(&self) -> follow::Wish {
        follow::Wish { which: self.which(), since: self.since, tail: self.tail }
    }

    /// What lists of lines and followed lines have in common.
    fn which(&self) -> String {
        let Self { workload, since: _, until: _, severity, signature, grep, tail: _, follow: _ } = self;
        let severity = severity.map(|severity| format!("LOG_SEVERITY_{}", severity.name().to_uppercase()));
        [
            parameter("workload", workload.clone()),
            parameter("severity", severity),
            parameter("signature", signature.map(|id| id.to_string())),
            parameter("grep", grep.clone()),
        ]
        .concat()
    }
}

/// A parameter of a query behind others; nothing when it has no value.
pub(super) fn parameter(name: &str, value: Option<String>) -> String {
    value.map(|value| format!("&{name}={}", segment(&value))).unwrap_or_default()
}

fn severity(text: &str) -> Result<Severity, String> {
    let known = Severity::ALL.into_iter().filter(|severity| *severity != Severity::Unknown);
    known
        .clone()
        .find(|severity| severity.name() == text)
        .ok_or_else(|| format!("expected one of {}", known.map(Severity::name).collect::<Vec<_>>().join(", ")))
}

#[derive(Subcommand)]
pub(super) enum SignaturesCommand {
    /// Find the signatures in log files, without a running Overseer.
    ///
    /// The table counts each signature; a stack trace counts with the line that it belongs to. CSV has a row for each
    /// line: `line,signature,template`.
    #[command(after_help = MINE_EXAMPLES)]
    Mine {
        /// Log files; `-` is standard input.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Maximum number of signatures in memory; the least used are evicted.
        #[arg(long, default_value_t = 16_384, value_parser = clap::value_parser!(u32).range(64..=1_000_000))]
        limit: u32,
    },
}

const MINE_EXAMPLES: &str = "\
Examples:
  overseer signatures mine /var/log/syslog
  docker logs web 2>&1 | overseer signatures mine -
  overseer signatures mine app.log -o csv > lines.csv";

#[derive(Subcommand)]
pub(super) enum LogSummaryCommand {
    /// Show a summary and verify its signature. `-o json` prints the form that `verify` reads.
    #[command(after_help = "Example:\n  overseer log-summary show shop/web 2026-08")]
    Show {
        workload: String,
        /// Month, YYYY-MM.
        month: String,
    },
    /// Verify a saved summary, without a running Overseer. Exit code 1 if it was changed.
    #[command(
        after_help = "Example:\n  overseer -o json log-summary show web 2026-08 > web.json\n  overseer log-summary verify web.json"
    )]
    Verify {
        file: PathBuf,
        /// Expected public key of the site, hexadecimal [default: any key].
        #[arg(long)]
        key: Option<String>,
    },
}
