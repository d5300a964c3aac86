//! A peer's process: `scripts/peer` behind a pipe.
//!
//! The pipe is also the leash. When it closes, because the peer is dropped or the test process is gone, the script ends the
//! peer and removes its folder. This works for peers in statics and for tests that are killed, and needs no `Drop` to run.

use ring::rand::SecureRandom;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::{Mutex, mpsc};

/// Longest wait for a start or an order. A cold start takes 1 s for the engine and 3 s for PostgreSQL; the rest is for loaded machines.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// Longest wait for the end of a peer.
const END_WITHIN: Duration = Duration::from_secs(30);

pub(crate) struct Peer {
    name: &'static str,
    script: Child,
    leash: Mutex<Option<Leash>>,
    folder: TempDir,
}

struct Leash {
    orders: ChildStdin,
    answers: mpsc::UnboundedReceiver<String>,
}

impl Peer {
    /// Starts peer `name` of `scripts/peer` in a new folder and waits until it answers.
    pub(crate) async fn start(name: &'static str, port: Option<u16>) -> Self {
        Self::start_with(name, port, &[]).await
    }

    /// The same with files in its folder.
    pub(crate) async fn start_with(name: &'static str, port: Option<u16>, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("ovs-").tempdir().expect("a temporary folder");
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).expect("a file of the peer");
        }
        let mut command = Command::new(script());
        command.args(["--throwaway", name]).arg(folder.path()).args(port.map(|port| port.to_string()));
        // An own process group: Ctrl-C in a terminal ends the test, and the closing pipe then ends the peer in order.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut script = command.spawn().expect("scripts/peer is part of the project and starts");
        let orders = script.stdin.take().expect("stdin is piped");
        let answers = lines_of(script.stdout.take().expect("stdout is piped"));
        let peer = Self { name, script, leash: Mutex::new(Some(Leash { orders, answers })), folder };
        peer.answered("ready", None).await;
        peer
    }

    /// Gives one order and waits for its answer.
    pub(crate) async fn order(&self, order: &str, answer: &str) {
        self.answered(answer, Some(order)).await;
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    async fn answered(&self, answer: &str, order: Option<&str>) {
        let mut leash = self.leash.lock().await;
        let leash = leash.as_mut().expect("the leash is only taken on drop");
        if let Some(order) = order {
            writeln!(leash.orders, "{order}").unwrap_or_else(|e| panic!("{} is gone before `{order}`: {e}", self.name));
        }
        let mut said = Vec::new();
        let heard = tokio::time::timeout(ANSWER_WITHIN, async {
            while let Some(line) = leash.answers.recv().await {
                if line == answer {
                    return true;
                }
                said.push(line);
            }
            false
        });
        match heard.await {
            Ok(true) => {}
            Ok(false) => panic!("{}: {}", self.name, said.join("\n")),
            Err(_) => panic!("{} was not `{answer}` within {ANSWER_WITHIN:?}: {}", self.name, said.join("\n")),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.leash.get_mut().take());
        let end = Instant::now() + END_WITHIN;
        while matches!(self.script.try_wait(), Ok(None)) {
            if Instant::now() > end {
                eprintln!("{} did not end within {END_WITHIN:?}, see process {}", self.name, self.script.id());
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A loopback port that is free now and stays so: it lies below the range from which the kernel takes ports for
/// outgoing connections, so that a killed peer finds it free when it comes back.
pub(crate) fn free_port() -> u16 {
    const LOWEST: u16 = 15_000;
    const COUNT: u16 = 17_000; // up to 32 000; the kernel's own range begins at 32 768
    // Each port is given once in this process: one whose peer was killed is only seemingly free.
    static NEXT: std::sync::OnceLock<std::sync::atomic::AtomicU16> = std::sync::OnceLock::new();
    let next = NEXT.get_or_init(|| {
        let mut random = [0; 2];
        ring::rand::SystemRandom::new().fill(&mut random).expect("the system has randomness");
        (u16::from_be_bytes(random) % COUNT).into()
    });
    for _ in 0..COUNT {
        let port = LOWEST + next.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free loopback port between {LOWEST} and {}", LOWEST + COUNT)
}

pub(crate) fn script() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/peer");
    script.canonicalize().expect("tests run inside the project's folder, where scripts/peer is")
}

/// The lines of `source`, read by a thread: a peer may outlive the runtime of the test that started it.
fn lines_of(source: impl std::io::Read + Send + 'static) -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in BufReader::new(source).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
