//! Sources to the wire.

use overseer_contract::v1;

use super::Source;
use crate::intake::{DropReason, Report, SourceState};

impl From<Source> for v1::LogSource {
    fn from(source: Source) -> Self {
        let Source { id, workload, key, report: Report { state, dropped }, keep } = source;
        let (state, why) = match state {
            SourceState::Following => (v1::LogSourceState::Following, String::new()),
            SourceState::Waiting { why } => (v1::LogSourceState::Waiting, why),
            SourceState::Refused { why } => (v1::LogSourceState::Refused, why),
            SourceState::Ended => (v1::LogSourceState::Ended, String::new()),
        };
        let dropped = dropped
            .into_iter()
            .map(|(reason, bytes)| v1::LogDrop { reason: v1::LogDropReason::from(reason).into(), bytes });
        Self {
            id: id.map(|id| id.to_string()).unwrap_or_default(),
            workload: workload.to_string(),
            instance: key.to_string(),
            state: state.into(),
            why,
            dropped: dropped.collect(),
            keep_days: keep.count(),
        }
    }
}

impl From<DropReason> for v1::LogDropReason {
    fn from(reason: DropReason) -> Self {
        match reason {
            DropReason::LongLine => Self::LongLine,
            DropReason::Volume => Self::Volume,
            DropReason::Overwritten => Self::Overwritten,
        }
    }
}
