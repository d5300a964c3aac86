//! `overseer logs -f`: lines as they come, each once, over restarts; a reader that is too slow is told.

use std::time::Duration;

use overseer_testkit::{Mode, Overseer, until};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use crate::{in_both_modes, start};

in_both_modes! {
    lines_are_printed_as_they_come_and_only_those_asked_for
    a_restart_is_said_and_no_line_is_lost_or_doubled
    a_reader_that_stalls_is_told_of_its_gap_and_burdens_nobody
    a_follow_needs_a_token_and_a_sound_question
}

const SOON: Duration = Duration::from_secs(60);
const COUNTING: &str = "i=0; while true; do echo line $i; i=$((i+1)); usleep 20000; done";

async fn prints(overseer: &Overseer, name: &str, script: &str) {
    overseer.docker.run(&["run", "--detach", "--name", name, "busybox:local", "sh", "-c", script]).await;
}

async fn has_lines(overseer: &Overseer, name: &str) {
    until("the first lines", SOON, async || {
        let listed = overseer.json(&["logs", name]).await;
        listed["lines"].as_array().is_some_and(|lines| lines.len() > 3).then_some(())
    })
    .await;
}

/// A running `overseer logs -f`.
struct Followed {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Followed {
    fn new(overseer: &Overseer, args: &[&str]) -> Self {
        let mut child = overseer.spawn(&[&["logs", "-f"], args].concat());
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }
    async fn next(&mut self) -> String {
        let line = tokio::time::timeout(SOON, self.lines.next_line()).await.expect("a line in time");
        if let Some(line) = line.unwrap() {
            return line;
        }
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
        panic!("it ended: {said}")
    }
    /// The numbers that the container counted, in the next so many lines.
    async fn numbers(&mut self, count: usize) -> Vec<usize> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            let line = self.next().await;
            let (_, number) = line.rsplit_once("line ").unwrap_or_else(|| panic!("no number in {line}"));
            numbers.push(number.parse().unwrap());
        }
        numbers
    }
    fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args([name, &id]).status().unwrap().success());
    }
    async fn ended(mut self) -> (Option<i32>, String) {
        let status = tokio::time::timeout(SOON, self.child.wait()).await.expect("it ends").unwrap();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
        (status.code(), said)
    }
}

fn in_a_row(numbers: &[usize]) -> bool {
    numbers.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

async fn lines_are_printed_as_they_come_and_only_those_asked_for(mode: Mode) {
    let overseer = start(mode).await;
    prints(&overseer, "web", COUNTING).await;
    prints(&overseer, "other", "echo starting; echo ERROR: cannot connect; sleep 3600").await;
    has_lines(&overseer, "web").await;

    // Begun again and again, so that the two halves meet at many places.
    for _ in 0..5 {
        let mut followed = Followed::new(&overseer, &["web", "--tail", "3"]);
        let numbers = followed.numbers(20).await;
        assert!(in_a_row(&numbers), "{numbers:?}");
    }
    let mut all = Followed::new(&overseer, &["web", "--tail", "1000"]);
    assert_eq!(all.numbers(1).await, [0]);
    let mut tens = Followed::new(&overseer, &["web", "--tail", "0", "--grep", "line [0-9]*0$"]);
    assert!(tens.numbers(3).await.windows(2).all(|pair| pair[1] == pair[0] + 10));
    let mut errors = Followed::new(&overseer, &["--severity", "error"]);
    let error = errors.next().await;
    assert!(error.ends_with("other  error     ERROR: cannot connect"), "{error}");
    let mut json = Followed::new(&overseer, &["web", "--tail", "1", "-o", "json"]);
    let message: serde_json::Value = serde_json::from_str(&json.next().await).unwrap();
    assert!(message["line"]["text"].as_str().unwrap().starts_with("line "), "{message}");

    all.signal("-INT");
    let (code, said) = all.ended().await;
    assert_eq!((code, said.as_str()), (Some(0), ""));
    // As in `overseer logs -f | head -1`.
    let Followed { mut child, lines } = tens;
    drop(lines);
    let status = tokio::time::timeout(SOON, child.wait()).await.expect("it ends with its reader").unwrap();
    assert_eq!(status.code(), Some(0));
}

async fn a_restart_is_said_and_no_line_is_lost_or_doubled(mode: Mode) {
    let mut overseer = start(mode).await;
    prints(&overseer, "web", COUNTING).await;
    has_lines(&overseer, "web").await;
    let mut followed = Followed::new(&overseer, &["web", "--tail", "5"]);
    let mut numbers = followed.numbers(20).await;
    for process in ["collector", "gateway"] {
        let process = overseer.process_of(process);
        overseer.kill(process);
        overseer.start_process(process, None).await;
        numbers.extend(followed.numbers(150).await);
    }
    assert!(in_a_row(&numbers), "{numbers:?}");
    let process = overseer.process_of("collector");
    assert!(overseer.stop(process).await.success(), "a follower does not hold up the end");
    overseer.start_process(process, None).await;
    numbers.extend(followed.numbers(100).await);
    assert!(in_a_row(&numbers), "{numbers:?}");
    followed.signal("-INT");
    let (code, said) = followed.ended().await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("; reconnecting") && said.contains("reconnected"), "{said}");
}

async fn a_reader_that_stalls_is_told_of_its_gap_and_burdens_nobody(mode: Mode) {
    let mut overseer = start(mode).await;
    prints(&overseer, "flood", &format!("yes {}", "again-and-again-".repeat(30))).await;
    has_lines(&overseer, "flood").await;
    let mut stalled: Vec<Followed> =
        (0..8).map(|_| Followed::new(&overseer, &["flood", "--tail", "1", "-o", "json"])).collect();
    for followed in &mut stalled {
        followed.next().await;
    }
    const LINES: &str = "overseer_collector_log_lines_total";
    let counted = async |more: f64| {
        let first = overseer.counted("collector", LINES).await;
        until("the flood", Duration::from_secs(120), async || {
            (overseer.counted("collector", LINES).await > first + more).then_some(())
        })
        .await;
    };
    counted(40_000.0).await;
    let collector = overseer.process_of("collector");
    let before = overseer.resident(collector);
    counted(40_000.0).await;
    let after = overseer.resident(collector);
    println!("resident: {} MB, then {} MB", before >> 20, after >> 20);
    // The store itself keeps 64 MB of lines in memory, and up to three times as much while it seals them.
    assert!(after < 512 << 20, "{} MB, {} MB before", after >> 20, before >> 20);
    // With all of them stalled, the collector answers others.
    overseer.text(&["resources"]).await;

    let mut followed = stalled.remove(0);
    // What was on its way before it stalled comes first, and may have had small gaps.
    let gaps = tokio::time::timeout(SOON, async {
        let mut missed = 0;
        while missed < 10_000 {
            let message: serde_json::Value = serde_json::from_str(&followed.next().await).unwrap();
            missed += message["gap"]["lines"].as_str().map_or(0, |lines| lines.parse::<u64>().unwrap());
        }
    });
    gaps.await.expect("what it missed is told");
    let message: serde_json::Value = serde_json::from_str(&followed.next().await).unwrap();
    assert!(message["line"]["text"].as_str().unwrap().starts_with("again-and-again"), "it goes on: {message}");
    assert!(overseer.stop(collector).await.success(), "who stalls does not hold up the end");
}

async fn a_follow_needs_a_token_and_a_sound_question(mode: Mode) {
    let overseer = start(mode).await;
    let client = reqwest_client();
    for (path, token, status, code) in [
        ("logs:follow", "", 401, "unauthenticated"),
        ("logs:follow", "ovs_wrong", 401, "unauthenticated"),
        ("logs:follow?grep=%28", &overseer.token(), 400, "schema_invalid"),
        ("logs:follow?tail=1001", &overseer.token(), 400, "schema_invalid"),
        ("logs:follow?signature=x", &overseer.token(), 400, "schema_invalid"),
        ("logs:other", &overseer.token(), 404, "not_found"),
    ] {
        let url = format!("{}/api/v1/{path}", overseer.address());
        let answer = client.get(url).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let problem: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(problem["code"], code, "{path}: {problem}");
    }
    for args in [&["logs", "-f", "--grep", "("][..], &["logs", "-f", "--until", "1h"], &["logs", "--tail", "0"]] {
        assert_eq!(overseer.cli(args).await.status.code(), Some(2), "{args:?}");
    }
    // Who follows is in the audit chain before it sees a line.
    let entries = async || {
        let chains = overseer.json(&["audit", "verify"]).await;
        let chains = chains["chains"].as_array().cloned().unwrap();
        let chain = chains.into_iter().find(|chain| chain["service"] == "collector").unwrap();
        chain["entries"].as_str().map_or(0, |entries| entries.parse::<u64>().unwrap())
    };
    let before = entries().await;
    prints(&overseer, "web", COUNTING).await;
    let mut followed = Followed::new(&overseer, &["web"]);
    followed.next().await;
    assert_eq!(entries().await, before + 1);
}

fn reqwest_client() -> reqwest::Client {
    let _first = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}
