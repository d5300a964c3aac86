//! The log half's own types as the contract has them.

use overseer_contract::{to_timestamp, v1};
use overseer_logstore::Rank;
use overseer_model::Timestamp;

use crate::chronicle::{self, Due, Novelty};

/// The order of the contract's severities is that of the ranks.
pub fn log_severity(rank: Rank) -> v1::LogSeverity {
    v1::LogSeverity::try_from(i32::from(rank.0)).unwrap_or_default()
}

/// What the bus is told. Of the signature's text only the public form.
pub fn log_fact(told: &chronicle::MinuteReport, workload_since: Option<Timestamp>) -> v1::LogSignatureFact {
    let chronicle::MinuteReport { due, novelty, level, baseline: _ } = told;
    let Due { workload, signature, minute, resource_id, severity, first_seen, last_seen, seen, form, .. } = due;
    v1::LogSignatureFact {
        workload: workload.clone(),
        resource_id: resource_id.clone(),
        signature: signature.to_string(),
        public_form: form.to_string(),
        severity: log_severity(Rank(*severity)).into(),
        minute: Some(to_timestamp(minute.begin())),
        count: u64::try_from(*seen).unwrap_or_default(),
        first_seen: Some(to_timestamp(*first_seen)),
        last_seen: Some(to_timestamp(*last_seen)),
        novelty: match novelty {
            Novelty::Known => v1::LogNovelty::Known,
            Novelty::New => v1::LogNovelty::New,
            Novelty::Burst => v1::LogNovelty::Burst,
        }
        .into(),
        usual_per_minute: *level,
        workload_since: workload_since.map(to_timestamp),
    }
}
