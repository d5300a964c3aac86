//! The collector's own types as the contract and the tables have them.

use overseer_contract::{to_timestamp, v1};

use overseer_logstore::Rank;
use overseer_model::Timestamp;

use crate::chronicle::{self, Due, Novelty};
use crate::decide::{Known, Told, Traits};

impl From<Known> for v1::Resource {
    fn from(known: Known) -> Self {
        let (state, health) = (known.state, known.health);
        let (fingerprint, image, workload, rule) = match known.traits {
            Some(Traits { fingerprint, image, workload, rule, capabilities: _ }) => {
                (fingerprint.to_string(), image, workload, Some(rule.into()))
            }
            None => (String::new(), String::new(), known.resource.name.clone(), None),
        };
        Self {
            state: v1::ResourceState::from(state).into(),
            health: v1::Health::from(health).into(),
            image,
            workload,
            restart_rule: rule,
            restart_count: known.restart_count,
            fingerprint,
            observed_at: Some(to_timestamp(known.observed_at)),
            r#ref: Some(known.resource.into()),
        }
    }
}

/// The event about a resource that changed.
pub fn changed(known: &Known) -> v1::ResourceChanged {
    let Told { state, fingerprint, started_by_request_at } = known.told();
    let capabilities = known.traits.iter().flat_map(|traits| &traits.capabilities);
    v1::ResourceChanged {
        resource: Some(known.resource.clone().into()),
        state: v1::ResourceState::from(state).into(),
        fingerprint: fingerprint.map(|fingerprint| fingerprint.to_string()).unwrap_or_default(),
        capabilities: capabilities.map(|capability| v1::Capability::from(*capability).into()).collect(),
        started_by_request_at: started_by_request_at.map(to_timestamp),
    }
}

/// The order of the contract's severities is that of the ranks.
pub fn log_severity(rank: Rank) -> v1::LogSeverity {
    v1::LogSeverity::try_from(i32::from(rank.0)).unwrap_or_default()
}

/// What the bus is told. Of the signature's text only the public form.
pub fn log_fact(told: &chronicle::Told, workload_since: Option<Timestamp>) -> v1::LogSignatureFact {
    let chronicle::Told { due, novelty, level, baseline: _ } = told;
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
