//! Redaction of any bytes, over the lines of a stream; what is redacted is redacted once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use overseer_redaction::{Block, CorrelationKey, Redactor};

fuzz_target!(|data: &[u8]| {
    let redactor = Redactor::new(CorrelationKey::new(&[7; 32]));
    let mut block = Block::default();
    for line in data.split(|byte| *byte == b'\n') {
        let _redacted = redactor.redact_line(&mut block, line);
    }
    let once = redactor.redact(data).into_owned();
    assert_eq!(redactor.redact(&once), once);
});
