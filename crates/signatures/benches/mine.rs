//! What mining costs: lines a second on files, growth with lines and with signatures, memory under hostile lines.
//! `signatures.py` beside it runs this and its peers, and prints them together.

// A benchmark that cannot go on must panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fmt::Write;

use overseer_signatures::{Joiner, Limits, Miner, Role};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["speed", file] => speed(file, mine),
        ["events", file] => speed(file, events),
        ["growth", file] => growth(file),
        ["hostile", lines] => hostile(lines.parse().unwrap()),
        _ => panic!("usage: mine speed FILE | events FILE | growth FILE | hostile LINES"),
    }
}

/// Processor time of this thread so far. Seconds.
fn busy() -> f64 {
    let status = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    status.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn lines(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr::memchr_iter(b'\n', data).map(move |end| {
        let line = &data[start..end];
        start = end + 1;
        line
    })
}

fn mine(miner: &mut Miner, data: &[u8], most: usize) -> (usize, f64) {
    let before = busy();
    let count = lines(data).take(most).map(|line| miner.observe(line).count).filter(|count| *count > 0).count();
    (count, busy() - before)
}

/// As the collector does it: what continues an event is not mined.
fn events(miner: &mut Miner, data: &[u8], most: usize) -> (usize, f64) {
    let before = busy();
    let mut joiner = Joiner::default();
    let mut count = 0;
    for line in lines(data).take(most) {
        if joiner.feed(line) == Role::Head {
            miner.observe(line);
        }
        count += 1;
    }
    (count, busy() - before)
}

/// Prints lines per second of processor time.
fn speed(file: &str, run: fn(&mut Miner, &[u8], usize) -> (usize, f64)) {
    let data = std::fs::read(file).unwrap();
    let (count, seconds) = run(&mut Miner::default(), &data, usize::MAX);
    println!("{:.0}", count as f64 / seconds);
}

/// Prints the exponents of time over lines and of time over known signatures.
fn growth(file: &str) {
    let data = std::fs::read(file).unwrap();
    let all = lines(&data).count();
    let times: Vec<(usize, f64)> =
        [all / 16, all / 4, all].map(|most| mine(&mut Miner::default(), &data, most)).to_vec();
    println!("lines {:.3}", slope(&times));
    let per_line = [100usize, 1_000, 10_000].map(|signatures| {
        let text = many(signatures);
        let mut miner = Miner::new(Limits { signatures: 20_000 });
        mine(&mut miner, &text, usize::MAX);
        let (count, seconds) = (0..5)
            .map(|_| mine(&mut miner, &text, usize::MAX))
            .fold((0, 0.0), |sum, run| (sum.0 + run.0, sum.1 + run.1));
        (miner.len(), seconds / count as f64)
    });
    println!("signatures {:.3}", slope(&per_line));
}

/// 100,000 lines of as many different signatures.
fn many(signatures: usize) -> Vec<u8> {
    let mut text = String::new();
    for n in 0..100_000 {
        let kind = n % signatures;
        let name: String = kind.to_string().chars().map(|digit| char::from(b'g' + digit as u8 - b'0')).collect();
        let marks = ["", "=", "[", "({", "<>", "::", "|", "!?", "&", ";"];
        writeln!(
            text,
            "{name}{} handled request {n} of the {name} kind in {} ms{}",
            marks[kind % 10],
            n % 977,
            marks[kind / 10 % 10]
        )
        .unwrap();
    }
    text.into_bytes()
}

/// Least squares in logarithms.
fn slope(points: &[(usize, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| ((*x as f64).ln(), y.ln())).collect();
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / logs.len() as f64;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    logs.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>()
        / logs.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}

/// Prints resident memory after so many lines that no other line is like, in MB, bytes for each signature, and the
/// time of a line in microseconds.
fn hostile(count: u64) {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
    };
    let empty = resident();
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut miner = Miner::default();
    let mut line = Vec::new();
    let before = busy();
    for _ in 0..count {
        line.clear();
        for _ in 0..1 + random(24) {
            line.extend((0..3 + random(8)).map(|_| b'g' + random(20) as u8));
            line.push(b"        =:,;()[]{}<>|&!?"[random(24) as usize]);
        }
        miner.observe(&line);
    }
    let seconds = busy() - before;
    println!(
        "{:.1} {:.0} {:.2}",
        resident() / 1e6,
        (resident() - empty) / miner.len() as f64,
        seconds * 1e6 / count as f64
    );
}
