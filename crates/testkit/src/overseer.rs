//! Overseer itself, run as its users run it: the binary with a configuration file, beside real peers, in one process or
//! in one per service.

use crate::{Docker, Nats, Postgres, WebhookReceiver, until};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How the services are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `overseer up`, on SQLite and the bus inside.
    OneProcess,
    /// `overseer serve` once per service, on NATS and PostgreSQL.
    ProcessPerService,
}

const SERVICES: [&str; 7] =
    ["identity", "control-plane", "collector", "incident-engine", "executor", "notifier", "gateway"];
/// The second process of a service, by its own name.
const TWINS: [(&str, &str); 5] = [
    ("control-plane", "control-plane-2"),
    ("collector", "collector-2"),
    ("incident-engine", "incident-engine-2"),
    ("executor", "executor-2"),
    ("notifier", "notifier-2"),
];
/// Start of a debug build on a loaded machine.
const START_WITHIN: Duration = Duration::from_secs(60);

/// A running Overseer with its peers.
pub struct Overseer {
    pub mode: Mode,
    pub docker: Docker,
    pub hook: WebhookReceiver,
    /// Both only for [`Mode::ProcessPerService`].
    pub nats: Option<Nats>,
    pub postgres: Option<Postgres>,
    exe: PathBuf,
    folder: TempDir,
    /// Of each service; in one process only the gateway's is used.
    ports: HashMap<&'static str, u16>,
    processes: HashMap<&'static str, Child>,
}

impl Overseer {
    /// Starts the binary `exe` with peers of its own. `settings` are lines of TOML for sections that the fixture leaves
    /// alone, for example `[executor]\nwindow_s = 2`.
    pub async fn start(exe: &Path, mode: Mode, settings: &str) -> Self {
        let mut overseer = Self::prepare(exe, mode, settings).await;
        overseer.start_all().await;
        overseer
    }

    /// The same without starting the binary yet.
    pub async fn prepare(exe: &Path, mode: Mode, settings: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("ovs-").tempdir().expect("a temporary folder");
        let hook = WebhookReceiver::start().await;
        fs::write(folder.path().join("hook.secret"), hook.secret()).expect("a file for the secret");
        let (nats, postgres) = match mode {
            Mode::OneProcess => (None, None),
            Mode::ProcessPerService => {
                let users = nats_users(exe, &folder.path().join("data"));
                (Some(Nats::with_users(&users).await), Some(Postgres::start().await))
            }
        };
        let twins = TWINS.iter().map(|(_, twin)| *twin);
        let ports = SERVICES.into_iter().chain(twins).map(|process| (process, crate::peer::free_port())).collect();
        let overseer = Self {
            mode,
            docker: Docker::start().await,
            hook,
            nats,
            postgres,
            exe: exe.to_owned(),
            folder,
            ports,
            processes: HashMap::new(),
        };
        let database = overseer.postgres.as_ref().map(Postgres::url_template).unwrap_or_default();
        fs::write(overseer.folder.path().join("overseer.toml"), overseer.config(&database, settings))
            .expect("a configuration file");
        overseer
    }

    fn config(&self, database: &str, settings: &str) -> String {
        let bus = self.nats.as_ref().map(|nats| nats.url()).unwrap_or_default();
        let mut text = format!(
            "data_dir = {:?}\n[storage]\nurl = {database:?}\n[bus]\nurl = {bus:?}\n[listen]\n",
            self.data_dir()
        );
        for (service, port) in self.ports.iter().filter(|(process, _)| SERVICES.contains(process)) {
            writeln!(text, "{} = \"127.0.0.1:{port}\"", service.replace('-', "_")).expect("a String takes all");
        }
        writeln!(
            text,
            "[[notifier.webhooks]]\nname = \"test\"\nurl = {:?}\nsecret_file = {:?}\nreach = \"declared\"\n{settings}",
            self.hook.url(),
            self.folder.path().join("hook.secret")
        )
        .expect("a String takes all");
        text
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A new file name in the fixture's folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The processes that this mode has.
    pub fn processes(&self) -> Vec<&'static str> {
        match self.mode {
            Mode::OneProcess => vec!["up"],
            Mode::ProcessPerService => SERVICES.to_vec(),
        }
    }

    /// The process in which a service runs.
    pub fn process_of(&self, service: &'static str) -> &'static str {
        match self.mode {
            Mode::OneProcess => "up",
            Mode::ProcessPerService => service,
        }
    }

    /// Starts every process and waits until all are ready.
    pub async fn start_all(&mut self) {
        for process in self.processes() {
            self.begin(process, None);
        }
        for process in self.processes() {
            self.ready(process).await;
        }
    }

    /// Starts one process, with a fault such as `executor_acted:kill:1`, and waits until it is ready.
    pub async fn start_process(&mut self, process: &'static str, fault: Option<&str>) {
        self.begin(process, fault);
        self.ready(process).await;
    }

    /// Starts a second process of a service on the same store and bus, and waits until it is ready; its name.
    pub async fn start_twin(&mut self, service: &'static str) -> &'static str {
        let (_, twin) = TWINS.iter().find(|(of, _)| *of == service).expect("it can have a twin");
        self.start_process(twin, None).await;
        twin
    }

    /// Starts one process with a fault that ends it before it is ready, and waits for that.
    pub async fn start_and_die(&mut self, process: &'static str, fault: &str) {
        self.begin(process, Some(fault));
        self.ended(process).await;
    }

    /// What readiness says of a process.
    pub async fn readiness(&self, process: &'static str) -> String {
        http_get(self.ports[process], "/readyz?verbose").await.unwrap_or_default()
    }

    /// Asks the services' database, as its superuser.
    pub async fn sql(&self, statement: &str) -> String {
        let postgres = self.postgres.as_ref().expect("only with a process per service");
        let answer = Postgres::psql(&postgres.admin_url(), statement).await;
        answer.unwrap_or_else(|complaint| panic!("{complaint}"))
    }

    fn begin(&mut self, process: &'static str, fault: Option<&str>) {
        let mut command = self.command();
        match self.mode {
            Mode::OneProcess => command.arg("up"),
            Mode::ProcessPerService => match TWINS.iter().find(|(_, twin)| *twin == process) {
                None => command.args(["serve", process]),
                Some((service, _)) => {
                    let key = format!("OVERSEER__LISTEN__{}", service.replace('-', "_").to_uppercase());
                    command.args(["serve", service]).env(key, format!("127.0.0.1:{}", self.ports[process]))
                }
            },
        };
        command.arg("--config").arg(self.folder.path().join("overseer.toml"));
        let log = File::options().create(true).append(true).open(self.log(process)).expect("a log file");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a file can be cloned")).stderr(log);
        if let Some(fault) = fault {
            command.env("OVERSEER_FAULT", fault);
        }
        let child = command.spawn().unwrap_or_else(|error| panic!("{} does not start: {error}", self.exe.display()));
        self.processes.insert(process, child);
    }

    async fn ready(&mut self, process: &'static str) {
        let port = self.ports[if process == "up" { "gateway" } else { process }];
        let log = self.log(process);
        let child = self.processes.get_mut(process).expect("it was begun");
        until(&format!("{process} to be ready"), START_WITHIN, async || {
            if let Some(status) = child.try_wait().expect("a child can be asked") {
                panic!("{process} ended with {status}:\n{}", fs::read_to_string(&log).unwrap_or_default());
            }
            let answer = http_get(port, "/readyz").await?;
            answer.starts_with("HTTP/1.1 200").then_some(())
        })
        .await;
    }

    /// Kills a process with SIGKILL.
    pub fn kill(&mut self, process: &'static str) {
        let mut child = self.processes.remove(process).expect("it runs");
        child.kill().expect("a child can be killed");
        child.wait().expect("a killed child ends");
    }

    /// Waits until a process has ended by itself, as a fault makes it.
    pub async fn ended(&mut self, process: &'static str) {
        let child = self.processes.get_mut(process).expect("it was begun");
        until(&format!("{process} to end"), Duration::from_secs(60), async || child.try_wait().expect("a child")).await;
        self.processes.remove(process);
    }

    /// Asks a process to end, and waits until it has.
    pub async fn stop(&mut self, process: &'static str) -> std::process::ExitStatus {
        let mut child = self.processes.remove(process).expect("it runs");
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("`kill` runs").success());
        until(&format!("{process} to stop"), Duration::from_secs(30), async || child.try_wait().expect("a child")).await
    }

    pub fn process_id(&self, process: &'static str) -> u32 {
        self.processes[process].id()
    }

    /// What the process of a service counts under a name; 0 before the first.
    pub async fn counted(&self, service: &'static str, name: &str) -> f64 {
        let port = match self.mode {
            Mode::OneProcess => self.ports["gateway"],
            Mode::ProcessPerService => self.ports[service],
        };
        let text = http_get(port, "/metrics").await.unwrap_or_default();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or(0.0)
    }

    /// Memory of a process that is in use now. Bytes.
    pub fn resident(&self, process: &'static str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.process_id(process))).expect("it runs");
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the kernel tells it");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    fn log(&self, process: &str) -> PathBuf {
        self.folder.path().join(format!("{process}.log"))
    }

    /// What a process has logged so far, over all its lives.
    pub fn log_of(&self, process: &str) -> String {
        fs::read_to_string(self.log(process)).unwrap_or_default()
    }

    /// All that the services' tables hold, as text.
    pub async fn tables(&self) -> String {
        if let Some(postgres) = &self.postgres {
            let sql = "SELECT database_to_xml(true, true, '')";
            return Postgres::psql(&postgres.admin_url(), sql).await.unwrap_or_else(|complaint| panic!("{complaint}"));
        }
        let files = fs::read_dir(self.data_dir()).expect("a data folder").map(|entry| entry.expect("an entry").path());
        let tables = files.filter(|path| path.to_string_lossy().contains(".db"));
        let bytes = tables.filter_map(|path| fs::read(path).ok());
        bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.exe);
        command
            .env("DOCKER_HOST", self.docker.host())
            .env("OVERSEER_CONTEXT", self.folder.path().join("context.json"))
            .env_remove("OVERSEER_FAULT");
        command
    }

    /// Runs the command line.
    pub async fn cli(&self, args: &[&str]) -> Output {
        let mut command = tokio::process::Command::from(self.command());
        command.args(args).kill_on_drop(true).output().await.expect("the command line runs")
    }

    /// Begins a command that goes on, with pipes to what it prints.
    pub fn spawn(&self, args: &[&str]) -> tokio::process::Child {
        let mut command = tokio::process::Command::from(self.command());
        let command = command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true).spawn().expect("the command line runs")
    }

    /// Runs the command line, which must succeed, and gives what it printed.
    pub async fn text(&self, args: &[&str]) -> String {
        let output = self.cli(args).await;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "overseer {args:?} failed:\n{out}\n{err}");
        out.into_owned()
    }

    /// The same with `-o json`.
    pub async fn json(&self, args: &[&str]) -> Value {
        let text = self.text(&[args, &["-o", "json"]].concat()).await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    /// The port of a service.
    pub fn port(&self, service: &str) -> u16 {
        self.ports[service]
    }

    /// The gateway's address.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports["gateway"])
    }

    /// The admin token, from the context file.
    pub fn token(&self) -> String {
        let text = fs::read_to_string(self.folder.path().join("context.json")).expect("the first start writes it");
        let context: Value = serde_json::from_str(&text).expect("the context is JSON");
        context["token"].as_str().expect("it has a token").to_owned()
    }

    /// The incident of a container, once there is one for which `holds`.
    pub async fn incident(&self, container: &str, holds: impl Fn(&Value) -> bool) -> Value {
        self.listed(&["incidents"], "incidents", &format!("an incident of {container}"), |incident| {
            incident["resource"]["id"] == container && holds(incident)
        })
        .await
    }

    /// A plan of an incident, once there is one for which `holds`.
    pub async fn plan(&self, incident: &Value, holds: impl Fn(&Value) -> bool) -> Value {
        self.listed(&["plans"], "plans", "a plan", |plan| {
            plan["subject"]["incidentId"] == incident["id"] && holds(plan)
        })
        .await
    }

    /// An action of a plan, once there is one for which `holds`.
    pub async fn action(&self, plan: &Value, holds: impl Fn(&Value) -> bool) -> Value {
        self.listed(&["actions"], "actions", "an action", |action| action["planId"] == plan["id"] && holds(action))
            .await
    }

    async fn listed(&self, args: &[&str], list: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let found = tokio::time::timeout(Duration::from_secs(120), async {
            loop {
                let output = self.cli(&[args, &["-o", "json"]].concat()).await;
                last = serde_json::from_slice(&output.stdout).unwrap_or_default();
                let all = last[list].as_array().cloned().unwrap_or_default();
                if let Some(found) = all.into_iter().find(|entry| holds(entry)) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        match found.await {
            Ok(found) => found,
            Err(_) => panic!("waited in vain for {what}; the last list: {last:#}"),
        }
    }
}

/// The users of the services, as an installation makes them before its first start.
fn nats_users(exe: &Path, data_dir: &Path) -> String {
    let output = Command::new(exe).args(["config", "nats", "--data-dir"]).arg(data_dir).output();
    let output = output.unwrap_or_else(|error| panic!("{} does not start: {error}", exe.display()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}

fn tail(process: &str, log: &str) -> String {
    let lines: Vec<&str> = log.lines().rev().take(15).collect();
    let lines: Vec<&str> = lines.into_iter().rev().collect();
    format!("--- {process}\n{}\n", lines.join("\n"))
}

impl Drop for Overseer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for process in self.processes() {
                eprintln!("{}", tail(process, &self.log_of(process)));
            }
        }
        for child in self.processes.values_mut() {
            // One that has ended already needs no end.
            let _ended = child.kill();
            let _reaped = child.wait();
        }
    }
}

/// A bare GET; `None` while nobody answers.
pub async fn http_get(port: u16, path: &str) -> Option<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}
