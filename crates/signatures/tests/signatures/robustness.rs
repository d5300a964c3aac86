//! Determinism, bounds, restarts, and any bytes at all.

use overseer_signatures::{Limits, Miner, SignatureId, State};
use proptest::prelude::*;

/// Lines of a few programs, with words that vary.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec!["order", "cart", "price", "stock", "export", "token", "queue", "index"]);
    let number = 0u32..100_000;
    prop_oneof![
        (word.clone(), number.clone()).prop_map(|(w, n)| format!("Loaded {n} rows from table {w}").into_bytes()),
        (word.clone(), word.clone()).prop_map(|(a, b)| format!("moved job {a} to worker {b} at last").into_bytes()),
        number.clone().prop_map(|n| format!("2026-03-01 00:00:00 ERROR code {n}: connection refused").into_bytes()),
        number.prop_map(|n| format!("{{\"level\":\"info\",\"msg\":\"done\",\"n\":{n}}}").into_bytes()),
        word.prop_map(|w| format!("{w} started").into_bytes()),
        prop::collection::vec(any::<u8>(), 0..80),
    ]
}

fn ids(miner: &mut Miner, lines: &[Vec<u8>]) -> Vec<SignatureId> {
    lines.iter().map(|line| miner.observe(line).signature).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_accepted_and_variables_lie_within_the_line(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..60)) {
        let mut miner = Miner::default();
        for line in &lines {
            let sighting = miner.observe(line);
            let mut end = 0;
            for variable in sighting.variables() {
                prop_assert!(end <= variable.range.start && variable.range.end <= line.len());
                end = variable.range.end;
            }
        }
        prop_assert!(miner.signatures().all(|signature| !signature.template.chars().any(char::is_control)));
        let counted: u64 = miner.signatures().map(|signature| signature.count).sum();
        prop_assert_eq!(counted, lines.len() as u64);
    }

    #[test]
    fn the_same_lines_give_the_same_ids(lines in prop::collection::vec(line(), 1..200)) {
        prop_assert_eq!(ids(&mut Miner::default(), &lines), ids(&mut Miner::default(), &lines));
    }

    #[test]
    fn a_restart_changes_nothing(lines in prop::collection::vec(line(), 2..200), part in 0.0f64..1.0) {
        let (before, after) = lines.split_at((lines.len() as f64 * part) as usize);
        let mut miner = Miner::default();
        ids(&mut miner, before);
        let written = serde_json::to_vec(&miner.save()).unwrap();
        let mut restored = Miner::restore(serde_json::from_slice::<State>(&written).unwrap()).unwrap();
        prop_assert_eq!(ids(&mut restored, after), ids(&mut miner, after));
        let sorted = |miner: &Miner| {
            let mut all: Vec<_> = miner.signatures().map(|s| (s.id, s.count, s.template)).collect();
            all.sort();
            all
        };
        prop_assert_eq!(sorted(&restored), sorted(&miner));
    }

    #[test]
    fn a_damaged_state_is_refused_or_harmless(lines in prop::collection::vec(line(), 1..40), at in any::<prop::sample::Index>(), digit in b'0'..=b'9') {
        let mut miner = Miner::default();
        ids(&mut miner, &lines);
        let mut written = serde_json::to_vec(&miner.save()).unwrap();
        let places: Vec<usize> = (0..written.len()).filter(|place| written[*place].is_ascii_digit()).collect();
        written[*at.get(&places)] = digit;
        if let Ok(state) = serde_json::from_slice::<State>(&written)
            && let Ok(mut miner) = Miner::restore(state)
        {
            ids(&mut miner, &lines);
        }
    }
}

#[test]
fn more_signatures_than_the_limit_are_never_known() {
    let mut miner = Miner::new(Limits { signatures: 100 });
    let mut frequent = None;
    for n in 0..5_000u32 {
        // Letters only, and another outline each time: each line is a new signature.
        let word: String = n.to_string().bytes().map(|digit| char::from(digit - b'0' + b'k')).collect();
        miner.observe(format!("{word}{} is here", "=".repeat(n as usize % 50)).as_bytes());
        let id = miner.observe(b"the frequent one is here too").signature;
        assert_eq!(*frequent.get_or_insert(id), id);
        assert!(miner.len() <= 100, "{}", miner.len());
    }
    assert_eq!(miner.signature(frequent.unwrap()).unwrap().count, 5_000, "what is used is not forgotten");
}

#[test]
fn a_forgotten_signature_has_its_id_again() {
    let mut miner = Miner::new(Limits { signatures: 64 });
    let first = miner.observe(b"once upon a time").signature;
    for n in 0..1_000u32 {
        let word: String = n.to_string().bytes().map(|digit| char::from(digit - b'0' + b'k')).collect();
        miner.observe(format!("{word}{} is here", "=".repeat(n as usize % 50)).as_bytes());
    }
    assert!(miner.signature(first).is_none());
    assert_eq!(miner.observe(b"once upon a time").signature, first);
}

#[test]
fn a_very_long_line_is_cheap_and_its_template_is_short() {
    // Pairs; and a message with bare words behind, each of which was once the reason to read the line again.
    for part in ["key=value ", "msg=value bare words "] {
        let mut miner = Miner::default();
        let line: Vec<u8> = part.bytes().cycle().take(2_000_000).collect();
        let id = miner.observe(&line).signature;
        assert!(miner.signature(id).unwrap().template.len() < 1_000);
    }
}
