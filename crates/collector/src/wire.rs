//! The collector's own types as the contract and the tables have them.

use overseer_contract::{to_timestamp, v1};

use crate::decide::{Known, Traits};

impl From<Known> for v1::Resource {
    fn from(known: Known) -> Self {
        let (state, health) = (known.state, known.health);
        let (fingerprint, image, workload, rule) = match known.traits {
            Some(Traits { fingerprint, image, workload, rule }) => {
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
