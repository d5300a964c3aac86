//! The collector's own types as the contract and the tables have them.

use overseer_contract::{to_timestamp, v1};
use overseer_provider_port::{Announced, ContainerDetails, Details, ResourceRecord, Traits};

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
