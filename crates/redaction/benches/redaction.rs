//! How fast lines pass, beside the limit (counting their ends) and the usual way (a `RegexSet` asked for each line).
//!
//! `just bench-redaction FILE`: MB/s of one core, medians of interleaved runs over the file's lines.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::borrow::Cow;
use std::hint::black_box;
use std::time::Instant;

use overseer_redaction::{CorrelationKey, Redactor};
use regex::bytes::RegexSetBuilder;

const RUNS: usize = 9;
/// The forms and keys of the table, as the rule files of scanners write them.
const RULES: [&str; 24] = [
    r"(?:AKIA|ASIA)[A-Z0-9]{16}",
    r"AIza[\w-]{35}",
    r"gh[pousr]_[A-Za-z0-9]{36}",
    r"github_pat_\w{40}",
    r"gl(?:pat|rt|dt)-[\w-]{20}",
    r"xox[a-z]-[\w-]{10}",
    r"hooks\.slack\.com/services/",
    r"[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27}",
    r"\d{8,10}:AA[\w-]{33}",
    r"[sr]k_(?:live|test)_\w{16}",
    r"SK[0-9a-f]{32}",
    r"SG\.[\w-]{16,}\.[\w-]{32}",
    r"npm_\w{36}",
    r"pypi-Ag[\w-]{50}",
    r"dckr_pat_[\w-]{27}",
    r"hf_\w{30}",
    r"sk-[\w-]{32}",
    r"ya29\.[\w-]{20}",
    r"eyJ[\w-]{10,}\.[\w-]{10,}\.",
    r"-----BEGIN [A-Z ]*PRIVATE KEY",
    r"://[^/\s:@]*:[^/\s@]+@",
    r"(?i)authorization\W{1,5}\w+ \S+",
    r"(?i)cookie\W{1,5}\w+=\S+",
    r#"(?i)(?:password|passwd|secret|token|api[_-]?key|access[_-]?key|session[_-]?id)["']?\s*[:=]\s*["']?[^\s"'&]{6,}"#,
];

fn main() {
    // Cargo adds flags of its own.
    let Some(file) = std::env::args().skip(1).find(|argument| !argument.starts_with("--")) else {
        println!("no file given: nothing measured");
        return;
    };
    let text = std::fs::read(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let redactor = Redactor::new(CorrelationKey::new(&[7; 32]));
    let rules =
        RegexSetBuilder::new(RULES).size_limit(1 << 30).dfa_size_limit(1 << 28).build().expect("the rules are valid");
    let lines = || text.split(|byte| *byte == b'\n');
    let redacted = lines().filter(|line| matches!(redactor.redact(line), Cow::Owned(_))).count();
    println!("{} MB, {} lines, {redacted} with secrets", text.len() / 1_000_000, lines().count());

    let ways: [(&str, &dyn Fn() -> usize); 4] = [
        ("line ends alone (memchr)", &|| memchr::memchr_iter(b'\n', &text).count()),
        ("redact, line by line", &|| memchr_lines(&text, |line| redactor.redact(line).len())),
        ("redact, whole file at once", &|| redactor.redact(&text).len()),
        ("RegexSet, line by line", &|| memchr_lines(&text, |line| usize::from(rules.is_match(line)))),
    ];
    let mut seconds = [const { Vec::new() }; 4];
    for _ in 0..RUNS {
        for ((_, way), seconds) in ways.iter().zip(&mut seconds) {
            let begun = Instant::now();
            black_box(way());
            seconds.push(begun.elapsed().as_secs_f64());
        }
    }
    for ((name, _), mut seconds) in ways.into_iter().zip(seconds) {
        seconds.sort_by(f64::total_cmp);
        println!("{:8.0} MB/s  {name}", text.len() as f64 / seconds[RUNS / 2] / 1e6);
    }
}

fn memchr_lines(text: &[u8], mut each: impl FnMut(&[u8]) -> usize) -> usize {
    let (mut begin, mut sum) = (0, 0);
    for end in memchr::memchr_iter(b'\n', text) {
        sum += each(black_box(&text[begin..end]));
        begin = end + 1;
    }
    sum
}
