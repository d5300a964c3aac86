//! Logs of containers, from what they print to what `overseer logs` shows, over the death of the collector.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use overseer_testkit::{Mode, Overseer, until};
use serde_json::Value;

use crate::disk::Disk;
use crate::{SETTINGS, exe, in_both_modes, start};

in_both_modes! {
    every_line_is_shown_once_and_no_secret
    what_recurs_is_listed_and_wrong_questions_are_answered
}

const SOON: Duration = Duration::from_secs(60);

async fn prints(overseer: &Overseer, name: &str, script: &str) {
    overseer.docker.run(&["run", "--detach", "--name", name, "busybox:local", "sh", "-c", script]).await;
}

/// The texts of a container's newest lines, oldest first.
async fn texts(overseer: &Overseer, name: &str) -> Vec<String> {
    let answer = overseer.json(&["logs", name, "--tail", "1000"]).await;
    let lines = answer["lines"].as_array().cloned().unwrap_or_default();
    lines.iter().rev().map(|line| line["text"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn every_line_is_shown_once_and_no_secret(mode: Mode) {
    let mut overseer = start(mode).await;
    let script = "i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); [ $((i % 40)) = 0 ] && sleep 0.2; done; \
                  echo 'login with password=hunter2hunter2'; echo 'ERROR: connection refused' >&2; echo";
    prints(&overseer, "web", script).await;
    let collector = overseer.process_of("collector");
    for _ in 0..3 {
        let before = texts(&overseer, "web").await.len();
        until("more lines", SOON, async || {
            let now = texts(&overseer, "web").await.len();
            (now > before || now == 403).then_some(())
        })
        .await;
        overseer.kill(collector);
        overseer.start_process(collector, None).await;
    }
    until("all lines", SOON, async || (texts(&overseer, "web").await.len() >= 403).then_some(())).await;
    let shown = texts(&overseer, "web").await;
    let mut expected: Vec<String> = (0..400).map(|n| format!("line {n}")).collect();
    let login = shown.iter().find(|line| line.starts_with("login")).unwrap();
    assert!(login.starts_with("login with password=[redacted:") && !login.contains("hunter2"), "{login}");
    expected.extend([login.clone(), "ERROR: connection refused".to_owned(), String::new()]);
    // The two streams of a container have no order between them.
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    assert_eq!(sorted(shown), sorted(expected));

    let errors = overseer.json(&["logs", "web", "--severity", "error", "--since", "1h"]).await;
    let errors = errors["lines"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(
        (&errors[0]["stream"], &errors[0]["severity"]),
        (&"LOG_STREAM_STDERR".into(), &"LOG_SEVERITY_ERROR".into())
    );
    let found = overseer.text(&["logs", "web", "--grep", "line 39[0-9]$"]).await;
    assert_eq!(found.lines().count(), 10, "{found}");
    let none = overseer.text(&["logs", "web", "--until", "2020-01-01T00:00:00Z"]).await;
    assert_eq!(none.trim(), "No log lines found.");
}

async fn what_recurs_is_listed_and_wrong_questions_are_answered(mode: Mode) {
    let overseer = start(mode).await;
    prints(&overseer, "jobs", "for i in 1 2 3 4 5; do echo took $i ms; done; sleep 3600").await;
    let signature: Value = until("the signature", SOON, async || {
        let listed = overseer.json(&["signatures"]).await;
        let signatures = listed["signatures"].as_array().cloned().unwrap_or_default();
        signatures.into_iter().find(|one| one["template"] == "took <*> ms" && one["count"] == "5")
    })
    .await;
    let id = signature["id"].as_str().unwrap();
    let lines = overseer.json(&["logs", "--signature", id]).await;
    assert_eq!(lines["lines"].as_array().unwrap().len(), 5);
    for wrong in [&["logs", "--signature", "x"][..], &["logs", "--since", "soon"], &["logs", "--severity", "bad"]] {
        let output = overseer.cli(wrong).await;
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
    let output = overseer.cli(&["logs", "--grep", "("]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("regular expression"));
}

#[test]
fn the_signatures_of_any_text_are_mined_with_nothing_else_running() {
    let mine = |form: &str, text: &[u8]| {
        let mut child = Command::new(exe())
            .args(["signatures", "mine", "-", "-o", form])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let text = b"took 1 ms\r\ntook 2 ms\n=cmd \xff\0 3\nlast";
    let csv = mine("csv", text);
    let rows: Vec<Vec<&str>> = csv.lines().map(|row| row.splitn(3, ',').collect()).collect();
    assert_eq!(rows[0], ["line", "signature", "template"]);
    assert_eq!((rows[1][0], rows[1][2]), ("1", "\"took <*> ms\""));
    assert_eq!(rows[1][1], rows[2][1]);
    assert!(rows[3][2].starts_with("\"'=cmd"), "no spreadsheet takes it for a formula: {}", rows[3][2]);
    assert_eq!(rows.len(), 5, "the last line has no end");
    let json: Value = serde_json::from_str(&mine("json", text)).unwrap();
    assert_eq!((&json[0]["count"], &json[0]["template"]), (&2.into(), &"took <*> ms".into()));
    assert_eq!(json[0]["id"], rows[1][1]);
    let long = vec![b'x'; 100_000_000];
    assert_eq!(mine("csv", &long).lines().count(), 2);
    for wrong in ["/", "/nowhere"] {
        let output = Command::new(exe()).args(["signatures", "mine", wrong]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(!output.stderr.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_wait_for_room_on_a_full_disk() {
    let mut overseer = Overseer::prepare(exe(), Mode::OneProcess, SETTINGS).await;
    let disk = Disk::mount(overseer.data_dir());
    overseer.start_all().await;
    prints(&overseer, "web", "i=0; while true; do echo line $i; i=$((i+1)); sleep 0.1; done").await;
    let shown = async || texts(&overseer, "web").await.len();
    until("the first lines", SOON, async || (shown().await >= 10).then_some(())).await;

    disk.fill();
    until("the shortage to be told", SOON, async || {
        overseer.log_of("up").contains("log lines waiting for the log store").then_some(())
    })
    .await;
    disk.free();

    let more = shown().await + 30;
    until("the lines that waited", SOON, async || (shown().await >= more).then_some(())).await;
    let shown = texts(&overseer, "web").await;
    let expected: Vec<String> = (0..shown.len()).map(|number| format!("line {number}")).collect();
    assert_eq!(shown, expected, "none is missing, none is there twice");
    assert!(overseer.stop("up").await.success());
}
