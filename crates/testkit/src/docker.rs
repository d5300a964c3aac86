//! A Docker engine.

use crate::crashing::{self, CrashPlan, Crashing};
use crate::peer::{self, Peer};
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A private Docker engine with the image `busybox:local` and no network.
///
/// It runs in its own process namespace, so a container's `State.Pid` means nothing outside: end a container's process
/// by `docker kill`, not by pid. `--restart` policies work; containers end when the engine is dropped.
pub struct Docker {
    peer: Peer,
}

impl Docker {
    pub async fn start() -> Self {
        Self { peer: Peer::start("docker", None).await }
    }

    /// The engine's address, as `DOCKER_HOST` takes it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    pub fn socket(&self) -> PathBuf {
        self.peer.folder().join("docker.sock")
    }

    /// The output of `docker <args>`. Panics with what it complained about.
    pub async fn run(&self, args: &[&str]) -> String {
        self.try_run(args).await.unwrap_or_else(|complaint| panic!("docker {}: {complaint}", args.join(" ")))
    }

    /// The output of `docker <args>`, or what it complained about.
    pub async fn try_run(&self, args: &[&str]) -> Result<String, String> {
        let output = self.cli().args(args).output().await.expect("start() found the docker command");
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).trim_end().to_owned())
        }
    }

    /// What a container wrote to stdout and stderr.
    pub async fn logs(&self, container: &str) -> String {
        let output = self.cli().args(["logs", container]).output().await.expect("start() found the docker command");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// Writes this day over that of a container's lines from number `first` on, where the engine keeps them: a line is as
    /// old as the engine says. The container has ended.
    pub async fn date_lines(&self, container: &str, first: usize, date: &str) {
        let path = PathBuf::from(self.run(&["inspect", "--format", "{{.LogPath}}", container]).await);
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            panic!("{container} logs to no file, but to `{}`", path.display())
        };
        let script = format!("{first},$s/\"time\":\"[^T]*T/\"time\":\"{date}T/");
        let (volume, file) = (format!("{}:/log", folder.display()), format!("/log/{}", name.display()));
        // In a container, since the file belongs to root.
        self.run(&["run", "--rm", "--volume", &volume, "busybox:local", "sed", "-i", &script, &file]).await;
    }

    /// Makes the image from this machine's static busybox and returns its name. `start` has done so already; this is for
    /// tests that removed it.
    pub async fn import_busybox(&self) -> String {
        let output = Command::new(peer::script()).args(["busybox", &self.host()]).output().await;
        let output = output.expect("scripts/peer is part of the project and starts");
        assert!(output.status.success(), "busybox: {}", String::from_utf8_lossy(&output.stderr));
        "busybox:local".to_owned()
    }

    /// SIGKILL to dockerd. Its containers run on without it, until it is back and ends those it did not expect.
    pub async fn kill_engine(&self) {
        self.peer.order("kill", "killed").await;
    }

    /// Starts the killed engine again and waits until it answers.
    pub async fn restart_engine(&self) {
        self.peer.order("start", "started").await;
    }

    /// What the engine tells from now on. The stream ends when the engine does.
    pub async fn events(&self) -> DockerEvents {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
        let since = format!("{}.{:09}", since.as_secs(), since.subsec_nanos());
        let mut command = self.cli();
        command.args(["events", "--since", &since, "--format", "{{json .}}"]);
        command.stdout(Stdio::piped()).stderr(Stdio::null()); // it complains when the engine is killed
        let mut child = command.spawn().expect("start() found the docker command");
        let stdout = child.stdout.take().expect("stdout is piped");
        DockerEvents { _child: child, lines: BufReader::new(stdout).lines() }
    }

    /// Starts a container that fails as `plan` says.
    pub async fn crashing_container(&self, name: &str, plan: CrashPlan<'_>) -> Crashing {
        self.crashing_container_with(name, plan, &[]).await
    }

    /// The same with more arguments for `docker run`, such as labels.
    pub async fn crashing_container_with(&self, name: &str, plan: CrashPlan<'_>, args: &[&str]) -> Crashing {
        crashing::start(self, name, plan, args).await
    }

    pub(crate) fn folder(&self) -> &Path {
        self.peer.folder()
    }

    fn cli(&self) -> Command {
        let mut command = Command::new("docker");
        command.env("DOCKER_HOST", self.host()).env("DOCKER_CONFIG", self.peer.folder().join("cli"));
        command.env_remove("DOCKER_CONTEXT").stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

/// One line of `docker events`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerEvent {
    /// `container`, `image`, `network` and so on.
    pub kind: String,
    /// The container's id, when `kind` is `container`.
    pub id: String,
    pub action: String,
    pub attributes: HashMap<String, String>,
    /// The engine's clock, nanoseconds since 1970.
    pub time_nano: i64,
}

/// The running `docker events`, seen by a client that is not ours.
pub struct DockerEvents {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl DockerEvents {
    /// The next event; `None` when the engine has ended.
    pub async fn next(&mut self) -> Option<DockerEvent> {
        let line = self.lines.next_line().await.expect("events are text")?;
        Some(parse(&line).unwrap_or_else(|| panic!("not an event: {line}")))
    }

    /// The next event of container `id` with this action, skipping others. Panics when it does not come within `deadline`.
    pub async fn wait_for(&mut self, id: &str, action: &str, deadline: Duration) -> DockerEvent {
        let mut seen = Vec::new();
        let found = tokio::time::timeout(deadline, async {
            while let Some(event) = self.next().await {
                if event.id == id && event.action == action {
                    return Some(event);
                }
                seen.push(format!("{} {}", event.action, event.id));
            }
            None
        });
        let found = found.await.ok().flatten();
        found.unwrap_or_else(|| panic!("no `{action}` of {id} within {deadline:?}, only: {seen:#?}"))
    }
}

fn parse(line: &str) -> Option<DockerEvent> {
    let event: Value = serde_json::from_str(line).ok()?;
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let attributes = event.pointer("/Actor/Attributes").and_then(Value::as_object).into_iter().flatten();
    let attributes = attributes.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
    Some(DockerEvent {
        kind: text("/Type")?,
        id: text("/Actor/ID")?,
        action: text("/Action")?,
        attributes,
        time_nano: event.pointer("/timeNano")?.as_i64()?,
    })
}
