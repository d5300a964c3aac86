//! The intake of logs with a real engine: nothing lost, nothing twice, nobody kept waiting.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use overseer_bus::InProcess;
use overseer_logs::intake::files::{FileSource, Limits};
use overseer_logs::intake::{Batch, Intake, Positions, Sink, SinkError, SourceKey, SourceState, States};
use overseer_logstore::Stream;
use overseer_model::ServiceName;
use overseer_provider_docker::DockerObserve;
use overseer_provider_port::LogPosition;
use overseer_runtime::{Base, Consumers, Health, Relay, RunError, run_until_stopped};
use overseer_storage::{Db, Location};
use overseer_testkit::{Docker, until};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::doors::Doors;

const SOON: Duration = Duration::from_secs(60);

/// Keeps lines and marks together, and refuses every third batch.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    offered: usize,
    lines: BTreeMap<SourceKey, Vec<(Stream, String)>>,
    marks: HashMap<SourceKey, LogPosition>,
    largest: usize,
}

impl Store {
    fn of(&self, key: &SourceKey, stream: Stream) -> Vec<String> {
        let kept = self.0.lock().unwrap();
        let lines = kept.lines.get(key).into_iter().flatten();
        lines.filter(|(of, _)| *of == stream).map(|(_, text)| text.clone()).collect()
    }
    fn count(&self, key: &SourceKey) -> usize {
        self.0.lock().unwrap().lines.get(key).map_or(0, Vec::len)
    }
}

#[async_trait]
impl Sink for Store {
    async fn accept(&self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        let mut kept = self.0.lock().unwrap();
        kept.offered += 1;
        if kept.offered.is_multiple_of(3) {
            return Err(SinkError("the disk is full".into()));
        }
        kept.largest = kept.largest.max(batch.lines.iter().map(|line| line.text.len()).sum());
        for line in &batch.lines {
            let text = String::from_utf8_lossy(&line.text).into_owned();
            kept.lines.entry(line.source.clone()).or_default().push((line.stream, text));
        }
        kept.marks.extend(batch.marks.iter().cloned());
        Ok(())
    }
}

#[async_trait]
impl Positions for Store {
    async fn position(&self, source: &SourceKey) -> Result<Option<LogPosition>, SinkError> {
        Ok(self.0.lock().unwrap().marks.get(source).copied())
    }
}

struct Collector {
    health: Health,
    states: States,
    stop: CancellationToken,
    running: JoinHandle<Result<(), RunError>>,
}

impl Collector {
    async fn start(docker: &Docker, folder: &Path, store: &Store, files: Vec<FileSource>) -> Self {
        let service = ServiceName::Collector;
        let location = Location::Sqlite { folder: folder.to_owned() };
        let db = Db::open(&location, service, overseer_collector::MIGRATIONS).await.unwrap();
        let (stop, health, states) = (CancellationToken::new(), Health::default(), States::default());
        let base = Base {
            service,
            site: "home".parse().unwrap(),
            db,
            bus: Arc::new(InProcess::new()),
            peers: Doors::new().peers,
            relay: Relay::default(),
            health: health.clone(),
            consumers: Consumers::default(),
            stop: stop.clone(),
        };
        let observe = Arc::new(
            DockerObserve::new(&docker.host(), overseer_model::Instance::default(), "home".parse().unwrap()).unwrap(),
        );
        let intake = Intake {
            workloads: overseer_logs::intake::Workloads::default(),
            logs: observe.clone(),
            sink: Arc::new(store.clone()),
            positions: Arc::new(store.clone()),
            retention: Duration::from_secs(3600),
            states: states.clone(),
            files: files.into_iter().collect(),
        };
        let built = overseer_collector::build_with(base, Duration::from_secs(2), observe, Some(intake)).await.unwrap();
        let running = tokio::spawn(run_until_stopped(vec![built], vec![], stop.clone()));
        let collector = Self { health, states, stop, running };
        until("the engine is followed", SOON, async || collector.health.is_ready().then_some(())).await;
        collector
    }
    async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
    }
}

async fn run(docker: &Docker, name: &str, args: &[&str], program: &str) -> (String, SourceKey) {
    let mut command = vec!["run", "--detach", "--name", name];
    command.extend_from_slice(args);
    command.extend_from_slice(&["busybox:local", "sh", "-c", program]);
    let id = docker.run(&command).await;
    let key = SourceKey::container(&id);
    (id, key)
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

/// What the engine itself has of a container's stdout.
async fn stored(docker: &Docker, id: &str) -> Vec<String> {
    docker.run(&["logs", id]).await.lines().map(str::to_owned).collect()
}

const COUNTING: &str = "i=0; while [ $i -lt 3000 ]; do echo $i; echo e$i >&2; i=$((i+1)); done";

#[tokio::test(flavor = "multi_thread")]
async fn each_line_comes_once_over_restarts_of_the_collector_and_of_the_container() {
    let (docker, folder, store) = (Docker::start().await, tempfile::tempdir().unwrap(), Store::default());
    // Before anybody watched.
    let (old_id, old) = run(&docker, "old", &[], "seq 0 99").await;
    docker.run(&["wait", &old_id]).await;
    let mut collector = Collector::start(&docker, folder.path(), &store, vec![]).await;
    let (id, key) = run(&docker, "counting", &[], COUNTING).await;
    for part in 1..6 {
        until("some more lines", SOON, async || (store.count(&key) > part * 900).then_some(())).await;
        collector.stop().await;
        collector = Collector::start(&docker, folder.path(), &store, vec![]).await;
    }
    until("all lines", SOON, async || (store.count(&key) >= 6000).then_some(())).await;
    assert_eq!(store.of(&key, Stream::Stdout), numbers(3000));
    let errors: Vec<String> = numbers(3000).iter().map(|number| format!("e{number}")).collect();
    assert_eq!(store.of(&key, Stream::Stderr), errors);
    assert_eq!(store.of(&old, Stream::Stdout), numbers(100));

    until("its end is seen", SOON, async || (collector.states.of(&key) == Some(SourceState::Ended)).then_some(()))
        .await;
    docker.run(&["start", &id]).await;
    until("the second run", SOON, async || (store.count(&key) >= 12_000).then_some(())).await;
    assert_eq!(store.of(&key, Stream::Stdout), [numbers(3000), numbers(3000)].concat());

    let (gone, gone_key) = run(&docker, "gone", &[], "seq 0 999").await;
    until("all of it", SOON, async || (store.count(&gone_key) >= 1000).then_some(())).await;
    docker.run(&["rm", "--force", &gone]).await;
    until("its reader is gone", SOON, async || (!collector.states.all().contains_key(&gone_key)).then_some(())).await;
    assert_eq!(store.of(&gone_key, Stream::Stdout), numbers(1000));
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_death_of_the_engine_is_waited_out() {
    let (docker, folder, store) = (Docker::start().await, tempfile::tempdir().unwrap(), Store::default());
    let collector = Collector::start(&docker, folder.path(), &store, vec![]).await;
    let endless = COUNTING.replace("3000", "1000000").replace("i=$((i+1))", "i=$((i+1)); usleep 200");
    let (id, key) = run(&docker, "counting", &["--restart", "always"], &endless).await;
    until("some lines", SOON, async || (store.count(&key) > 1000).then_some(())).await;
    docker.kill_engine().await;
    docker.restart_engine().await;
    let before = store.count(&key);
    until("lines after it", SOON, async || (store.count(&key) > before + 1000).then_some(())).await;
    docker.run(&["stop", "--time", "0", &id]).await;
    let all = stored(&docker, &id).await;
    until("all that the engine has", SOON, async || (store.of(&key, Stream::Stdout).len() >= all.len()).then_some(()))
        .await;
    assert!(store.of(&key, Stream::Stdout) == all, "the engine's log and ours differ");
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_delays_nobody_else() {
    let (docker, folder, store) = (Docker::start().await, tempfile::tempdir().unwrap(), Store::default());
    let collector = Collector::start(&docker, folder.path(), &store, vec![]).await;
    let (_, flood) = run(&docker, "flood", &[], "yes 'the same line again and again and again'").await;
    until("the flood", SOON, async || (store.count(&flood) > 20_000).then_some(())).await;
    let slowly = "i=0; while [ $i -lt 10 ]; do date +%s; sleep 0.2; i=$((i+1)); done";
    let (_, quiet) = run(&docker, "quiet", &[], slowly).await;
    until("all of the quiet one", SOON, async || (store.count(&quiet) == 10).then_some(())).await;
    // Its last line is at most some seconds old, while the flood goes on.
    let last: u64 = store.of(&quiet, Stream::Stdout).last().unwrap().parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(now - last <= 3, "{} s late", now - last);
    assert!(store.0.lock().unwrap().largest < 2 << 20, "batches are bounded");
    collector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_a_state_and_files_are_read_beside_containers() {
    let (docker, folder, store) = (Docker::start().await, tempfile::tempdir().unwrap(), Store::default());
    let logs = folder.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let file = FileSource::declare("shop", &logs.join("app.log"), &[PathBuf::from(folder.path())], Limits::default());
    let file = file.unwrap();
    let collector = Collector::start(&docker, folder.path(), &store, vec![file.clone()]).await;
    let (_, none) = run(&docker, "none", &["--log-driver", "none"], "sleep 3600").await;
    let refused = until("the state", SOON, async || match collector.states.of(&none) {
        Some(SourceState::Refused { why }) => Some(why),
        _ => None,
    });
    assert!(refused.await.contains("log driver `none`"));
    let waiting = collector.states.of(file.key());
    assert_eq!(waiting, Some(SourceState::Waiting { why: "the file does not exist".into() }));
    std::fs::write(logs.join("app.log"), "one\ntwo\n").unwrap();
    until("the file's lines", SOON, async || (store.count(file.key()) == 2).then_some(())).await;
    collector.stop().await;

    std::fs::rename(logs.join("app.log"), logs.join("app.log.1")).unwrap();
    std::fs::write(logs.join("app.log"), "three\n").unwrap();
    let collector = Collector::start(&docker, folder.path(), &store, vec![file.clone()]).await;
    until("the new file's", SOON, async || (store.count(file.key()) == 3).then_some(())).await;
    assert_eq!(store.of(file.key(), Stream::File), ["one", "two", "three"]);
    collector.stop().await;
}
