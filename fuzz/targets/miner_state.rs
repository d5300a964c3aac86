//! A state that was read from a file is refused, or harmless.
#![no_main]

use libfuzzer_sys::fuzz_target;
use overseer_signatures::{Miner, State};

fuzz_target!(|data: &[u8]| {
    let Ok(state) = serde_json::from_slice::<State>(data) else { return };
    let Ok(mut miner) = Miner::restore(state) else { return };
    miner.observe(b"took 1 ms");
    miner.save();
});
