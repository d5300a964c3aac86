//! What `just bench-ingest` runs: lines through the whole of the collector's archive, as batches come from the queues:
//! redacted, joined, mined, counted into the tables, stored and sealed.
//!
//! ```text
//! ingest NDJSON DIR    one JSON object a line: `ts`, `container`, `stream`, `message`
//! ```
//!
//! Prints the payload (messages and line ends), processor seconds, and stored bytes as JSON.

// A benchmark may be direct.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, HashSet};
use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use overseer_logs::archive::{Archive, Days, LogBucket, Retention, Saving, summary_signer};
use overseer_logs::chronicle::{Recorder, Retire, applied};
use overseer_logs::intake::{Batch, Line, Sink, SourceKey, Workloads};
use overseer_logs::{Inventory, TABLES};
use overseer_logstore::{Nanos, Stream};
use overseer_model::{ResourceKey, ServiceName, Timestamp};
use overseer_provider_port::{LogPosition, LogTime};
use overseer_runtime::Relay;
use overseer_storage::{Db, Location, Migrations, StoreError};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Bytes of a batch, as the queues make them.
const BATCH: usize = 1 << 20;

/// An inventory before its first full listing.
struct NothingListed;

#[async_trait]
impl Inventory for NothingListed {
    async fn container_ids(&self) -> Result<Option<HashSet<String>>, StoreError> {
        Ok(None)
    }
    async fn workload(&self, _: &ResourceKey) -> Result<Option<String>, StoreError> {
        Ok(None)
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [input, folder] = arguments.as_slice() else { return println!("run `just bench-ingest GENERATOR`") };
    let (batches, payload, lines) = batches(input);
    let folder = Path::new(folder).to_owned();
    let before = cpu();
    ingest(&folder, batches).await;
    let cpu = cpu() - before;
    println!(
        "{}",
        json!({"cpu_s": cpu, "payload": payload, "lines": lines, "stored": stored(&folder.join("logs/segments"))})
    );
}

/// CPU seconds of this process.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    // User and system time, in hundredths of a second.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// All lines, in batches; their payload and how many they are.
fn batches(path: &str) -> (Vec<Arc<Batch>>, usize, usize) {
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let (mut batches, mut batch, mut bytes, mut payload, mut count) = (vec![], Batch::default(), 0, 0, 0_u64);
    for line in file.lines() {
        let value: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let text = |key: &str| value[key].as_str().unwrap();
        let at: prost_types::Timestamp = text("ts").parse().unwrap();
        let source = SourceKey::container(text("container"));
        let message = text("message").as_bytes().to_vec();
        count += 1;
        bytes += message.len() + 128;
        payload += message.len() + 1;
        batch.lines.push(Line {
            source: source.clone(),
            at: LogTime(at.seconds * 1_000_000_000 + i64::from(at.nanos)),
            stream: if text("stream") == "stderr" { Stream::Stderr } else { Stream::Stdout },
            text: message,
            cut: false,
        });
        batch.marks = vec![(source, LogPosition::from_bytes(&count.to_le_bytes()).unwrap())];
        if bytes >= BATCH {
            // The queues give a source's lines together.
            batch.lines.sort_by(|one, other| one.source.cmp(&other.source));
            batches.push(Arc::new(std::mem::take(&mut batch)));
            bytes = 0;
        }
    }
    batches.push(Arc::new(batch));
    (batches, payload, usize::try_from(count).unwrap())
}

async fn ingest(folder: &Path, batches: Vec<Arc<Batch>>) {
    let service = ServiceName::Collector;
    std::fs::create_dir_all(folder).unwrap();
    let location = Location::Sqlite { folder: folder.to_owned() };
    let db = Db::open(&location, service, Migrations(&TABLES)).await.unwrap();
    let retention = Retention { usual: Days::try_from(3_650).unwrap(), of: BTreeMap::new() };
    let (logs, number) = (folder.join("logs"), applied(&db).await.unwrap());
    let open = move || {
        let segments = LogBucket::default().objects(&logs, &"home".parse().unwrap()).unwrap();
        let archive = Archive::open(&logs, segments, Workloads::default(), retention, number).unwrap();
        (summary_signer(&logs).unwrap(), archive)
    };
    let (signer, archive) = tokio::task::spawn_blocking(open).await.unwrap();
    let retire = Retire::new(db, "home".parse().unwrap(), archive.clone(), signer, Arc::new(NothingListed));
    let stop = CancellationToken::new();
    // The clock is the lines' own: they come when they were logged.
    let clock = Arc::new(AtomicI64::default());
    let now = clock.clone();
    let now = move || Timestamp::from_micros(now.load(Ordering::Relaxed));
    let recorder = tokio::spawn(Recorder::new(retire, Relay::default()).run(now, stop.clone()));
    for batch in batches {
        let latest = batch.lines.iter().map(|line| line.at.0 / 1_000).max();
        clock.fetch_max(latest.unwrap_or_default(), Ordering::Relaxed);
        while let Err(error) = archive.accept(&batch).await {
            eprintln!("{error}: {:?}", error.0);
        }
    }
    stop.cancel();
    recorder.await.unwrap();
    // What was seen an hour before is sealed.
    for hour in [0, 1] {
        archive.put_in_order(Nanos(hour * 3_600_000_000_000), Saving::Now).await.unwrap();
    }
}

fn stored(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { stored(&path) } else { path.metadata().unwrap().len() }).sum()
}
