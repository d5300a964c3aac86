//! The command line.

use std::collections::HashSet;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use overseer_contract::v1 as pb;
use overseer_model::ServiceName;
use overseer_signatures::{Severity, SignatureId};
use prost_types::Timestamp;

use crate::client::{Answer, Client, Tampered, segment};
use crate::config::{DEFAULTS, Flags};
use crate::run::Scope;
use crate::{config, drill, follow, mine, run, show, summary, when};

/// An operations engineer that never sleeps and never acts alone.
#[derive(Parser)]
#[command(version, propagate_version = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How to print: a table for people, or the API's own JSON.
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Table)]
    output: Output,
}

const EXAMPLES: &str = "\
Examples:
  overseer up                         run everything in this process
  overseer drill restart-loop         see the whole loop on a throw-away container
  overseer incidents                  what is and was broken
  overseer incident show inc_…        the story of one incident, with its evidence
  overseer approve pln_…              let a proposed plan run
  overseer actions -o json            what was done, as JSON
  overseer logs web --since 1h        what a container printed
  overseer logs web -f                what it prints, as it comes
  overseer signatures mine app.log    what recurs in a log file

Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 denied, 6 timeout, 7 conflict";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
    /// For `signatures mine`.
    Csv,
}

/// How the gateway's answers are printed.
#[derive(Clone, Copy)]
enum Answers {
    Table,
    Json,
}

impl From<Output> for Answers {
    fn from(output: Output) -> Self {
        match output {
            Output::Table => Self::Table,
            Output::Json => Self::Json,
            Output::Csv => {
                let why = "-o csv is for `overseer signatures mine`: use -o table or -o json";
                Cli::command().error(ErrorKind::ArgumentConflict, why).exit()
            }
        }
    }
}

#[derive(Subcommand)]
enum Command {
    /// Run all services in this process, with nothing else to install.
    Up(RunArgs),
    /// Run some services in this process; they meet the others over NATS.
    ///
    /// Needs bus.url, and storage.url or a data directory, the same for all. Start the control plane first: it makes the
    /// keys.
    #[command(after_help = "Example:\n  OVERSEER__BUS__URL=nats://127.0.0.1:4222 overseer serve collector executor")]
    Serve {
        #[arg(required = true, value_name = "SERVICE", value_parser = service)]
        services: Vec<ServiceName>,
        #[command(flatten)]
        args: RunArgs,
    },
    /// List incidents, newest first.
    Incidents(ListArgs),
    /// One incident.
    #[command(subcommand)]
    Incident(ShowCommand),
    /// List plans, newest first.
    Plans(ListArgs),
    /// One plan.
    #[command(subcommand)]
    Plan(ShowCommand),
    /// Approve a plan as it stands now: each of its steps may run once.
    Approve { plan: String },
    /// Say no to a plan; it is not proposed again for its incident.
    Deny { plan: String },
    /// What was done, by whose approval, and whether it helped.
    Actions(ListArgs),
    /// The hash-chained record of everything done and looked at.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// What is watched.
    Resources(ListArgs),
    /// What was observed, newest first.
    Facts(ListArgs),
    /// Who was told what.
    Deliveries(ListArgs),
    /// Log lines of a workload, or of all; the newest last.
    #[command(after_help = LOGS_EXAMPLES, args_conflicts_with_subcommands = true)]
    Logs {
        #[command(subcommand)]
        command: Option<LogsCommand>,
        #[command(flatten)]
        args: LogsArgs,
    },
    /// What recurs in logs, the most frequent first.
    #[command(args_conflicts_with_subcommands = true)]
    Signatures {
        #[command(subcommand)]
        command: Option<SignaturesCommand>,
        /// Only those of this workload.
        #[arg(long, value_name = "WORKLOAD")]
        resource: Option<String>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// List what is left of months of logs whose lines are gone, the newest first.
    LogSummaries {
        /// Of this workload only.
        workload: Option<String>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// One summary of a month of a workload's logs.
    #[command(subcommand)]
    LogSummary(LogSummaryCommand),
    /// Who this command line is to Overseer.
    Whoami,
    /// Break something harmless, and see how Overseer deals with it.
    #[command(subcommand)]
    Drill(DrillCommand),
    /// The settings.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Args)]
struct RunArgs {
    /// A TOML file; `overseer config defaults` explains every key.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where state is kept.
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Where the gateway listens.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

#[derive(Args)]
struct ListArgs {
    /// At most so many, up to 500.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

#[derive(Subcommand)]
enum ShowCommand {
    /// Show it whole.
    Show { id: String },
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Check the chain of every service. Exit code 1 when one does not hold.
    Verify,
    /// The control plane's entries, newest first.
    List(ListArgs),
}

const LOGS_EXAMPLES: &str = "\
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
enum LogsCommand {
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
enum SourceCommand {
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
struct LogsArgs {
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
    follow: bool,
}

impl LogsArgs {
    fn path(&self) -> String {
        let Self { since, until, tail, .. } = self;
        if *tail == 0 {
            let why = "--tail 0 prints nothing: add -f, or ask for 1 to 1000 lines";
            Cli::command().error(ErrorKind::ValueValidation, why).exit()
        }
        let time = |time: &Option<Timestamp>| time.map(|time| time.to_string());
        let times = [parameter("since", time(since)), parameter("until", time(until))].concat();
        format!("/api/v1/logs?pageSize={tail}{times}{}", self.which())
    }

    fn wish(&self) -> follow::Wish {
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
fn parameter(name: &str, value: Option<String>) -> String {
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
enum SignaturesCommand {
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
enum LogSummaryCommand {
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

#[derive(Subcommand)]
enum DrillCommand {
    /// A container that crashes until the engine gives up, and runs once it is started again.
    RestartLoop {
        /// The container crashes after the restart too: verification fails.
        #[arg(long)]
        never_recovers: bool,
    },
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Print every setting with its default and what it means.
    Defaults,
    /// Check a file together with the environment.
    Check {
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

fn service(text: &str) -> Result<ServiceName, String> {
    ServiceName::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| {
        let names: Vec<_> = ServiceName::ALL.iter().map(|name| name.as_str()).collect();
        format!("the services are {}", names.join(", "))
    })
}

impl From<RunArgs> for Flags {
    fn from(args: RunArgs) -> Self {
        let RunArgs { config, data_dir, listen } = args;
        Self { config, data_dir, listen }
    }
}

pub async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Up(args) => run::run(Scope::All, args.into()).await,
        Command::Serve { services, args } => {
            run::run(Scope::Some(services.into_iter().collect::<HashSet<_>>()), args.into()).await
        }
        Command::Config(ConfigCommand::Defaults) => {
            print!("{DEFAULTS}");
            Ok(())
        }
        Command::Config(ConfigCommand::Check { config }) => {
            config::load(&Flags { config, ..Flags::default() })?;
            print("The configuration is good.")
        }
        Command::Drill(DrillCommand::RestartLoop { never_recovers }) => {
            let ending = if never_recovers { drill::Ending::NeverRecovers } else { drill::Ending::Recovers };
            drill::restart_loop(ending).await
        }
        Command::Signatures { command: Some(SignaturesCommand::Mine { files, limit }), .. } => {
            let form = match cli.output {
                Output::Table => mine::Form::Table,
                Output::Json => mine::Form::Json,
                Output::Csv => mine::Form::Csv,
            };
            tokio::task::spawn_blocking(move || mine::mine(&files, form, limit as usize)).await?
        }
        Command::LogSummary(LogSummaryCommand::Verify { file, key }) => print(&summary::verify(&file, key.as_deref())?),
        asking => ask(asking, Answers::from(cli.output)).await,
    }
}

/// The commands that ask the gateway.
async fn ask(command: Command, output: Answers) -> anyhow::Result<()> {
    let client = Client::new()?;
    let list = |path: &str, args: ListArgs| format!("{path}?pageSize={}", args.limit);
    let (answer, table): (Answer, fn(&Answer) -> anyhow::Result<String>) = match command {
        Command::Incidents(args) => (client.get(&list("/api/v1/incidents", args)).await?, show::incidents),
        Command::Incident(ShowCommand::Show { id }) => {
            (client.get(&format!("/api/v1/incidents/{}", segment(&id))).await?, show::incident)
        }
        Command::Plans(args) => (client.get(&list("/api/v1/plans", args)).await?, show::plans),
        Command::Plan(ShowCommand::Show { id }) => {
            (client.get(&format!("/api/v1/plans/{}", segment(&id))).await?, show::plan)
        }
        Command::Approve { plan } => (client.approve(&plan).await?, show::plan),
        Command::Deny { plan } => {
            let path = format!("/api/v1/plans/{}:deny", segment(&plan));
            (client.post(&path, &serde_json::json!({})).await?, show::plan)
        }
        Command::Actions(args) => (client.get(&list("/api/v1/actions", args)).await?, show::actions),
        Command::Audit(AuditCommand::Verify) => return verify(&client, output).await,
        Command::Audit(AuditCommand::List(args)) => (client.get(&list("/api/v1/audit", args)).await?, show::audit),
        Command::Resources(args) => (client.get(&list("/api/v1/resources", args)).await?, show::resources),
        Command::Facts(args) => (client.get(&list("/api/v1/facts", args)).await?, show::facts),
        Command::Deliveries(args) => (client.get(&list("/api/v1/deliveries", args)).await?, show::deliveries),
        Command::Logs { command: None, args } if args.follow => {
            let form = match output {
                Answers::Table => follow::Form::Lines,
                Answers::Json => follow::Form::Json,
            };
            return follow::follow(&client, args.wish(), form).await;
        }
        Command::Logs { command: None, args } => (client.get(&args.path()).await?, show::log_lines),
        Command::Logs { command: Some(LogsCommand::Source(command)), .. } => match command {
            SourceCommand::Add { resource, path } => {
                let body = serde_json::json!({ "workload": resource, "path": path });
                (client.post("/api/v1/log-sources", &body).await?, show::log_source)
            }
            SourceCommand::List(args) => (client.get(&list("/api/v1/log-sources", args)).await?, show::log_sources),
            SourceCommand::Remove { id } => {
                (client.delete(&format!("/api/v1/log-sources/{}", segment(&id))).await?, show::log_source_removed)
            }
        },
        Command::Signatures { command: None, resource, list: args } => {
            let path = of_workload(list("/api/v1/signatures", args), resource.as_deref());
            (client.get(&path).await?, show::log_signatures)
        }
        Command::LogSummaries { workload, list: args } => {
            let path = of_workload(list("/api/v1/log-summaries", args), workload.as_deref());
            (client.get(&path).await?, summary::list)
        }
        Command::LogSummary(LogSummaryCommand::Show { workload, month }) => {
            let path = format!("/api/v1/log-summaries/{}?workload={}", segment(&month), segment(&workload));
            (client.get(&path).await?, summary::show)
        }
        Command::Whoami => (client.get("/api/v1/whoami").await?, show::whoami),
        Command::Up(_)
        | Command::Serve { .. }
        | Command::Drill(_)
        | Command::Config(_)
        | Command::LogSummary(LogSummaryCommand::Verify { .. })
        | Command::Signatures { command: Some(_), .. } => {
            return Ok(());
        }
    };
    print(&match output {
        Answers::Json => show::json(&answer.0),
        Answers::Table => table(&answer)?,
    })
}

/// Prints an answer. Who reads no further, as `head` does, has what it wants.
fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => Ok(printed?),
    }
}

fn of_workload(path: String, workload: Option<&str>) -> String {
    match workload {
        Some(workload) => format!("{path}&workload={}", segment(workload)),
        None => path,
    }
}

async fn verify(client: &Client, output: Answers) -> anyhow::Result<()> {
    let answer = client.get("/api/v1/audit:verify").await?;
    let pb::VerifyAuditResponse { chains } = answer.read()?;
    print(&match output {
        Answers::Json => show::json(&answer.0),
        Answers::Table => show::chains(&chains),
    })?;
    match chains.into_iter().find(|chain| !chain.intact) {
        None => Ok(()),
        Some(chain) => Err(Tampered { service: chain.service, at: chain.broken_at }.into()),
    }
}
