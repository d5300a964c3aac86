//! The store's side of `just bench-logstore`: what it does is told by the arguments, what it took is printed as JSON.
//!
//! ```text
//! store ingest NDJSON DIR         appends and seals
//! store verify NDJSON DIR         reads all lines back and compares each byte
//! store search DIR HITS           searches for each line of standard input: `literal TEXT` or `regex TEXT`
//! store window DIR                five minutes out of ninety days
//! store fresh DIR                 from a line's making to a search that finds it, at 50,000 lines a second
//! store raw LOG DIR               appends the lines of a file and seals
//! ```

// A benchmark may be direct.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{BufRead, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use overseer_logstore::{Config, Group, Nanos, Objects, Order, Query, Rank, Record, Signature, Store, Stream, Text};
use serde_json::{Value, json};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["ingest", input, dir] => println!("{}", ingest(&Input::ndjson(input), Path::new(dir))),
        ["raw", input, dir] => println!("{}", ingest(&Input::raw(input), Path::new(dir))),
        ["verify", input, dir] => println!("{}", verify(&Input::ndjson(input), Path::new(dir))),
        ["search", dir, hits] => search(Path::new(dir), Path::new(hits)),
        ["window", dir] => println!("{}", window(Path::new(dir))),
        ["fresh", dir] => println!("{}", fresh(Path::new(dir))),
        _ => println!("run `just bench-logstore GENERATOR`"),
    }
}

fn open(dir: &Path) -> Store {
    let objects = Objects::directory(&dir.join("segments")).unwrap();
    Store::open(&dir.join("open"), objects, Config::default()).unwrap().0
}

fn group() -> Group {
    Group("bench".to_owned())
}

/// CPU seconds of all threads of this process.
fn cpu() -> f64 {
    let mut total = 0.0;
    for thread in std::fs::read_dir("/proc/self/task").unwrap() {
        let path = thread.unwrap().path().join("schedstat");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        total += text.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(0.0) / 1e9;
    }
    total
}

struct Owned {
    time: i64,
    source: String,
    stream: Stream,
    severity: Rank,
    signature: Signature,
    text: Vec<u8>,
}

struct Input {
    lines: Vec<Owned>,
}

/// Nanoseconds of `2026-03-01T00:00:00.123456789Z`.
fn nanos(text: &str) -> i64 {
    let number = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    // Days from the civil calendar, with years that begin in March.
    let shifted = if month > 2 { year } else { year - 1 };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + of_year - 719_468;
    (((days * 24 + number(11, 13)) * 60 + number(14, 16)) * 60 + number(17, 19)) * 1_000_000_000 + number(20, 29)
}

impl Input {
    fn ndjson(path: &str) -> Self {
        let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
        let lines = file.lines().map(|line| {
            let value: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let text = |key: &str| value[key].as_str().unwrap();
            let message = text("message").as_bytes().to_vec();
            let severity = Rank(match text("level") {
                "ERROR" | "error" | "E" | "50" | "err" => 4,
                "WARN" | "WARNING" | "warn" | "W" | "40" => 3,
                "FATAL" => 5,
                _ => 2,
            });
            // A number for each kind of line, as a miner gives: lines of one template have as many words.
            let words = message.split(|byte| *byte == b' ').count() as u64;
            let kind = text("container").split('-').next().unwrap().bytes();
            let signature = kind.fold(words, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
            Owned {
                time: nanos(text("ts")),
                source: text("container").to_owned(),
                stream: if text("stream") == "stderr" { Stream::Stderr } else { Stream::Stdout },
                severity,
                signature: Signature(signature),
                text: message,
            }
        });
        Self { lines: lines.collect() }
    }

    /// The lines of a file as a follower reads them: the time is that of reading.
    fn raw(path: &str) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let lines = text.split(|byte| *byte == b'\n').enumerate().map(|(at, text)| Owned {
            time: 1_772_323_200_000_000_000 + at as i64 * 1_000_000,
            source: "file".to_owned(),
            stream: Stream::File,
            severity: Rank(2),
            signature: Signature(0),
            text: text.to_vec(),
        });
        Self { lines: lines.collect() }
    }

    fn payload(&self) -> usize {
        self.lines.iter().map(|line| line.text.len() + 1).sum()
    }
}

impl Owned {
    fn record(&self) -> Record<'_> {
        let Self { time, source, stream, severity, signature, text } = self;
        Record {
            time: Nanos(*time),
            resource: source,
            instance: source,
            stream: *stream,
            severity: *severity,
            signature: *signature,
            text,
        }
    }
}

/// Bytes of all files below `dir`.
fn stored(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries
        .map(|entry| if entry.path().is_dir() { stored(&entry.path()) } else { entry.metadata().unwrap().len() })
        .sum()
}

fn ingest(input: &Input, dir: &Path) -> Value {
    let store = open(dir);
    let (start, before) = (Instant::now(), cpu());
    for batch in input.lines.chunks(2000) {
        let records: Vec<Record> = batch.iter().map(Owned::record).collect();
        store.append(&[(&group(), &records)], &[]).unwrap();
        store.maintain(records[0].time).unwrap();
    }
    let appended = cpu() - before;
    store.seal().unwrap();
    let (used, took) = (cpu() - before, start.elapsed().as_secs_f64());
    let segments = store.segments().unwrap().len();
    drop(store);
    // Opened and closed once more: what a store at rest takes.
    drop(open(dir));
    let report = json!({"payload": input.payload(), "lines": input.lines.len(), "cpu_s": used, "append_cpu_s": appended,
        "wall_s": took, "stored": stored(dir), "segment_bytes": stored(&dir.join("segments")), "segments": segments});
    report
}

fn verify(input: &Input, dir: &Path) -> Value {
    let store = open(dir);
    let mut expected: Vec<&Owned> = input.lines.iter().collect();
    expected.sort_by_key(|line| line.time);
    let mut query = Query { order: Order::OldestFirst, lines: 100_000, bytes: 64 << 20, ..Query::default() };
    let mut expected = expected.into_iter();
    loop {
        let page = store.read(&query).unwrap();
        assert!(page.aside.is_empty());
        for line in page.lines {
            let own = expected.next().expect("more lines than were written");
            assert_eq!((line.time.0, &*line.resource, &line.text), (own.time, &*own.source, &own.text));
            assert_eq!((line.stream, line.severity, line.signature), (own.stream, own.severity, own.signature));
        }
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert!(expected.next().is_none(), "lines are missing");
    json!({"verified": input.lines.len()})
}

/// Each search five times; the hits of the last go to a file.
fn search(dir: &Path, hits: &Path) {
    let store = open(dir);
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line.unwrap();
        let text = match line.split_once(' ').unwrap() {
            ("regex", pattern) => Text::Regex(pattern.to_owned()),
            (_, literal) => Text::Literal(literal.into()),
        };
        let query = Query { text: Some(text), lines: usize::MAX, bytes: usize::MAX, ..Query::default() };
        let mut took = Vec::new();
        let mut page = Default::default();
        for _ in 0..5 {
            let (start, before) = (Instant::now(), cpu());
            page = store.read(&query).unwrap();
            took.push((cpu() - before, start.elapsed().as_secs_f64()));
        }
        took.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut file = std::io::BufWriter::new(std::fs::File::create(hits.join(number.to_string())).unwrap());
        page.lines.iter().for_each(|line| file.write_all(&[&line.text[..], b"\n"].concat()).unwrap());
        println!("{}", json!({"cpu_s": took[2].0, "wall_s": took[2].1, "hits": page.lines.len()}));
    }
}

const DAY: i64 = 86_400_000_000_000;
/// When the dense hours of [`window`] begin, and how many they are.
const DENSE: i64 = 20_045 * DAY + DAY / 2;
const HOURS: i64 = 4;

/// Numbers that look random, the same in each run.
fn randoms() -> impl FnMut() -> u64 {
    let mut seed = 1u64;
    move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    }
}

/// Ninety days at 100 GB: four hours as dense as that, among as many small segments as there would be large ones.
fn fill_window(store: &Store) {
    const SEGMENTS: i64 = 1600;
    const LINES_A_SECOND: i64 = 65;
    let (day, start, dense) = (DAY, 20_000 * DAY, DENSE);
    for at in 0..SEGMENTS {
        let time = start + at * (90 * day / SEGMENTS);
        let text = format!("segment {at} began");
        let record = Record {
            time: Nanos(time),
            resource: "other",
            instance: "other",
            stream: Stream::Stdout,
            severity: Rank(2),
            signature: Signature(0),
            text: text.as_bytes(),
        };
        let last = Record { time: Nanos(time + 90 * day / SEGMENTS - 1), ..record };
        store.append(&[(&group(), &[record, last])], &[]).unwrap();
        store.seal().unwrap();
    }
    let mut random = randoms();
    let mut batch: Vec<Owned> = Vec::new();
    for at in 0..HOURS * 3600 * LINES_A_SECOND {
        let (path, id, took) = (random() % 300, u128::from(random()) << 64 | u128::from(random()), random() % 5000);
        let user = format!("user{}", random() % 5000);
        let text = match at % 3 {
            0 => format!(
                "10.1.{}.{} - {user} \"GET /api/v1/item/{path}?id={id:x} HTTP/1.1\" 200 {took} \"-\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.{path}.1 Safari/537.36\"",
                path % 256,
                took % 256
            ),
            1 => format!(
                "{{\"level\":\"info\",\"msg\":\"request completed\",\"user\":\"{user}\",\"path\":\"/api/v2/{path}\",\"status\":200,\"duration_ms\":{took}.{path:03},\"trace_id\":\"{id:032x}\"}}"
            ),
            _ => format!(
                "INFO 1 --- [nio-8080-exec-{}] com.acme.Order : Handled request for {user} in {took} ms (trace={id:032x})",
                at % 10
            ),
        };
        let time = dense + at * 1_000_000_000 / LINES_A_SECOND + (random() % 1_000_000) as i64;
        let signature = Signature(at as u64 % 3);
        batch.push(Owned {
            time,
            source: format!("web-{}", at % 40),
            stream: Stream::Stdout,
            severity: Rank(2),
            signature,
            text: text.into_bytes(),
        });
        if batch.len() == 2000 {
            let records: Vec<Record> = batch.iter().map(Owned::record).collect();
            store.append(&[(&group(), &records)], &[]).unwrap();
            store.maintain(Nanos(dense)).unwrap();
            batch.clear();
        }
    }
    store.seal().unwrap();
}

/// Fills `dir` unless an earlier run did.
fn window(dir: &Path) -> Value {
    let store = open(dir);
    if store.segments().unwrap().is_empty() {
        fill_window(&store);
    }
    let payload: u64 = store.segments().unwrap().iter().map(|segment| segment.payload).sum();
    let mut random = randoms();
    let mut measure = |lines: usize, text: Option<Text>| {
        let before = cpu();
        let mut took: Vec<f64> = (0..300)
            .map(|_| {
                let from = DENSE + (random() % (HOURS as u64 * 3600 - 300)) as i64 * 1_000_000_000;
                let query = Query {
                    from: Nanos(from),
                    until: Nanos(from + 300_000_000_000),
                    lines,
                    bytes: usize::MAX,
                    text: text.clone(),
                    ..Query::default()
                };
                let before = Instant::now();
                let page = store.read(&query).unwrap();
                assert!(text.is_some() || page.lines.len() >= lines.min(19_000));
                before.elapsed().as_secs_f64() * 1000.0
            })
            .collect();
        took.sort_by(f64::total_cmp);
        let cpu_ms = (cpu() - before) * 1000.0 / took.len() as f64;
        json!({"p50_ms": took[took.len() / 2], "p99_ms": took[took.len() * 99 / 100], "cpu_ms": cpu_ms})
    };
    let (page, all) = (measure(1000, None), measure(usize::MAX, None));
    let literal = measure(1000, Some(Text::Literal(b"user4711".to_vec())));
    json!({"segments": store.segments().unwrap().len(), "payload": payload, "page_of_1000": page, "all": all, "literal": literal})
}

/// Batches of 20 ms; each has a line that is then searched for.
fn fresh(dir: &Path) -> Value {
    let store = open(dir);
    let (step, per_batch, batches) = (Duration::from_millis(20), 1000, 500);
    let start = Instant::now();
    let mut latency: Vec<f64> = Vec::new();
    for batch in 0..batches {
        let made = step * batch;
        std::thread::sleep((made + step).saturating_sub(start.elapsed()));
        let texts: Vec<String> = (0..per_batch)
            .map(|line| format!("took {} ms in step {line} of id={:08x}", line * 7 % 900, batch * per_batch + line))
            .collect();
        let time = |line: usize| Nanos(1_772_323_200_000_000_000 + made.as_nanos() as i64 + line as i64 * 20_000);
        let records: Vec<Record> = texts
            .iter()
            .enumerate()
            .map(|(line, text)| Record {
                time: time(line),
                resource: "web",
                instance: "web",
                stream: Stream::Stdout,
                severity: Rank(2),
                signature: Signature(1),
                text: text.as_bytes(),
            })
            .collect();
        store.append(&[(&group(), &records)], &[]).unwrap();
        store.maintain(time(0)).unwrap();
        // The oldest line of the batch has waited longest.
        let query =
            Query { text: Some(Text::Literal(texts[0].clone().into_bytes())), from: time(0), ..Query::default() };
        assert_eq!(store.read(&query).unwrap().lines.len(), 1);
        latency.push((start.elapsed() - made).as_secs_f64() * 1000.0);
    }
    latency.sort_by(f64::total_cmp);
    let rate = f64::from(per_batch * batches) / start.elapsed().as_secs_f64();
    json!({"lines_per_s": rate, "p50_ms": latency[latency.len() / 2], "p99_ms": latency[latency.len() * 99 / 100]})
}
