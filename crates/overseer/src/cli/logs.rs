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
  overseer logs web                          the newest 100 lines of the container `web`
  overseer logs shop/web --since 1h          of a Compose service, in the last hour
  overseer logs --severity error --since 1d  everything that says that it is an error
  overseer logs web --grep 'timed? out' --tail 500
  overseer logs -f                           the newest 100 lines of all workloads, then each as it comes
  overseer logs web -f --tail 0 --severity error -o json
  overseer logs source list                  what lines are read from, and what was not kept
  overseer logs -- source                    of the container `source`

Ctrl-C ends -f. When Overseer is restarted, -f says so and prints what came in between once it is back; after two
minutes without it, it ends with exit code 1. A line `--- … ---` says where lines are left out: a reader that is slower
than the lines come misses some.";

#[derive(Subcommand)]
pub(super) enum LogsCommand {
    /// What lines are read from: containers, and files that were declared.
    #[command(subcommand)]
    Source(SourceCommand),
}

const SOURCE_EXAMPLES: &str = "\
Examples:
  overseer logs source add --resource shop/web --path /var/log/shop/access.log
  overseer logs shop/web -f

The path is one of the machine on which the collector runs, below a folder that its setting `log_roots` in the section
[collector] names; there is none at first. Rotated files are read to their end. Neither the file nor a folder on the way
to it may be a symbolic link.";

#[derive(Subcommand)]
pub(super) enum SourceCommand {
    /// Read a file as a log, from its beginning on. Needs the role admin.
    #[command(after_help = SOURCE_EXAMPLES)]
    Add {
        /// What its lines are listed under: Compose project and service (`shop/web`), a container's name, or any other.
        #[arg(long, value_name = "WORKLOAD")]
        resource: String,
        /// An absolute path.
        #[arg(long)]
        path: String,
    },
    /// Every source with its state, declared files first.
    List(ListArgs),
    /// Read a declared file no more; lines that are stored stay. Needs the role admin.
    Remove {
        /// As `overseer logs source list` shows it.
        id: String,
    },
}

#[derive(Args)]
pub(super) struct LogsArgs {
    /// Compose project and service (`shop/web`), or the container's name. All workloads when left out.
    workload: Option<String>,
    /// Not before this: `90s`, `10m`, `2h`, `7d` ago, or a time as in 2026-11-21T08:00:00Z.
    #[arg(long, value_name = "WHEN", value_parser = when::parse)]
    since: Option<Timestamp>,
    /// Before this.
    #[arg(long, value_name = "WHEN", value_parser = when::parse, conflicts_with = "follow")]
    until: Option<Timestamp>,
    /// At least so bad: trace, debug, info, notice, warning, error, critical.
    #[arg(long, value_parser = severity)]
    severity: Option<Severity>,
    /// Only lines of this signature.
    #[arg(long)]
    signature: Option<SignatureId>,
    /// Only lines in which this regular expression matches.
    #[arg(long, value_name = "REGEX")]
    grep: Option<String>,
    /// The newest so many, up to 1000; 0 with -f alone.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=1000))]
    tail: u32,
    /// Then each line as it comes, until Ctrl-C.
    #[arg(short, long)]
    pub follow: bool,
}

impl LogsArgs {
    pub fn path(&self) -> String {
        let Self { since, until, tail, .. } = self;
        if *tail == 0 {
            let why = "--tail 0 prints nothing: add -f, or ask for 1 to 1000 lines";
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
        .ok_or_else(|| format!("the severities are {}", known.map(Severity::name).collect::<Vec<_>>().join(", ")))
}

#[derive(Subcommand)]
pub(super) enum SignaturesCommand {
    /// Find the signatures of any log file, with nothing else running.
    ///
    /// The table counts each signature; a stack trace counts with the line that it belongs to. CSV has a row for each
    /// line: `line,signature,template`.
    #[command(after_help = MINE_EXAMPLES)]
    Mine {
        /// Log files; `-` is standard input.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Signatures that are known at a time; those used least are forgotten.
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
    /// Show it whole, and whether it is as it was signed. `-o json` is what can be kept and verified elsewhere.
    #[command(after_help = "Example:\n  overseer log-summary show shop/web 2026-08")]
    Show {
        workload: String,
        /// As in 2026-08.
        month: String,
    },
    /// Check a summary that was kept, with nothing else running. Exit code 1 when it was changed.
    #[command(
        after_help = "Example:\n  overseer -o json log-summary show web 2026-08 > web.json\n  overseer log-summary verify web.json"
    )]
    Verify {
        file: PathBuf,
        /// The site's key as you know it, hexadecimal; without it any key is good.
        #[arg(long)]
        key: Option<String>,
    },
}
