//! What watching costs: resident memory and processor time of `overseer up` with 20 running containers and nothing
//! happening, over one full listing.

// A benchmark that cannot go on must panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;
use std::time::Duration;

use overseer_testkit::{Mode, Overseer, until};

const CONTAINERS: usize = 20;
/// One listing comes every 30 s.
const WATCHED: Duration = Duration::from_secs(35);

#[tokio::main]
async fn main() {
    let overseer = Overseer::start(Path::new(env!("CARGO_BIN_EXE_overseer")), Mode::OneProcess, "").await;
    for number in 0..CONTAINERS {
        let name = format!("idle-{number}");
        overseer.docker.run(&["run", "--detach", "--name", &name, "busybox:local", "sleep", "3600"]).await;
    }
    until("all containers to be watched", Duration::from_secs(60), async || {
        let resources = overseer.json(&["resources"]).await;
        (resources["resources"].as_array()?.len() == CONTAINERS).then_some(())
    })
    .await;
    let process = overseer.process_id("up");
    let before = ticks(process);
    tokio::time::sleep(WATCHED).await;
    // 100 ticks a second on every Linux that Rust runs on.
    let busy = (ticks(process) - before) as f64 / 100.0;
    println!("{CONTAINERS} containers watched, nothing happening, {} s", WATCHED.as_secs());
    println!(
        "resident memory   {:.1} MB (highest so far {:.1} MB)",
        megabytes(process, "VmRSS"),
        megabytes(process, "VmHWM")
    );
    println!("processor time    {:.2} % of one core", busy / WATCHED.as_secs_f64() * 100.0);
}

fn ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn megabytes(process: u32, field: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1000.0
}
