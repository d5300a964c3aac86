//! Headers, tokens, JSON, logfmt and learning, over several lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use overseer_signatures::{Limits, Miner};

fuzz_target!(|data: &[u8]| {
    let mut miner = Miner::new(Limits { signatures: 64 });
    for line in data.split(|byte| *byte == b'\n') {
        let sighting = miner.observe(line);
        assert!(sighting.variables().all(|variable| variable.range.start <= variable.range.end && variable.range.end <= line.len()));
    }
    assert!(miner.len() <= 64);
});
