//! A segment is read, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _checked = overseer_logstore::segment::check(data);
});
