//! How long from a container's last `die` event to the incident committed and the webhook received: 50 crashes in one
//! run, in both modes. Every time is counted from the event's own time as the engine gives it, beside a bare listener on
//! the same engine in the same run. Absolute numbers depend on the machine; the listener is the limit.

// A benchmark that cannot go on must panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::StreamExt;
use overseer_testkit::{CrashPlan, Crashes, Mode, Overseer, until};

const CRASHES: usize = 50;

/// When what was told of each container, in nanoseconds since the epoch.
type Times = Arc<Mutex<HashMap<String, i64>>>;

struct Sample {
    listener: f64,
    committed: f64,
    hook: f64,
}

#[tokio::main]
async fn main() {
    let _first = rustls::crypto::ring::default_provider().install_default();
    println!("load {}", std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim());
    println!(
        "milliseconds after the time that the engine gave its `die` event, {CRASHES} crashes, median / 99th percentile"
    );
    println!("{:<22}{:>18}{:>18}{:>18}{:>22}", "", "bare listener", "committed*", "webhook", "webhook - listener");
    for (mode, name) in [(Mode::OneProcess, "one process"), (Mode::ProcessPerService, "process per service")] {
        let samples = measure(mode).await;
        let column = |of: &dyn Fn(&Sample) -> f64| {
            let mut values: Vec<f64> = samples.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            format!("{:.2} / {:.2}", values[values.len() / 2], values[values.len() * 99 / 100])
        };
        println!(
            "{name:<22}{:>18}{:>18}{:>18}{:>22}",
            column(&|sample| sample.listener),
            column(&|sample| sample.committed),
            column(&|sample| sample.hook),
            column(&|sample| sample.hook - sample.listener)
        );
    }
    println!("* told by the live events, which come after the commit");
}

async fn measure(mode: Mode) -> Vec<Sample> {
    let overseer = Overseer::start(Path::new(env!("CARGO_BIN_EXE_overseer")), mode, "").await;
    let (dies, heard) = listen(&overseer.docker.host()).await;
    let committed = live(&overseer).await;
    let mut samples = Vec::new();
    for number in 0..CRASHES {
        let plan = CrashPlan { crashes: Crashes::First(1), restart_policy: "no" };
        let name = format!("crash-{number}");
        let container = overseer.docker.crashing_container(&name, plan).await;
        let of_container = |hook: &overseer_testkit::Hook| hook.body["data"]["resource"]["id"] == container.id.as_str();
        let hook = overseer.hook.wait_for("incident_detected", of_container, Duration::from_secs(30)).await;
        let known = |times: &Times| times.lock().unwrap().get(&container.id).copied();
        let (die, listener, commit) = until("the listeners", Duration::from_secs(10), async || {
            Some((known(&dies)?, known(&heard)?, known(&committed)?))
        })
        .await;
        let after = |at: i64| (at - die) as f64 / 1e6;
        samples.push(Sample { listener: after(listener), committed: after(commit), hook: after(hook.at_nanos) });
        overseer.docker.run(&["rm", "--force", &name]).await;
    }
    samples
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap()
}

/// The engine's own time of each `die` event, and when a bare listener got it.
async fn listen(host: &str) -> (Times, Times) {
    let (dies, heard) = (Times::default(), Times::default());
    let docker = overseer_provider_docker::connect(&host.parse().unwrap()).await.unwrap();
    let (at, got) = (dies.clone(), heard.clone());
    tokio::spawn(async move {
        let mut events = docker.events(None).boxed();
        while let Some(Ok(event)) = events.next().await {
            let now = now();
            if let (Some("die"), Some(id)) = (event.action.as_deref(), event.actor.and_then(|actor| actor.id)) {
                at.lock().unwrap().insert(id.clone(), event.time_nano.unwrap());
                got.lock().unwrap().insert(id, now);
            }
        }
    });
    (dies, heard)
}

/// When the live events told each container's incident.
async fn live(overseer: &Overseer) -> Times {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.get(format!("{}/api/v1/events", overseer.address())).bearer_auth(overseer.token());
    let mut bytes = request.send().await.unwrap().error_for_status().unwrap().bytes_stream();
    let told = Times::default();
    let times = told.clone();
    tokio::spawn(async move {
        let mut text = String::new();
        while let Some(Ok(chunk)) = bytes.next().await {
            let now = now();
            text.push_str(&String::from_utf8_lossy(&chunk));
            while let Some((line, rest)) = text.split_once('\n') {
                let event = line.strip_prefix("data:").and_then(|data| serde_json::from_str(data).ok());
                let event: serde_json::Value = event.unwrap_or_default();
                if event["type"] == "overseer.incident.detected" {
                    let id = event["data"]["incident"]["resource"]["id"].as_str().unwrap().to_owned();
                    times.lock().unwrap().insert(id, now);
                }
                text = rest.to_owned();
            }
        }
    });
    told
}
