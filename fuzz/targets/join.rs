//! Which lines belong together.
#![no_main]

use libfuzzer_sys::fuzz_target;
use overseer_signatures::{Joiner, Role};

fuzz_target!(|data: &[u8]| {
    let mut joiner = Joiner::default();
    for (number, line) in data.split(|byte| *byte == b'\n').enumerate() {
        let role = joiner.feed(line);
        assert!(number > 0 || role == Role::Head, "nothing comes before the first line");
    }
});
