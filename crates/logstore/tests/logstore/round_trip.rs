//! Every byte comes back, from memory and from a segment.

use proptest::prelude::*;

use crate::place::{Place, START, everything, group, record};

/// Tokens that are easy to get wrong.
fn tricky() -> impl Strategy<Value = Vec<u8>> {
    let words = prop_oneof![
        "[0-9]{1,22}",
        "0{1,3}[0-9]{0,20}",
        "[+-]?[0-9]{1,20}\\.[0-9]{1,12}",
        "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}(\\.[0-9]{1,3})?",
        "[0-9a-f]{1,70}",
        "[0-9A-F]{1,70}",
        "[0-9a-fA-F]{1,40}",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{11,13}",
        "[0-9]{2}:[0-9]{2}:[0-9]{2}([.,][0-9]{1,11})?",
        "2026-03-01T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{3}|\\.[0-9]{6}|)Z",
        "17723[0-9]{5}([0-9]{3}|[0-9]{6}|[0-9]{9})?",
        " {1,300}",
        "[0-9]{1,4}(ms|s|kB|MiB|x)",
        "(/[a-z0-9]{1,9}){1,4}",
        "[a-z]{1,6}([._-][a-z0-9]{1,6}){0,3}",
        "[ \\t\\r\\n\"'=:,;()\\[\\]{}]{1,3}",
    ];
    prop_oneof![
        8 => words.prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..12),
        1 => "\\PC{0,6}".prop_map(String::into_bytes),
    ]
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(tricky(), 0..8).prop_map(|parts| parts.concat())
}

/// Lines that share templates, so that slots, dictionaries and references are used.
fn lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let shared = proptest::collection::vec((proptest::collection::vec(line(), 1..6), 1usize..60), 1..6);
    (shared, proptest::collection::vec(line(), 0..40)).prop_map(|(shared, mut lines)| {
        for (parts, count) in shared {
            for at in 0..count {
                // The same words with other numbers in between.
                let mut text = parts.join(format!(" {} ", at * 37 % 1000).as_bytes());
                text.extend(format!(" id={:08x} t={}.{:03}", at * 0x9e37_79b9, at, at * 7 % 1000).bytes());
                lines.push(text);
            }
        }
        lines
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn every_line_comes_back(lines in lines(), steps in proptest::collection::vec(0i64..3_000_000, 1..50)) {
        let place = Place::new();
        let (store, _) = place.open();
        let mut time = START;
        let records: Vec<_> = lines.iter().enumerate().map(|(at, text)| {
            time += steps[at % steps.len()] * 1000;
            record(time, text)
        }).collect();
        store.append(&[(&group(), &records)], &[]).unwrap();
        for _ in 0..2 {
            let page = store.read(&everything()).unwrap();
            prop_assert_eq!(page.lines.len(), records.len());
            for (line, record) in page.lines.iter().zip(&records) {
                prop_assert_eq!(line.time, record.time);
                prop_assert_eq!(line.text.escape_ascii().to_string(), record.text.escape_ascii().to_string());
            }
            store.seal().unwrap();
            prop_assert!(store.unsealed().unwrap().is_empty());
        }
    }
}

/// Patterns that lie in one slot, over several, at the ends, in nothing.
const PATTERNS: [&str; 20] = [
    r"(1[0-9]{2}\.){3}",
    "[0-9]{7}",
    r"^[0-9]+",
    r"[0-9]{3}$",
    "^$",
    "[^ -~]",
    r"[0-9a-f]{4}-[0-9a-f]{4}-",
    "[A-Z]{5}",
    r"\d \d",
    "(?i)A[BC]",
    r"[0-9]{2}:[0-9]{2}[.,:]",
    r" {4}",
    r"id=[0-9a-f]*(00|ff)",
    r"t=\d+\.(1|2).*$",
    r"[xyz]$|^[a-c]",
    r"\w{12}",
    r"\b[0-9]{4}\b",
    r"(?s-u:[\x80-\xff])",
    "()",
    r"[^\x00-\x{10ffff}]",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn texts_are_found_where_they_are(lines in lines(), step in 1i64..3_000_000, digits in "[0-9]{1,5}|[0-9a-f]{2,6}") {
        use overseer_logstore::{Query, Text};
        let place = Place::new();
        let (store, _) = place.open();
        let records: Vec<_> =
            lines.iter().enumerate().map(|(at, text)| record(START + at as i64 * step * 1000, text)).collect();
        store.append(&[(&group(), &records)], &[]).unwrap();
        store.seal().unwrap();
        let patterns = PATTERNS.iter().map(|pattern| (*pattern, Text::Regex((*pattern).to_owned())));
        let literal = (&*digits, Text::Literal(digits.clone().into_bytes()));
        for (pattern, text) in patterns.chain([literal]) {
            let regex = regex::bytes::Regex::new(pattern).unwrap();
            let found = store.read(&Query { text: Some(text), ..everything() }).unwrap().lines;
            let found: Vec<_> = found.iter().map(|line| line.text.escape_ascii().to_string()).collect();
            let matching = lines.iter().filter(|line| regex.is_match(line));
            let expected: Vec<_> = matching.map(|line| line.escape_ascii().to_string()).collect();
            prop_assert_eq!(found, expected, "{}", pattern);
        }
    }
}

#[test]
fn keeps_what_each_line_says_of_itself() {
    use overseer_logstore::{Nanos, Rank, Record, Signature, Stream};
    let place = Place::new();
    let (store, _) = place.open();
    let (a, b) = (overseer_logstore::Group("a/b\tc".to_owned()), overseer_logstore::Group(String::new()));
    let one = Record {
        time: Nanos(-5),
        resource: "r\n1",
        instance: "i\\1",
        stream: Stream::File,
        severity: Rank(255),
        signature: Signature(u64::MAX),
        text: b"before 1970",
    };
    let other = Record { time: Nanos(i64::MAX), resource: "", stream: Stream::Stderr, ..one };
    let first = Record { time: Nanos(i64::MIN), instance: "", signature: Signature(0), severity: Rank(0), ..one };
    store.append(&[(&a, &[one, first]), (&b, &[other])], &[]).unwrap();
    for _ in 0..2 {
        let lines = store.read(&everything()).unwrap().lines;
        let told: Vec<_> = lines.iter().map(|line| (&*line.group, line.time, line.stream)).collect();
        let expected = [(&a, first.time, first.stream), (&a, one.time, one.stream), (&b, other.time, other.stream)];
        assert_eq!(told, expected);
        let again: Vec<_> =
            lines.iter().map(|line| (&*line.resource, &*line.instance, line.severity, line.signature)).collect();
        let expected = [first, one, other].map(|r| (r.resource, r.instance, r.severity, r.signature));
        assert_eq!(again, expected);
        store.seal().unwrap();
    }
}

#[test]
fn a_line_that_is_too_long_is_refused_with_its_bound() {
    let place = Place::new();
    let (store, _) = place.open();
    let text = vec![b'x'; 65_537];
    let refused = store.append(&[(&group(), &[record(START, &text)])], &[]).unwrap_err();
    assert_eq!(refused.to_string(), "line of 65537 bytes exceeds the limit (65536 bytes): split it");
    assert!(!refused.may_pass());
    store.append(&[(&group(), &[record(START, &text[1..])])], &[]).unwrap();
    store.seal().unwrap();
    assert_eq!(store.read(&everything()).unwrap().lines[0].text, text[1..]);
}
