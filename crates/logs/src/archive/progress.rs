//! Where a source is, from line to line and over a restart.

use overseer_provider_port::LogPosition;
use overseer_redaction::Block;
use overseer_signatures::{Joiner, Miner, Role, Severity, SignatureId};

/// What is known of a source's last lines.
#[derive(Clone, Default)]
pub(super) struct Progress {
    pub block: Block,
    joiner: Joiner,
    /// The signature of the event that the last line belongs to.
    event: Option<(SignatureId, Severity)>,
}

impl Progress {
    /// Of a source that is read on after a restart.
    pub fn after(block: Block) -> Self {
        Self { block, ..Self::default() }
    }

    /// Whether this line begins an event or continues one, and the event's signature and severity.
    pub fn event(&mut self, miner: &mut Miner, text: &[u8]) -> (Role, SignatureId, Severity) {
        if let (Role::Continuation, Some((signature, severity))) = (self.joiner.feed(text), self.event) {
            return (Role::Continuation, signature, severity);
        }
        let sighting = miner.observe(text);
        let (signature, severity) = (sighting.signature, sighting.severity);
        self.event = Some((signature, severity));
        (Role::Head, signature, severity)
    }
}

/// What is stored with the lines of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub position: LogPosition,
    pub block: Block,
}

const VERSION: u8 = 1;

impl Mark {
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.block.to_bytes());
        bytes.extend_from_slice(self.position.as_bytes());
        bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let [VERSION, first, second, position @ ..] = bytes else { return None };
        Some(Self { position: LogPosition::from_bytes(position)?, block: Block::from_bytes([*first, *second]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_back_and_another_version_does_not() {
        let redactor = overseer_redaction::Redactor::new(overseer_redaction::CorrelationKey::new(&[7; 32]));
        let mut block = Block::default();
        let _redacted = redactor.redact_line(&mut block, b"-----BEGIN RSA PRIVATE KEY-----");
        assert!(block.is_open());
        let mark = Mark { position: LogPosition::from_bytes(b"place").unwrap(), block };
        let mut bytes = mark.to_bytes();
        assert_eq!(Mark::from_bytes(&bytes), Some(mark));
        bytes[0] = 9;
        assert_eq!(Mark::from_bytes(&bytes), None);
        assert_eq!(Mark::from_bytes(b""), None);
    }
}
