//! Files that people declare as logs, and what any source may hold.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use overseer_testkit::{Mode, Overseer, until};
use serde_json::Value;

use crate::{SETTINGS, exe, in_both_modes, start};

in_both_modes! {
    a_declared_file_is_read_and_removed_while_overseer_runs
    a_wrong_place_has_a_clear_answer_or_state_and_disturbs_nothing
    no_line_is_too_long_or_can_harm_a_terminal
}

const SOON: Duration = Duration::from_secs(90);

/// An Overseer that may read below a folder.
struct House {
    overseer: Overseer,
    root: tempfile::TempDir,
}

impl House {
    async fn new(mode: Mode) -> Self {
        let root = tempfile::tempdir().unwrap();
        let settings = format!("[collector]\nlog_roots = [{:?}]\n{SETTINGS}", root.path());
        Self { overseer: Overseer::start(exe(), mode, &settings).await, root }
    }
    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }
    async fn add(&self, resource: &str, path: &Path) -> Value {
        let path = path.to_str().unwrap();
        self.overseer.json(&["logs", "source", "add", "--resource", resource, "--path", path]).await
    }
    async fn sources(&self) -> Vec<Value> {
        let listed = self.overseer.json(&["logs", "source", "list"]).await;
        listed["sources"].as_array().cloned().unwrap_or_default()
    }
    async fn state(&self, path: &Path, state: &str) -> Value {
        let end = format!(":{}", path.display());
        until(&format!("{} to be {state}", path.display()), SOON, async || {
            let is_it = |source: &Value| source["instance"].as_str().is_some_and(|instance| instance.ends_with(&end));
            let source = self.sources().await.into_iter().find(is_it)?;
            (source["state"] == format!("LOG_SOURCE_STATE_{state}")).then_some(source)
        })
        .await
    }
    /// The texts of a workload's lines, once there are so many.
    async fn texts(&self, workload: &str, count: usize) -> Vec<String> {
        until(&format!("{count} lines of {workload}"), SOON, async || {
            let listed = self.overseer.json(&["logs", workload, "--tail", "1000"]).await;
            let lines = listed["lines"].as_array().cloned().unwrap_or_default();
            let texts = lines.iter().rev().map(|line| line["text"].as_str().unwrap_or_default().to_owned());
            (lines.len() >= count).then(|| texts.collect::<Vec<_>>())
        })
        .await
    }
    async fn restart_collector(&mut self) {
        let collector = self.overseer.process_of("collector");
        self.overseer.kill(collector);
        self.overseer.start_process(collector, None).await;
    }
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

async fn a_declared_file_is_read_and_removed_while_overseer_runs(mode: Mode) {
    let mut house = House::new(mode).await;
    let path = house.path("app.log");
    append(&path, "one\nERROR two\n");
    let added = house.add("shop/web", &path).await;
    let id = added["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("lsr_") && added["workload"] == "shop/web", "{added}");
    assert_eq!(house.texts("shop/web", 2).await, ["one", "ERROR two"]);
    let lines = house.overseer.json(&["logs", "shop/web", "--severity", "error"]).await;
    assert_eq!(
        (&lines["lines"][0]["stream"], lines["lines"].as_array().unwrap().len()),
        (&"LOG_STREAM_FILE".into(), 1)
    );
    let again = ["logs", "source", "add", "--resource", "shop/web", "--path", path.to_str().unwrap()];
    assert_eq!(house.overseer.cli(&again).await.status.code(), Some(7), "twice is a conflict");
    house.add("shop/copy", &path).await;

    house.restart_collector().await;
    append(&path, "three\n");
    assert_eq!(house.texts("shop/web", 3).await, ["one", "ERROR two", "three"]);
    assert_eq!(house.state(&path, "FOLLOWING").await["dropped"], Value::Null);

    // Removed and declared anew, it goes on where it was.
    for number in 0..3 {
        let of_web = |source: &&Value| source["workload"] == "shop/web";
        let sources = house.sources().await;
        let id = sources.iter().find(of_web).unwrap()["id"].as_str().unwrap().to_owned();
        let said = house.overseer.text(&["logs", "source", "remove", &id]).await;
        assert!(said.contains("is no longer read"), "{said}");
        assert!(!house.sources().await.iter().any(|source| of_web(&source)));
        append(&path, &format!("more {number}\n"));
        house.add("shop/web", &path).await;
        append(&path, &format!("and {number}\n"));
        house.texts("shop/web", 3 + 2 * (number + 1)).await;
    }
    let texts = house.texts("shop/web", 9).await;
    assert_eq!(texts[3..], ["more 0", "and 0", "more 1", "and 1", "more 2", "and 2"]);
    assert_eq!(house.overseer.cli(&["logs", "source", "remove", &id]).await.status.code(), Some(3), "it is gone");
    assert_eq!(house.overseer.cli(&["logs", "source", "remove", "x"]).await.status.code(), Some(3));

    // A folder that is not allowed any more.
    let config = house.overseer.file("overseer.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace(house.root.path().to_str().unwrap(), "/elsewhere")).unwrap();
    house.restart_collector().await;
    let refused = house.state(&path, "REFUSED").await;
    assert!(refused["why"].as_str().unwrap().contains("outside the allowed roots"), "{refused}");
    let chains = house.overseer.json(&["audit", "verify"]).await;
    let of_collector = chains["chains"].as_array().unwrap().iter().find(|chain| chain["service"] == "collector");
    // Two and three that were declared, three removed, beside each look at lines.
    assert!(of_collector.unwrap()["entries"].as_str().unwrap().parse::<u64>().unwrap() >= 8);
}

async fn a_wrong_place_has_a_clear_answer_or_state_and_disturbs_nothing(mode: Mode) {
    let house = House::new(mode).await;
    let good = house.path("good.log");
    append(&good, "first\n");
    house.add("shop", &good).await;
    let inside = |name: &str| house.path(name).to_str().unwrap().to_owned();
    let long = inside(&"x/".repeat(600));
    for (resource, path, exit, said) in [
        ("shop", "/etc/passwd", 4, "log_roots"),
        ("shop", "relative.log", 2, "absolute"),
        ("shop", &inside("../../etc/passwd"), 2, "absolute"),
        ("shop", &inside("./a.log"), 2, "absolute"),
        ("shop", &inside("a\nb.log"), 2, "invisible characters"),
        ("shop", &inside("a\u{202e}gol.b"), 2, "invisible characters"),
        ("shop", &inside("a\u{1b}[2J.log"), 2, "invisible characters"),
        ("shop", "", 2, "absolute"),
        ("shop", &long, 2, "1,000 bytes"),
        ("", &inside("a.log"), 2, "shop/web"),
        ("sh\nop", &inside("a.log"), 2, "shop/web"),
        ("file:x", &inside("a.log"), 2, "shop/web"),
        (&"x".repeat(201), &inside("a.log"), 2, "shop/web"),
    ] {
        let output = house.overseer.cli(&["logs", "source", "add", "--resource", resource, "--path", path]).await;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), told.contains(said)), (Some(exit), true), "{resource:?} {path:?}: {told}");
    }

    fs::create_dir_all(house.path("folder/sub")).unwrap();
    append(&house.path("folder/real.log"), "line\n");
    symlink(house.path("folder"), house.path("link")).unwrap();
    symlink("/etc/passwd", house.path("link.log")).unwrap();
    assert!(Command::new("mkfifo").arg(house.path("pipe")).status().unwrap().success());
    for (name, state, why) in [
        ("folder", "REFUSED", "a folder"),
        ("pipe", "REFUSED", "a pipe"),
        ("link/real.log", "REFUSED", "symbolic link"),
        ("link.log", "REFUSED", "symbolic link"),
        ("missing.log", "WAITING", "does not exist"),
    ] {
        house.add("shop", &house.path(name)).await;
        let source = house.state(&house.path(name), state).await;
        assert!(source["why"].as_str().unwrap().contains(why), "{name}: {source}");
    }
    let table = house.overseer.text(&["logs", "source", "list"]).await;
    assert!(table.contains("`pipe` is a pipe"), "{table}");

    // One that comes and goes, and none of the others is in the way.
    append(&house.path("missing.log"), "here\n");
    house.state(&house.path("missing.log"), "FOLLOWING").await;
    fs::remove_file(house.path("missing.log")).unwrap();
    append(&good, "second\n");
    let mut texts = house.texts("shop", 3).await;
    texts.sort();
    assert_eq!(texts, ["first", "here", "second"]);
}

/// Each harms a terminal or a reader in its own way: ANSI, C1, NUL, bidi, what is not UTF-8.
const HOSTILE: &[u8] = b"\x1b[2J\x1b]0;title\x07 \xc2\x9b31m nul\0nul \xe2\x80\xaeesrever \xff\xfe \x7f end\n";

async fn no_line_is_too_long_or_can_harm_a_terminal(mode: Mode) {
    let house = House::new(mode).await;
    const LENGTH: u64 = 100_000_000;
    let path = house.path("app.log");
    let mut file = File::create(&path).unwrap();
    file.write_all(HOSTILE).unwrap();
    // What is put in the secret's place is longer than it.
    file.write_all(format!("password=hunter2 {}\n", "x".repeat(70_000)).as_bytes()).unwrap();
    let begun = file.metadata().unwrap().len();
    // A hole: zeros that take no room.
    file.set_len(begun + LENGTH).unwrap();
    append(&path, "\nlast\n");
    house.add("filed", &path).await;
    let octal: String = HOSTILE.iter().map(|byte| format!("\\{byte:03o}")).collect();
    let script = format!(
        "printf '{octal}'; printf 'password=hunter2 '; head -c 70000 /dev/zero | tr '\\0' x; echo; \
         head -c {LENGTH} /dev/zero; echo; echo last; sleep 3600"
    );
    house.overseer.docker.run(&["run", "--detach", "--name", "contained", "busybox:local", "sh", "-c", &script]).await;

    for workload in ["filed", "contained"] {
        let texts = house.texts(workload, 4).await;
        assert_eq!((texts.len(), texts[3].as_str()), (4, "last"), "{workload}");
        assert!(texts[0].ends_with("end") && texts[0].contains("nul\0nul"), "{:?}", texts[0]);
        assert!(texts[1].starts_with("password=[redacted:") && !texts[1].contains("hunter2"));
        assert!(texts.iter().all(|text| text.len() <= 64 << 10));
        for args in [&["logs", workload][..], &["logs", workload, "-o", "json"]] {
            let shown = house.overseer.text(args).await;
            let harms = shown.chars().find(|c| *c != '\n' && overseer_model::hides(*c));
            assert_eq!(harms, None, "{args:?}");
        }
    }
    let sources = house.sources().await;
    for source in &sources {
        let dropped = &source["dropped"][0];
        let bytes: u64 = dropped["bytes"].as_str().unwrap().parse().unwrap();
        assert_eq!(dropped["reason"], "LOG_DROP_REASON_LONG_LINE");
        assert!((LENGTH - 65_536..LENGTH + 10_000).contains(&bytes), "{source}");
    }
    assert_eq!(sources.len(), 2);
    house.overseer.docker.run(&["rm", "--force", "contained"]).await;
    until("its source to go", SOON, async || (house.sources().await.len() == 1).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_root_no_file_can_be_declared() {
    let overseer = start(Mode::OneProcess).await;
    let output = overseer.cli(&["logs", "source", "add", "--resource", "a", "--path", "/var/log/syslog"]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("no folder is allowed yet") && said.contains("log_roots"), "{said}");
}
