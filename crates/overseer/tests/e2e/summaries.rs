//! Log summaries: what is left of lines that were kept long enough, and whether it is as it was signed.

use std::fs;
use std::process::Output;
use std::time::Duration;

use overseer_logs::chronicle::{Day, Month};
use overseer_logstore::{Config, Objects, Store};
use overseer_model::Timestamp;
use overseer_testkit::{Mode, Overseer, until};
use serde_json::Value;

use crate::http::{Http, refused};
use crate::{SETTINGS, exe, in_both_modes};

in_both_modes! {
    old_lines_leave_a_signed_summary_of_each_month_and_nothing_else
}

const SOON: Duration = Duration::from_secs(60);
/// Ages of lines, in days. They are in two months whatever the date, and younger than what is usually kept.
const LONG_AGO: u32 = 75;
const SOME_TIME_AGO: u32 = 40;

fn day(ago: u32) -> Day {
    Day::of(Timestamp::now()).back(ago)
}

fn month(ago: u32) -> String {
    day(ago).month().to_string()
}

/// An Overseer whose lines are old: of `shop/web` in two months and of `worker` in one, both kept a day; of `keeper`,
/// kept as usual.
struct House {
    overseer: Overseer,
}

impl House {
    async fn new(mode: Mode) -> Self {
        let settings = format!("[collector]\nlog_keep_days_of = {{ \"shop/web\" = 1, worker = 1 }}\n{SETTINGS}");
        let mut house = Self { overseer: Overseer::prepare(exe(), mode, &settings).await };
        let service = ["--label", "com.docker.compose.project=shop", "--label", "com.docker.compose.service=web"];
        house.logged("web", &service, "took 1 ms\ntook 2 ms\n", LONG_AGO).await;
        house.logs_again("web", "login of anna with password=hunter2hunter2\ntook 3 ms\n").await;
        house.logs_again("web", "ERROR connection to zanzibar-7 refused\ntook 4 ms\ntook 5 ms\n").await;
        house.date_lines("web", 3, SOME_TIME_AGO).await;
        house.logged("worker", &[], "tick\n", SOME_TIME_AGO).await;
        house.logged("keeper", &[], "tick\n", SOME_TIME_AGO).await;
        house.overseer.start_all().await;
        for (workload, count) in [("shop/web", 7), ("worker", 1), ("keeper", 1)] {
            let what = format!("the lines of {workload}");
            until(&what, SOON, async || (house.lines(workload).await.len() == count).then_some(())).await;
        }
        house
    }

    /// A container that logged this on one day and ended.
    async fn logged(&self, name: &str, args: &[&str], text: &str, ago: u32) {
        // It logs what it is asked to at each start.
        let said = self.overseer.file(name);
        fs::write(&said, text).unwrap();
        let volume = format!("{}:/said", said.display());
        let run = ["run", "--name", name, "--volume", &volume];
        self.overseer.docker.run(&[&run[..], args, &["busybox:local", "cat", "/said"]].concat()).await;
        self.date_lines(name, 1, ago).await;
    }

    /// The same container, and the lines of another start.
    async fn logs_again(&self, name: &str, text: &str) {
        fs::write(self.overseer.file(name), text).unwrap();
        self.overseer.docker.run(&["start", "--attach", name]).await;
    }

    async fn date_lines(&self, name: &str, first: usize, ago: u32) {
        self.overseer.docker.date_lines(name, first, &day(ago).begin().to_string()[..10]).await;
    }

    async fn lines(&self, workload: &str) -> Vec<Value> {
        let listed = self.overseer.json(&["logs", workload]).await;
        listed["lines"].as_array().cloned().unwrap_or_default()
    }

    /// Restarts the collector. What is unsealed is deleted an hour later at the soonest; here it is sealed in between.
    async fn let_lines_go(&mut self) {
        let collector = self.overseer.process_of("collector");
        assert!(self.overseer.stop(collector).await.success());
        let folder = self.overseer.data_dir().join("logs");
        let seal = move || {
            let objects = Objects::directory(&folder.join("segments")).unwrap();
            let (store, report) = Store::open(&folder.join("open"), objects, Config::default()).unwrap();
            assert_eq!((report.recovered, store.segments().unwrap().len()), (9, 0), "it is the collector's store");
            store.seal().unwrap();
        };
        tokio::task::spawn_blocking(seal).await.unwrap();
        self.overseer.start_process(collector, None).await;
    }

    /// Month and workload of each summary, in pages of this size.
    async fn listed(&self, http: &Http, size: usize) -> Vec<(String, String)> {
        let (mut listed, mut token) = (vec![], String::new());
        loop {
            let path = format!("/api/v1/log-summaries?pageSize={size}&pageToken={token}");
            let (status, page) = http.get(&path, &self.overseer.token()).await;
            assert_eq!(status, 200, "{page}");
            let heads = page["summaries"].as_array().cloned().unwrap_or_default();
            assert!(heads.len() <= size, "{page}");
            listed.extend(heads.iter().map(|head| (text(&head["month"]), text(&head["workload"]))));
            token = text(&page["nextPageToken"]).replace(' ', "%20").replace('/', "%2F");
            if token.is_empty() {
                return listed;
            }
        }
    }

    /// Refused with this exit code, by words with this in them.
    async fn refuses(&self, args: &[&str], exit: i32, why: &str) {
        let Output { status, stderr, stdout } = self.overseer.cli(args).await;
        let said = String::from_utf8_lossy(&stderr);
        assert_eq!((status.code(), said.contains(why)), (Some(exit), true), "{args:?}: {said}");
        assert!(stdout.is_empty(), "{args:?}: nothing of it is shown");
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

async fn old_lines_leave_a_signed_summary_of_each_month_and_nothing_else(mode: Mode) {
    let mut house = House::new(mode).await;
    assert!(house.overseer.json(&["log-summaries"]).await["summaries"].is_null());
    house.let_lines_go().await;
    let of_web = until("the summaries of shop/web", SOON, async || {
        let listed = house.overseer.json(&["log-summaries", "shop/web"]).await;
        listed["summaries"].as_array().filter(|heads| heads.len() == 2).cloned()
    });
    let events: Vec<String> = of_web.await.iter().map(|head| text(&head["events"])).collect();
    assert_eq!(events, ["5", "2"]);
    until("the lines to be gone", SOON, async || house.lines("shop/web").await.is_empty().then_some(())).await;
    assert!(house.lines("worker").await.is_empty());
    assert_eq!(house.lines("keeper").await.len(), 1, "others are kept as long as they are");
    let chains = house.overseer.json(&["audit", "verify"]).await;
    assert!(chains["chains"].as_array().unwrap().iter().all(|chain| chain["brokenAt"].is_null()), "{chains}");

    the_list_comes_in_pages(&house).await;
    it_is_shown_without_a_line(&house).await;
    only_what_was_signed_is_verified(&house).await;
}

async fn the_list_comes_in_pages(house: &House) {
    let http = Http::new(&house.overseer);
    let (newer, older) = (month(SOME_TIME_AGO), month(LONG_AGO));
    let all = [(&newer, "shop/web"), (&newer, "worker"), (&older, "shop/web")];
    let all: Vec<(String, String)> = all.map(|(month, workload)| (month.clone(), workload.to_owned())).into();
    for size in [1, 2, 3, 500] {
        assert_eq!(house.listed(&http, size).await, all, "in pages of {size}");
    }
    let wrong = http.get("/api/v1/log-summaries?pageToken=nonsense", &house.overseer.token()).await;
    refused(&wrong, 400, "schema_invalid");
    refused(&http.get("/api/v1/log-summaries", "ovs_wrong").await, 401, "unauthenticated");
    let table = house.overseer.text(&["log-summaries", "worker"]).await;
    assert!(table.contains(&newer) && table.contains("worker") && !table.contains("shop/web"), "{table}");
}

async fn it_is_shown_without_a_line(house: &House) {
    let newer = month(SOME_TIME_AGO);
    let shown = house.overseer.text(&["log-summary", "show", "shop/web", &newer]).await;
    assert!(shown.starts_with(&format!("shop/web at home, {newer}: 5 events\n")), "{shown}");
    assert!(shown.contains("signature valid, key ") && shown.contains("took <*> ms"), "{shown}");
    let signed = house.overseer.json(&["log-summary", "show", "shop/web", &newer]).await;
    let summary: Value = serde_json::from_str(signed["document"].as_str().unwrap()).unwrap();
    let worst = &summary["signatures"][0];
    assert_eq!((&worst["severity"], text(&worst["count"])), (&"LOG_SEVERITY_ERROR".into(), "1".to_owned()));
    assert!(text(&worst["publicForm"]).contains("connection"), "{summary}");
    let first: Month = newer.parse().unwrap();
    let at = usize::try_from(day(SOME_TIME_AGO).0 - first.first().0).unwrap();
    assert_eq!(text(&summary["eventsPerDay"][at]), "5", "{summary}");
    for private in ["anna", "hunter2", "zanzibar"] {
        assert!(!shown.contains(private) && !signed.to_string().contains(private), "{private} is in {shown}");
    }
    house.refuses(&["log-summary", "show", "shop/web", "2001-01"], 3, "log summary not found").await;
    house.refuses(&["log-summary", "show", "keeper", &newer], 3, "/api/v1/log-summaries").await;
    house.refuses(&["log-summary", "show", "shop/web", "2026-13"], 2, "expected YYYY-MM").await;
}

async fn only_what_was_signed_is_verified(house: &House) {
    let overseer = &house.overseer;
    let newer = month(SOME_TIME_AGO);
    let args = ["log-summary", "show", "shop/web", newer.as_str()];
    let (shown, signed) = (overseer.text(&args).await, overseer.json(&args).await);
    let other = overseer.json(&["log-summary", "show", "worker", &newer]).await;
    let path = overseer.file("summary.json");
    let file = path.to_str().unwrap();
    let key = text(&signed["publicKey"]);
    assert_eq!(key, text(&other["publicKey"]), "a site has one key");

    fs::write(&path, signed.to_string()).unwrap();
    for args in [&[][..], &["--key", &key], &["--key", &key.to_uppercase()]] {
        let args = [&["log-summary", "verify", file], args].concat();
        assert_eq!(overseer.text(&args).await, shown, "{args:?}");
    }
    let another = "0".repeat(64);
    let said = format!("signed with another key: {key}");
    house.refuses(&["log-summary", "verify", file, "--key", &another], 1, &said).await;

    let changed = |field: &str, from: &str, to: &str| {
        let was = text(&signed[field]);
        let now = was.replacen(from, to, 1);
        assert_ne!(was, now, "{field} has `{from}`");
        let mut signed = signed.clone();
        signed[field] = now.into();
        signed.to_string()
    };
    let first = |field: &str| text(&signed[field])[..1].to_owned();
    let flip = |digit: String| if digit == "0" { "1" } else { "0" };
    for wrong in [
        changed("document", "\"events\":\"5\"", "\"events\":\"4\""),
        changed("signature", &first("signature"), flip(first("signature"))),
        changed("publicKey", &first("publicKey"), flip(first("publicKey"))),
        changed("document", &text(&signed["document"]), &text(&other["document"])),
        "{}".to_owned(),
    ] {
        fs::write(&path, wrong).unwrap();
        house.refuses(&["log-summary", "verify", file], 1, "the signature does not match").await;
        house.refuses(&["log-summary", "verify", file, "--key", &key], 1, "the signature does not match").await;
    }
    for none in ["", "hello", "[]", "{\"document\":"] {
        fs::write(&path, none).unwrap();
        house.refuses(&["log-summary", "verify", file], 1, "is not a log summary").await;
    }
    house.refuses(&["log-summary", "verify", "/nowhere.json"], 1, "/nowhere.json cannot be read").await;
}
