//! Private keys over many lines.

use overseer_redaction::Block;

use crate::{redact, redactor, text};

const BODY: [&str; 4] = [
    "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfnygWyF8PbnGy0AHB7MaQxGsNxXx4V3pVz1",
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz",
    "c2gtZWQyNTUxOQAAACDvP0k5Z3VS5JJcds3xfnygWyF8PbnGy0AHB7MaQxGsNxXx",
    "4V3pVz1=",
];

/// With the word between the two halves kept apart, for scanners of repositories.
fn header(kind: &str) -> String {
    format!("-----BEGIN {kind}PRIVATE {}-----", "KEY")
}

fn redact_all(lines: &[String]) -> Vec<String> {
    let (redactor, mut block) = (redactor(), Block::default());
    let redacted = lines.iter().map(|line| text(&redactor.redact_line(&mut block, line.as_bytes()))).collect();
    assert!(!block.is_open());
    redacted
}

fn key(kind: &str, before: &str) -> Vec<String> {
    let mut lines = vec![format!("{before}{}", header(kind))];
    lines.extend(BODY.map(|line| format!("{before}{line}")));
    lines.push(format!("{before}-----END {kind}PRIVATE KEY-----"));
    lines
}

fn assert_nothing_left(redacted: &[String]) {
    for line in BODY {
        assert!(!redacted.iter().any(|redacted| redacted.contains(line)), "{line} is left in {redacted:#?}");
    }
}

#[test]
fn each_line_of_a_key_is_redacted_and_its_first_and_last_line_are_kept() {
    for kind in ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "] {
        let lines = key(kind, "");
        let redacted = redact_all(&lines);
        assert_nothing_left(&redacted);
        assert_eq!((redacted.first(), redacted.last()), (lines.first(), lines.last()));
        assert!(redacted[1..5].iter().all(|line| line.starts_with("[redacted:private-key:")), "{redacted:#?}");
    }
}

#[test]
fn lines_of_others_between_are_treated_as_usual() {
    let mut lines = key("RSA ", "");
    lines.insert(2, "GET /healthz 200".into());
    lines.insert(4, "password=hunter2".into());
    lines.push("after the key".into());
    let redacted = redact_all(&lines);
    assert_nothing_left(&redacted);
    assert_eq!(redacted[2], "GET /healthz 200");
    assert!(redacted[4].starts_with("password=[redacted:password:"), "{}", redacted[4]);
    assert_eq!(redacted.last().unwrap(), "after the key");
}

#[test]
fn a_prefix_before_each_line_and_line_ends_change_nothing() {
    let redacted = redact_all(&key("", "2026-11-21T08:19:00Z INFO  "));
    // The last, short line could be a word.
    assert_nothing_left(&redacted[..4]);
    let ended: Vec<String> = key("", "  ").iter().map(|line| format!("{line}\r\n")).collect();
    let redacted = redact_all(&ended);
    assert_nothing_left(&redacted);
    assert!(redacted.iter().all(|line| line.ends_with("\r\n")));
}

#[test]
fn a_key_within_one_text_needs_no_state() {
    for between in ["\n", "\\n", "\\\\n", "\r\n"] {
        let redacted = text(&redact(key("RSA ", "").join(between).as_bytes()));
        for line in BODY {
            assert!(!redacted.contains(line), "{line} is left in {redacted}");
        }
        assert!(redacted.ends_with("-----END RSA PRIVATE KEY-----"), "{redacted}");
    }
}

#[test]
fn a_key_that_is_cut_off_is_redacted_as_far_as_it_goes() {
    let whole = key("RSA ", "").join("\\n");
    for length in 0..whole.len() {
        let redacted = text(&redact(&whole.as_bytes()[..length]));
        assert!(!redacted.contains(&BODY[0][..17]), "{redacted}");
    }
}

#[test]
fn a_block_that_never_ends_is_left_after_512_lines() {
    let (redactor, mut block) = (redactor(), Block::default());
    let _header = redactor.redact_line(&mut block, header("").as_bytes());
    assert!(block.is_open());
    for _ in 0..512 {
        assert_eq!(&*redactor.redact_line(&mut block, b"usual text, line by line"), b"usual text, line by line");
    }
    assert!(!block.is_open());
    assert_eq!(&*redactor.redact_line(&mut block, BODY[0].as_bytes()), BODY[0].as_bytes());
}

#[test]
fn marks_within_a_block_stay() {
    let lines = key("RSA ", "");
    let once = redact_all(&lines);
    assert_eq!(redact_all(&once), once);
}
