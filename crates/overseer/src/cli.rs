//! The command line.

mod logs;

use std::collections::HashSet;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use overseer_contract::v1 as pb;
use overseer_model::ServiceName;

use self::logs::{
    LOGS_EXAMPLES, LogSummaryCommand, LogsArgs, LogsCommand, SignaturesCommand, SourceCommand, parameter,
};
use crate::client::{Answer, Client, Tampered, segment};
use crate::config::{DEFAULTS, Flags};
use crate::run::Scope;
use crate::{buses, config, drill, follow, mine, run, show, summary, templates};

/// An operations engineer that never sleeps and never acts alone.
#[derive(Parser)]
#[command(version, propagate_version = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Output format.
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Table)]
    output: Output,
}

const EXAMPLES: &str = "\
Examples:
  overseer up                         run everything in this process
  overseer drill restart-loop         watch the whole loop on a throw-away container
  overseer incidents                  list incidents
  overseer incident show inc_…        show one incident with its evidence
  overseer approve pln_…              approve a proposed plan
  overseer actions -o json            list executed steps as JSON
  overseer logs web --since 1h        print a container's log lines
  overseer logs web -f                follow them
  overseer signatures mine app.log    find signatures in a log file

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
    /// Run some services in this process, connected to the others over NATS.
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
    /// Show one incident.
    #[command(subcommand)]
    Incident(ShowCommand),
    /// List plans, newest first.
    Plans(ListArgs),
    /// Show one plan.
    #[command(subcommand)]
    Plan(ShowCommand),
    /// Approve a plan as it stands now: each of its steps may run once.
    Approve { plan: String },
    /// Deny a plan; it is not proposed again for its incident.
    Deny { plan: String },
    /// List executed steps: what was done, who approved it, whether it helped.
    Actions(ListArgs),
    /// Resolve a step in doubt.
    #[command(subcommand)]
    Step(StepCommand),
    /// List the actions that a plan can be made of.
    Templates,
    /// List or verify the hash-chained audit log.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// List, replay or drop events that a service could not apply.
    #[command(subcommand)]
    Parked(ParkedCommand),
    /// List watched resources.
    Resources(ListArgs),
    /// List observed facts, newest first.
    Facts(ListArgs),
    /// List webhook deliveries, newest first.
    Deliveries(ListArgs),
    /// Print log lines of one workload or of all, newest last.
    #[command(after_help = LOGS_EXAMPLES, args_conflicts_with_subcommands = true)]
    Logs {
        #[command(subcommand)]
        command: Option<LogsCommand>,
        #[command(flatten)]
        args: LogsArgs,
    },
    /// List log signatures, most frequent first.
    #[command(args_conflicts_with_subcommands = true)]
    Signatures {
        #[command(subcommand)]
        command: Option<SignaturesCommand>,
        /// Only signatures of this workload.
        #[arg(long, value_name = "WORKLOAD")]
        resource: Option<String>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// List monthly log summaries, newest first. They remain when the lines are deleted.
    LogSummaries {
        /// Only summaries of this workload.
        workload: Option<String>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show or verify one monthly log summary.
    #[command(subcommand)]
    LogSummary(LogSummaryCommand),
    /// Show the current identity and its roles.
    Whoami,
    /// Break a throw-away container and watch Overseer repair it.
    #[command(subcommand)]
    Drill(DrillCommand),
    /// Print or check the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Args)]
struct RunArgs {
    /// A TOML file; `overseer config defaults` explains every key.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder for databases, keys and logs.
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Listen address of the gateway.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

#[derive(Args)]
struct ListArgs {
    /// Maximum number of rows, 1 to 500.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

#[derive(Subcommand)]
enum ShowCommand {
    /// Show all of it.
    Show { id: String },
}

#[derive(Subcommand)]
enum StepCommand {
    /// Record what became of a step in doubt, after you inspected the platform.
    ///
    /// `done`: the plan goes on with its next step. `not-done`: the plan failed, and a new one may be proposed. It is
    /// written to the audit chain with your reason.
    #[command(
        after_help = "Example:\n  overseer step resolve stp_… --outcome not-done --reason 'docker inspect: same StartedAt'"
    )]
    Resolve {
        id: String,
        #[arg(long, value_enum)]
        outcome: StepOutcome,
        /// How you know this; 1 to 500 characters.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum StepOutcome {
    Done,
    NotDone,
}

impl StepOutcome {
    /// As the contract writes it.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotDone => "not_done",
        }
    }
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Verify the audit chain of every service. Exit code 1 if one is broken.
    Verify,
    /// List the control plane's entries, newest first.
    List(ListArgs),
}

#[derive(Subcommand)]
enum ParkedCommand {
    /// List parked events by service, oldest first.
    List(ListArgs),
    /// Apply a parked event again. It stays parked if that fails.
    #[command(after_help = "Example:\n  overseer parked replay incident-engine evt_…")]
    Replay { service: String, id: String },
    /// Delete a parked event; it is never applied.
    Drop { service: String, id: String },
}

#[derive(Subcommand)]
enum DrillCommand {
    /// Start a container that crash-loops until it is restarted.
    RestartLoop {
        /// Keep crashing after the restart, so that verification fails.
        #[arg(long)]
        never_recovers: bool,
    },
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Print every setting with its default and its meaning.
    Defaults,
    /// Check a configuration file together with the environment.
    Check {
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Print the NATS users of the services, with passwords, for nats-server.
    #[command(after_help = NATS_EXAMPLE)]
    Nats(RunArgs),
}

const NATS_EXAMPLE: &str = "Each service has its own user, who may publish its own events, read its own durables, and \
nothing else. The passwords are in the folder of keys, one file `<service>.nats` per service; missing ones are made.

Example:
  (umask 077; overseer config nats > users.conf)
  printf 'jetstream { store_dir: \"/var/lib/nats\", sync_interval: always }\\ninclude users.conf\\n' > nats.conf
  nats-server --config nats.conf";

fn service(text: &str) -> Result<ServiceName, String> {
    ServiceName::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| {
        let names: Vec<_> = ServiceName::ALL.iter().map(|name| name.as_str()).collect();
        format!("expected one of {}", names.join(", "))
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
            print("The configuration is valid.")
        }
        Command::Config(ConfigCommand::Nats(args)) => print(buses::nats_users(&args.into())?.trim_end()),
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
        Command::Templates => match Answers::from(cli.output) {
            Answers::Table => print(&templates::table()),
            Answers::Json => print(&templates::json()?),
        },
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
        Command::Step(StepCommand::Resolve { id, outcome, reason }) => {
            let path = format!("/api/v1/steps/{}:resolve", segment(&id));
            let body = serde_json::json!({ "outcome": outcome.as_str(), "reason": reason });
            (client.post(&path, &body).await?, show::plan)
        }
        Command::Audit(AuditCommand::Verify) => return verify(&client, output).await,
        Command::Audit(AuditCommand::List(args)) => (client.get(&list("/api/v1/audit", args)).await?, show::audit),
        Command::Parked(ParkedCommand::List(args)) => (client.get(&list("/api/v1/parked", args)).await?, show::parked),
        Command::Parked(ParkedCommand::Replay { service, id }) => {
            let path = format!("/api/v1/parked/{}/{}:replay", segment(&service), segment(&id));
            (client.post(&path, &serde_json::json!({})).await?, |_| Ok("The event was applied.".to_owned()))
        }
        Command::Parked(ParkedCommand::Drop { service, id }) => {
            let path = format!("/api/v1/parked/{}/{}", segment(&service), segment(&id));
            (client.delete(&path).await?, |_| Ok("The event was dropped.".to_owned()))
        }
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
            let path = list("/api/v1/signatures", args) + &parameter("workload", resource);
            (client.get(&path).await?, show::log_signatures)
        }
        Command::LogSummaries { workload, list: args } => {
            let path = list("/api/v1/log-summaries", args) + &parameter("workload", workload);
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
        | Command::Templates
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
