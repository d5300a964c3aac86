//! Raw log lines stay at the site. Containers log words that are in no vocabulary, of every kind and at every
//! frequency; none of them is on the bus, in a table, in a notice, in a narrative or in a service's own log, while
//! `overseer logs` shows them.

use std::fmt::Write;
use std::fs;
use std::time::Duration;

use overseer_testkit::{Mode, Overseer, Tap, until};

use crate::{in_both_modes, start};

in_both_modes! {
    no_word_of_a_line_leaves_the_site
}

/// A minute is told when it is over.
const A_MINUTE: Duration = Duration::from_secs(180);

/// What is looked for, in lower case.
const CANARIES: [&str; 4] = ["kanar", "8675309", "c0ffeec0ffee", "канар"];

/// How a canary stands in a line; `@` becomes a word.
const KINDS: &[&str] = &[
    "@",
    "ERROR @ failed to start",
    "user @ logged in",
    "the @Error of @ was not handled",
    "@_FAILED: connection closed",
    "mail from @@@.example was refused",
    "connect to @.internal.example:5432 failed",
    "open /srv/@/data: no such file",
    "C:\\@\\data is missing",
    "GET https://@.example/@?q=@ failed",
    "session for \"@ and more\" closed",
    "name=@ status=failed",
    "@=1 state=ready",
    "level=error msg=\"disk @ is full\" disk=@",
    "{\"level\":\"error\",\"msg\":\"@ is missing\",\"@\":\"@\",\"host\":\"@\"}",
    "WARN [@-worker-1] com.@.Service@: retry in 5 s",
    "id 8675309 of @",
    "order 8675309 is late",
    "request c0ffeec0ffee4a3b8c2d1e0f was refused",
    "Канарейка @ не найдена",
    "java.lang.@Exception: @ is null\n\tat com.@.Main.run(@.java:42)\nCaused by: @.Broken: @",
    "Traceback (most recent call last):\n  File \"/app/@.py\", line 1, in @\n@Error: @",
    "panicked at src/@.rs:7:1: @",
    "\u{1b}[31m@\u{1b}[0m is red",
];

/// How often each stands in the log.
const TIMES: [usize; 4] = [1, 2, 12, 300];

/// Letters only, another for each kind and number of times.
fn word(kind: usize, times: usize) -> String {
    let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
    format!("kanar{}{}{}", letter(kind), letter(kind / 26), letter(times))
}

fn log(frame: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    for (kind, form) in KINDS.iter().enumerate() {
        for (place, times) in TIMES.iter().enumerate() {
            let line = frame(&form.replace('@', &word(kind, place)));
            for _ in 0..*times {
                writeln!(text, "{line}").unwrap();
            }
        }
    }
    text
}

async fn prints(overseer: &Overseer, name: &str, text: &str, then: &str) -> String {
    let file = overseer.file(&format!("{name}.txt"));
    fs::write(&file, text).unwrap();
    let (volume, program) = (format!("{}:/log:ro", file.display()), format!("cat /log; {then}"));
    let run = ["run", "--detach", "--name", name, "--restart", "on-failure:2", "--volume", &volume];
    overseer.docker.run(&[&run[..], &["busybox:local", "sh", "-c", &program]].concat()).await
}

/// Everything that left the collector, and everything that is kept outside the log store.
async fn told(overseer: &Overseer, tap: Option<&Tap>) -> String {
    let mut told = overseer.tables().await;
    told.extend(tap.map(Tap::text));
    for hook in overseer.hook.received() {
        told.push_str(&hook.body.to_string());
    }
    for process in overseer.processes() {
        told.push_str(&overseer.log_of(process));
    }
    told
}

async fn no_word_of_a_line_leaves_the_site(mode: Mode) {
    let overseer = start(mode).await;
    let tap = match &overseer.nats {
        Some(nats) => Some(nats.tap().await),
        None => None,
    };
    let web = prints(&overseer, "web", &log(str::to_owned), "exit 1").await;
    // The same words in signatures of another workload.
    prints(&overseer, "jobs", &log(|line| format!("job 7: {line}")), "sleep 3600").await;

    let incident = overseer.incident(&web, |_| true).await;
    let id = incident["id"].as_str().unwrap();
    let plan = overseer.plan(&incident, |plan| plan["state"] == "PLAN_STATE_READY").await;
    overseer.text(&["approve", plan["id"].as_str().unwrap()]).await;
    overseer.action(&plan, |action| action["state"] == "STEP_STATE_FAILED").await;

    let shown = overseer.text(&["logs", "--grep", "(?i)kanar", "--tail", "1000"]).await;
    assert!(shown.lines().count() > 900, "the site shows its lines: {}", shown.lines().count());
    until("a minute's count", A_MINUTE, async || {
        let told = told(&overseer, tap.as_ref()).await;
        let counts = told.split("\"count\":\"").skip(1).filter_map(|rest| rest.split('"').next()?.parse::<u64>().ok());
        counts.max().is_some_and(|most| most >= 250).then_some(())
    })
    .await;

    let mut told = told(&overseer, tap.as_ref()).await;
    assert!(told.contains("\"publicForm\""), "log facts are told");
    assert!(told.contains("connection closed"), "common words are kept");
    let story = overseer.text(&["incident", "show", id]).await;
    assert!(story.contains("web exited"), "{story}");
    told.push_str(&story);
    let told = told.to_lowercase();
    for canary in CANARIES {
        if let Some(at) = told.find(canary) {
            let (before, after) = (&told[..at], &told[at..]);
            let before: String = before.chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect();
            let after: String = after.chars().take(200).collect();
            panic!("{canary} left the site: {before}{after}");
        }
    }
}
