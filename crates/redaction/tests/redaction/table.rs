//! The table of families, line by line.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::{redact, redactor, text};

const TABLE: &str = include_str!("../../families.md");

/// A line of the table.
pub struct Example {
    pub family: String,
    /// What is kept and what is secret, in turns; the first is kept.
    pub parts: Vec<String>,
}

impl Example {
    pub fn whole(&self) -> String {
        self.parts.concat()
    }
    pub fn secrets(&self) -> impl Iterator<Item = &String> {
        self.parts.iter().skip(1).step_by(2)
    }
}

/// The lines of the table that begin with `sign`.
pub fn examples(sign: &str) -> Vec<Example> {
    let mut family = String::new();
    let mut examples = Vec::new();
    for line in TABLE.replace('¦', "").lines() {
        if let Some(rest) = line.strip_prefix("## `") {
            family = rest.split('`').next().unwrap().to_owned();
        }
        if let Some(rest) = line.strip_prefix(sign).filter(|_| !family.is_empty()) {
            let parts = rest[1..].split(['«', '»']).map(str::to_owned).collect();
            examples.push(Example { family: family.clone(), parts });
        }
    }
    examples
}

/// Text with each mark taken apart: what is around the marks, and their families.
fn around_marks(text: &str) -> (Vec<String>, Vec<String>) {
    let mut kept = vec![];
    let mut families = vec![];
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("[redacted:") {
        let (family, behind) = behind.split_once(':').unwrap();
        let (hex, behind) = behind.split_once(']').unwrap();
        assert_eq!(hex.len(), 8, "{text}");
        kept.push(before.to_owned());
        families.push(family.to_owned());
        rest = behind;
    }
    kept.push(rest.to_owned());
    (kept, families)
}

#[test]
fn every_secret_of_the_table_becomes_a_mark_of_its_family_and_nothing_else_does() {
    let mut wrong = vec![];
    for example in examples("+") {
        assert!(example.parts.len() >= 3, "no secret in: {}", example.whole());
        let redacted = text(&redact(example.whole().as_bytes()));
        let (kept, families) = around_marks(&redacted);
        let expected: Vec<&String> = example.parts.iter().step_by(2).collect();
        if kept.iter().collect::<Vec<_>>() != expected || families.iter().any(|family| *family != example.family) {
            wrong.push(format!("{}: {}\n   became {redacted}", example.family, example.whole()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_no_secret_is_kept_and_not_copied() {
    let redactor = redactor();
    let mut wrong = vec![];
    for example in examples("-") {
        let whole = example.whole();
        if let Cow::Owned(redacted) = redactor.redact(whole.as_bytes()) {
            wrong.push(format!("{whole}\n   became {}", text(&redacted)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_family_has_examples_of_both_kinds() {
    let families = |sign| examples(sign).into_iter().map(|example| example.family).collect::<BTreeSet<_>>();
    assert_eq!(families("+"), families("-"));
    assert_eq!(families("+").len(), 30);
}

#[test]
fn lines_of_real_programs_come_out_as_they_went_in() {
    let redactor = redactor();
    for line in include_str!("clean.txt").lines() {
        assert!(matches!(redactor.redact(line.as_bytes()), Cow::Borrowed(same) if same == line.as_bytes()), "{line}");
    }
}

#[test]
fn the_same_secret_has_the_same_mark_wherever_it_stands_and_another_under_another_key() {
    let token = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
    let mark = |before: &str, behind: &str| {
        let redacted = text(&redact(format!("{before}{token}{behind}").as_bytes()));
        redacted.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind)).unwrap().to_owned()
    };
    let alone = mark("", "");
    assert!(alone.starts_with("[redacted:github:"), "{alone}");
    for (before, behind) in [
        ("token=", ""),
        ("password: ", ""),
        (r#"{"secret":""#, r#""}"#),
        ("Authorization: Bearer ", ""),
        ("https://x-access-token:", "@github.com/a/b"),
    ] {
        assert_eq!(mark(before, behind), alone, "{before}");
    }
    let other = overseer_redaction::Redactor::new(overseer_redaction::CorrelationKey::new(&[8; 32]));
    assert_ne!(text(&other.redact(token.as_bytes())), alone);
    assert_ne!(mark("x", ""), "x");
}
