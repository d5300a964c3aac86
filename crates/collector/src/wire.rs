//! The collector's own types as the contract and the tables have them.

use overseer_contract::{to_timestamp, v1};

use overseer_logstore::Rank;
use overseer_model::Timestamp;
use overseer_provider_port::{Announced, ContainerDetails, Details, ResourceRecord, Traits};

use crate::chronicle::{self, Due, Novelty};

pub fn resource(record: ResourceRecord) -> v1::Resource {
    let ResourceRecord {
        resource,
        state,
        health,
        restart_count,
        traits,
        observed_at,
        started_by_request_at: _,
        run: _,
        events: _,
    } = record;
    let (fingerprint, workload, details) = match traits {
        Some(Traits { fingerprint, workload, capabilities: _, details }) => {
            (fingerprint.to_string(), workload, Some(details))
        }
        None => (String::new(), resource.name.clone(), None),
    };
    v1::Resource {
        r#ref: Some(resource.into()),
        state: v1::ResourceState::from(state).into(),
        health: v1::Health::from(health).into(),
        workload,
        restart_count,
        fingerprint,
        observed_at: Some(to_timestamp(observed_at)),
        details: details.map(|details| match details {
            Details::Container(ContainerDetails { image, rule, stop_timeout_s }) => {
                v1::resource::Details::Container(v1::ContainerDetails {
                    image,
                    restart_rule: Some(rule.into()),
                    stop_timeout_s,
                })
            }
        }),
    }
}

/// The event about a resource that changed.
pub fn changed(known: &ResourceRecord) -> v1::ResourceChanged {
    let Announced { state, fingerprint, started_by_request_at } = known.announced();
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
