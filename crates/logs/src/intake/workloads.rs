//! Which workload each source belongs to: the Compose service or the name of a container, the declared resource of a
//! file. A workload goes on when its container is made anew; the source does not.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::SourceKey;

/// Sources that are gone and still known, because lines of theirs may wait to be stored.
const GONE: usize = 1_000;

#[derive(Clone, Default)]
pub struct Workloads(Arc<Mutex<WorkloadNames>>);

#[derive(Default)]
struct WorkloadNames {
    names: HashMap<SourceKey, Arc<str>>,
    gone: VecDeque<SourceKey>,
}

impl Workloads {
    /// The name of a source's workload; the source's own when nobody told it.
    #[must_use]
    pub fn of(&self, source: &SourceKey) -> Arc<str> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.names.get(source).cloned().unwrap_or_else(|| source.as_str().into())
    }

    pub(crate) fn tell(&self, source: &SourceKey, workload: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.gone.retain(|gone| gone != source);
        if known.names.get(source).is_none_or(|name| &**name != workload) {
            known.names.insert(source.clone(), workload.into());
        }
    }

    /// Nothing comes from the source any more.
    pub(crate) fn gone(&self, source: &SourceKey) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.gone.push_back(source.clone());
        if known.gone.len() > GONE
            && let Some(oldest) = known.gone.pop_front()
        {
            known.names.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_is_known_for_a_while_after_its_source_is_gone() {
        let workloads = Workloads::default();
        let key = |n: usize| SourceKey::container(&n.to_string());
        assert_eq!(&*workloads.of(&key(0)), "container:0");
        for n in 0..=GONE {
            workloads.tell(&key(n), "shop/web");
            workloads.gone(&key(n));
        }
        assert_eq!(&*workloads.of(&key(0)), "container:0", "the oldest is forgotten");
        assert_eq!(&*workloads.of(&key(1)), "shop/web");
        workloads.tell(&key(1), "shop/web");
        workloads.gone(&key(GONE + 1));
        workloads.gone(&key(GONE + 2));
        assert_eq!(&*workloads.of(&key(1)), "shop/web", "it is back");
    }
}
