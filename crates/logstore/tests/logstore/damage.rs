//! Damaged files are named and set aside, and the rest stays readable.

use overseer_logstore::{Group, segment};
use proptest::prelude::*;

use crate::place::{Place, START, everything, group, record, texts};

/// Two segments, of the groups `group` and `other`.
fn two() -> Place {
    let place = Place::new();
    let (store, _) = place.open();
    let lines: Vec<String> = (0..300)
        .map(|at| format!("worker-{} took {} ms, trace={:032x}", at % 7, at * 3, u128::MAX / (at + 1)))
        .collect();
    let records: Vec<_> =
        lines.iter().enumerate().map(|(at, line)| record(START + at as i64 * 1003, line.as_bytes())).collect();
    store.append(&[(&group(), &records), (&Group("other".to_owned()), &[record(START, b"alone")])], &[]).unwrap();
    store.seal().unwrap();
    place
}

#[test]
fn a_segment_that_was_cut_off_is_set_aside_at_opening() {
    let place = two();
    let damaged = place.segments()[0].clone();
    let bytes = std::fs::read(&damaged).unwrap();
    std::fs::write(&damaged, &bytes[..bytes.len() / 2]).unwrap();
    let (store, report) = place.open();
    assert_eq!(report.aside.len(), 1);
    assert!(damaged.ends_with(&report.aside[0].name), "{:?}", report.aside);
    assert_eq!(report.aside[0].why, format!("it has {} bytes instead of {}", bytes.len() / 2, bytes.len()));
    let page = store.read(&everything()).unwrap();
    assert_eq!((texts(&page), page.aside), (vec!["alone".to_owned()], report.aside));
}

#[test]
fn a_segment_that_is_missing_is_said() {
    let place = two();
    std::fs::remove_file(&place.segments()[0]).unwrap();
    let (store, report) = place.open();
    assert_eq!(report.aside[0].why, "it is missing");
    assert_eq!(texts(&store.read(&everything()).unwrap()), ["alone"]);
}

#[test]
fn a_flipped_bit_is_found_when_its_page_is_read() {
    let place = two();
    let file = place.segments()[0].clone();
    let good = std::fs::read(&file).unwrap();
    let (mut named, mut all) = (0, 0);
    for at in (0..good.len()).step_by(97) {
        let mut bytes = good.clone();
        bytes[at] ^= 16;
        std::fs::write(&file, &bytes).unwrap();
        let (store, _) = place.open();
        let page = store.read(&everything()).unwrap();
        let lines = page.lines.len();
        // Either it is set aside, or what was flipped does not matter (some fields of the footer are for others).
        assert!(page.aside.len() == 1 && lines == 1 || page.aside.is_empty() && lines == 301, "{at}: {lines} lines");
        named += page.aside.len();
        all += 1;
    }
    assert!(named * 10 > all * 8, "{named} of {all}");
}

#[test]
fn a_good_segment_is_checked() {
    let bytes = std::fs::read(&two().segments()[0]).unwrap();
    let checked = segment::check(&bytes).unwrap();
    assert_eq!(checked.lines, 300);
}

fn good() -> &'static [u8] {
    static GOOD: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    GOOD.get_or_init(|| std::fs::read(&two().segments()[0]).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_make_the_reader_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::weighted(0.2, any::<prop::sample::Index>()),
        doubled in proptest::option::weighted(0.2, (any::<prop::sample::Index>(), any::<prop::sample::Index>())),
    ) {
        let mut bytes = good().to_vec();
        if let Some((from, to)) = doubled {
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            let part = bytes[from.min(to)..from.max(to)].to_vec();
            bytes.splice(from..from, part);
        }
        // The footer is where most can go wrong: half of the changes go there.
        for (number, (at, value)) in changes.into_iter().enumerate() {
            let from = if number % 2 == 0 { bytes.len() - bytes.len().min(700) } else { 0 };
            let len = bytes.len() - from;
            bytes[from + at.index(len)] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = segment::check(&bytes);
    }

    #[test]
    fn no_noise_makes_the_reader_panic(mut bytes: Vec<u8>) {
        let _ = segment::check(&bytes);
        let len = bytes.len() as u32;
        bytes.extend(len.to_le_bytes());
        bytes.extend(b"PAR1");
        let _ = segment::check(&bytes);
    }
}
