//! Which public forms are told again. A template changes as more is learned, mostly at its beginning: its form is told
//! when the signature is first counted for a workload, and each time that its count has doubled.

use std::collections::HashMap;

use overseer_signatures::SignatureId;

use crate::chronicle::Counted;

/// Signatures of workloads that are remembered; when there are more, all are told again.
const MOST: usize = 65_536;

#[derive(Debug, Default)]
pub(super) struct Forms {
    told: HashMap<(String, SignatureId), PublishedForm>,
}

#[derive(Debug)]
struct PublishedForm {
    count: i64,
    again_at: i64,
}

impl Forms {
    /// Whether the form goes with this count.
    pub fn is_due(&mut self, one: &Counted) -> bool {
        if self.told.len() >= MOST {
            self.told.clear();
        }
        let new = || PublishedForm { count: 0, again_at: 0 };
        let told = self.told.entry((one.workload.clone(), one.signature)).or_insert_with(new);
        told.count = told.count.saturating_add(one.count);
        let is_due = told.count > told.again_at;
        if is_due {
            told.again_at = told.count.saturating_mul(2);
        }
        is_due
    }
}
