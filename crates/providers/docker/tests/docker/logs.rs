//! Followed logs: whatever is cut where, what was printed is given once and in order.

use std::path::Path;
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt};
use overseer_model::Instance;
use overseer_provider_docker::DockerObserve;
use overseer_provider_port::{LONGEST_LINE, LogError, LogLine, LogPosition, LogStart, LogStream, Logs};
use overseer_testkit::{Docker, until};
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

const SOON: Duration = Duration::from_secs(60);

fn observe(docker: &Docker) -> DockerObserve {
    DockerObserve::new(&docker.host(), Instance::default(), "home".parse().unwrap()).unwrap()
}

/// What was printed, by the files that were printed from.
struct Printed {
    folder: tempfile::TempDir,
}

impl Printed {
    fn new(stdout: &[u8], stderr: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("out"), stdout).unwrap();
        std::fs::write(folder.path().join("err"), stderr).unwrap();
        Self { folder }
    }
    fn path(&self) -> &Path {
        self.folder.path()
    }
    /// Starts a container that runs `program` with the files in `/printed`.
    async fn run(&self, docker: &Docker, args: &[&str], program: &str) -> String {
        let volume = format!("{}:/printed", self.path().display());
        let mut command = vec!["run", "--detach", "--volume", &volume];
        command.extend_from_slice(args);
        command.extend_from_slice(&["busybox:local", "sh", "-c", program]);
        docker.run(&command).await
    }
    fn lines(&self, file: &str) -> Vec<Vec<u8>> {
        let bytes = std::fs::read(self.path().join(file)).unwrap();
        lines(&bytes)
    }
}

/// As the engine takes lines: the last one needs no end.
fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    lines
}

async fn open(
    logs: &DockerObserve,
    id: &str,
    after: Option<LogPosition>,
) -> BoxStream<'static, Result<LogLine, LogError>> {
    let from = after.map_or(LogStart::Beginning, LogStart::After);
    logs.follow_logs(id, from).await.unwrap()
}

/// All lines after a position of a container that has ended or will.
async fn to_the_end(logs: &DockerObserve, id: &str, mut after: Option<LogPosition>) -> Vec<LogLine> {
    let mut all = vec![];
    loop {
        let more: Vec<LogLine> = open(logs, id, after).await.map(Result::unwrap).collect().await;
        let Some(last) = more.last() else { return all };
        after = Some(last.position);
        all.extend(more);
    }
}

/// Follows to the end. The connection is dropped again and again, `cuts` says after how many lines; each time only the
/// first so many of them were kept.
async fn follow_with_cuts(logs: &DockerObserve, id: &str, cuts: &[(usize, usize)]) -> Vec<LogLine> {
    let mut kept: Vec<LogLine> = vec![];
    for (received, acknowledged) in cuts {
        let stream = open(logs, id, kept.last().map(|line| line.position)).await;
        let received: Vec<LogLine> = stream.take(*received).map(Result::unwrap).collect().await;
        kept.extend(received.into_iter().take(*acknowledged));
    }
    let rest = to_the_end(logs, id, kept.last().map(|line| line.position)).await;
    kept.extend(rest);
    kept
}

fn of(lines: &[LogLine], stream: LogStream) -> Vec<Vec<u8>> {
    lines.iter().filter(|line| line.stream == stream).map(|line| line.text.clone()).collect()
}

fn assert_same(got: &[Vec<u8>], expected: &[Vec<u8>], what: &str) {
    let differs = got.iter().zip(expected).position(|(got, expected)| got != expected);
    if let Some(at) = differs {
        let shown =
            |line: &[u8]| format!("{} bytes, {:?}", line.len(), String::from_utf8_lossy(&line[..line.len().min(60)]));
        let total = expected.len();
        panic!("{what}: line {at} of {total} is {}, not {}", shown(&got[at]), shown(&expected[at]));
    }
    assert_eq!(got.len(), expected.len(), "{what}: number of lines");
}

/// Lines of all kinds: identical, empty, with `\r`, binary, around the engine's 16 KB and longer.
fn text(runner: &mut TestRunner) -> Vec<u8> {
    let line = prop_oneof![
        6 => "[a-c]{0,3}".prop_map(String::into_bytes),
        2 => "[a-z ]{5,80}\r?".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..50),
        1 => (16_380_usize..16_390).prop_map(|length| vec![b'x'; length]),
        1 => (32_766_usize..32_770).prop_map(|length| vec![b'y'; length]),
    ];
    let lines = proptest::collection::vec(line, 60..120);
    let lines = (lines, any::<bool>()).prop_map(|(lines, ended)| {
        let mut text = lines.join(&b'\n');
        text.extend(ended.then_some(b'\n'));
        text
    });
    lines.new_tree(runner).unwrap().current()
}

fn cuts(runner: &mut TestRunner) -> Vec<(usize, usize)> {
    let cut = (0_usize..60, 0_usize..60);
    proptest::collection::vec(cut, 0..12).new_tree(runner).unwrap().current()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_comes_once_wherever_the_connection_is_cut() {
    let docker = Docker::start().await;
    let (logs, mut runner) = (observe(&docker), TestRunner::deterministic());
    for driver in ["local", "json-file", "local"] {
        let mut text = || {
            let text = text(&mut runner);
            // It keeps its log as JSON, so what is no UTF-8 is lost in the engine.
            let readable = |bytes: &[u8]| bytes.iter().map(|byte| byte & 0x7f).collect();
            if driver == "json-file" { readable(&text) } else { text }
        };
        let printed = Printed::new(&text(), &text());
        // In the background, so that the streams run into each other.
        let program = "cat /printed/err >&2 & cat /printed/out; wait";
        let id = printed.run(&docker, &["--log-driver", driver], program).await;
        for cut in 0..20 {
            let cuts = cuts(&mut runner);
            let lines = follow_with_cuts(&logs, &id, &cuts).await;
            let what = format!("{driver}, round {cut}, {cuts:?}");
            assert_same(&of(&lines, LogStream::Stdout), &printed.lines("out"), &what);
            assert_same(&of(&lines, LogStream::Stderr), &printed.lines("err"), &what);
            assert!(lines.iter().all(|line| line.dropped == 0));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_are_being_printed_survive_cuts_as_well() {
    let docker = Docker::start().await;
    let (logs, mut runner) = (observe(&docker), TestRunner::deterministic());
    let printed = Printed::new(b"", b"");
    let program = "i=0; while [ $i -lt 2000 ]; do echo same; echo $i >&2; echo $i; i=$((i+1)); done; printf unended";
    let id = printed.run(&docker, &[], program).await;
    let cuts: Vec<_> = (0..8).flat_map(|_| cuts(&mut runner)).collect();
    let lines = follow_with_cuts(&logs, &id, &cuts).await;
    let numbers: Vec<Vec<u8>> = (0..2000).map(|number| number.to_string().into_bytes()).collect();
    assert_same(&of(&lines, LogStream::Stderr), &numbers, "stderr");
    let mut expected: Vec<Vec<u8>> = numbers.into_iter().flat_map(|number| [b"same".to_vec(), number]).collect();
    expected.push(b"unended".to_vec());
    assert_same(&of(&lines, LogStream::Stdout), &expected, "stdout");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_lines_are_resumed_near_their_end() {
    let docker = Docker::start().await;
    let logs = observe(&docker);
    let printed = Printed::new(b"", b"");
    let program = "i=0; while [ $i -lt 30 ]; do seq 1000; sleep 0.1; i=$((i+1)); done";
    let id = printed.run(&docker, &[], program).await;
    let lines = to_the_end(&logs, &id, None).await;
    assert_eq!(lines.len(), 30_000);
    // Each asks the engine anew.
    for at in (0..lines.len()).step_by(1_013).chain([29_999]) {
        let rest = open(&logs, &id, Some(lines[at].position)).await;
        let next: Vec<LogLine> = rest.take(3).map(Result::unwrap).collect().await;
        let expected = &lines[at + 1..lines.len().min(at + 4)];
        assert_eq!(
            next.iter().map(|line| (line.at, &line.text)).collect::<Vec<_>>(),
            expected.iter().map(|line| (line.at, &line.text)).collect::<Vec<_>>(),
            "after line {at}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_is_read_as_one_stream() {
    let docker = Docker::start().await;
    let (logs, mut runner) = (observe(&docker), TestRunner::deterministic());
    let mut text = vec![];
    for length in [0, 1, 5, 16_382, 16_383, 16_384, 16_385, 32_767, 32_768, 40_000, 3] {
        text.extend(vec![b'z'; length]);
        text.push(b'\n');
    }
    let printed = Printed::new(&text, b"");
    let id = printed.run(&docker, &["--tty"], "cat /printed/out; echo oops >&2").await;
    let mut expected = printed.lines("out");
    expected.push(b"oops".to_vec());
    // A terminal ends lines with `\r\n`.
    expected.iter_mut().for_each(|line| line.push(b'\r'));
    for _ in 0..20 {
        let cuts: Vec<_> = cuts(&mut runner).into_iter().map(|(received, kept)| (received % 6, kept % 6)).collect();
        let lines = follow_with_cuts(&logs, &id, &cuts).await;
        assert_same(&of(&lines, LogStream::Stdout), &expected, &format!("{cuts:?}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_without_end_is_cut_and_what_is_dropped_is_counted() {
    let docker = Docker::start().await;
    let logs = observe(&docker);
    const LENGTH: usize = 100_000_000;
    let printed = Printed::new(b"", b"");
    let program = format!("head -c {LENGTH} /dev/zero | tr '\\0' x; echo; echo after; echo err >&2");
    let id = printed.run(&docker, &[], &program).await;
    let lines = to_the_end(&logs, &id, None).await;
    let stdout: Vec<&LogLine> = lines.iter().filter(|line| line.stream == LogStream::Stdout).collect();
    let [long, after] = stdout[..] else { panic!("{} lines", stdout.len()) };
    assert_eq!((long.text.len(), long.dropped), (LONGEST_LINE, (LENGTH - LONGEST_LINE) as u64));
    assert_eq!((after.text.as_slice(), after.dropped), (&b"after"[..], 0));
    // Resumed behind it, and within it.
    let behind: Vec<LogLine> = open(&logs, &id, Some(long.position)).await.map(Result::unwrap).collect().await;
    assert!(behind.iter().any(|line| line.text == b"after") && behind.iter().all(|line| line.text.len() < 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_death_of_the_engine_costs_no_line() {
    let docker = Docker::start().await;
    let logs = observe(&docker);
    let printed = Printed::new(b"", b"");
    let program = "i=0; while [ $i -lt 100000 ]; do echo $i; echo $i >&2; i=$((i+1)); done";
    let id = printed.run(&docker, &[], program).await;
    let mut kept: Vec<LogLine> = vec![];
    let mut stream = open(&logs, &id, None).await;
    while kept.len() < 500 {
        kept.push(stream.next().await.unwrap().unwrap());
    }
    docker.kill_engine().await;
    let error = loop {
        match stream.next().await {
            Some(Ok(line)) => kept.push(line),
            Some(Err(error)) => break error,
            None => panic!("the log of a container that runs has an end"),
        }
    };
    assert!(error.may_pass(), "{error}");
    assert!(logs.follow_logs(&id, LogStart::Beginning).await.is_err_and(|error| error.may_pass()));
    docker.restart_engine().await;
    let position = kept.last().map(|line| line.position);
    let again = until("the log can be read again", SOON, async || {
        logs.follow_logs(&id, LogStart::After(position.unwrap())).await.ok()
    });
    kept.extend(again.await.map(Result::unwrap).collect::<Vec<_>>().await);
    // The engine's death ended the container somewhere; what it stored is what counts.
    let stored = docker.run(&["logs", &id]).await;
    let stored: Vec<Vec<u8>> = lines(stored.as_bytes());
    assert_same(&of(&kept, LogStream::Stdout), &stored, "stdout");
    assert!(stored.len() >= 250);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_is_read_on_from_the_first() {
    let docker = Docker::start().await;
    let logs = observe(&docker);
    let printed = Printed::new(b"", b"");
    let id = printed.run(&docker, &[], "echo one; echo two; printf three").await;
    let first = to_the_end(&logs, &id, None).await;
    assert_eq!(of(&first, LogStream::Stdout), [&b"one"[..], b"two", b"three"]);
    docker.run(&["start", &id]).await;
    let second = to_the_end(&logs, &id, first.last().map(|line| line.position)).await;
    assert_eq!(of(&second, LogStream::Stdout), [&b"one"[..], b"two", b"three"]);
    assert!(second[0].at > first[2].at);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_said_clearly() {
    let docker = Docker::start().await;
    let logs = observe(&docker);
    let printed = Printed::new(b"", b"");
    let id = printed.run(&docker, &["--log-driver", "none"], "echo one").await;
    let refused = async |id: &str, from| match logs.follow_logs(id, from).await {
        Ok(_) => panic!("{id} was opened"),
        Err(error) => error,
    };
    let error = refused(&id, LogStart::Beginning).await;
    assert!(matches!(&error, LogError::NotReadable { driver, .. } if driver == "none"), "{error:?}");
    assert!(!error.may_pass());
    let error = refused(&"0".repeat(64), LogStart::Beginning).await;
    assert!(matches!(error, LogError::NotFound { .. }), "{error:?}");
    let error = refused("../info", LogStart::Beginning).await;
    assert!(matches!(error, LogError::NotFound { .. }), "{error:?}");
    let foreign = LogPosition::from_bytes(b"\x09something else").unwrap();
    let error = refused(&id, LogStart::After(foreign)).await;
    assert!(matches!(error, LogError::BadPosition { .. }), "{error:?}");
}
