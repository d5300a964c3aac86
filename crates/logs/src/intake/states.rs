//! How the reading of each source is doing, and what was not kept of it. A source that is gone is in no list.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{DropReason, Dropped, SourceKey};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceState {
    Following,
    /// It cannot be read now; it is tried again.
    Waiting {
        why: String,
    },
    /// It cannot be read as it is; what would help is in the text.
    Refused {
        why: String,
    },
    /// Read to its end, as long as it does not start again.
    Ended,
}

/// What is known of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub state: SourceState,
    /// Bytes that were not kept, since this process began.
    pub dropped: BTreeMap<DropReason, u64>,
}

/// The reports of all sources.
#[derive(Clone, Debug, Default)]
pub struct States(Arc<Mutex<BTreeMap<SourceKey, Report>>>);

impl States {
    #[must_use]
    pub fn all(&self) -> BTreeMap<SourceKey, Report> {
        self.lock().clone()
    }

    #[must_use]
    pub fn of(&self, key: &SourceKey) -> Option<SourceState> {
        self.lock().get(key).map(|report| report.state.clone())
    }

    pub(crate) fn set(&self, key: &SourceKey, state: SourceState) {
        let mut reports = self.lock();
        match reports.get_mut(key) {
            Some(report) => report.state = state,
            None => {
                reports.insert(key.clone(), Report { state, dropped: BTreeMap::new() });
            }
        }
    }

    /// Counts what was not kept of a source that is still there.
    pub(crate) fn count(&self, Dropped { source, reason, bytes }: &Dropped) {
        if let Some(report) = self.lock().get_mut(source) {
            let sum = report.dropped.entry(*reason).or_default();
            *sum = sum.saturating_add(*bytes);
        }
    }

    pub(crate) fn remove(&self, key: &SourceKey) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SourceKey, Report>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_summed_for_a_source_that_is_there_and_gone_with_it() {
        let (states, key) = (States::default(), SourceKey::container("one"));
        let dropped = |reason, bytes| Dropped { source: key.clone(), reason, bytes };
        states.count(&dropped(DropReason::Volume, 1));
        assert!(states.all().is_empty(), "what is gone is not listed again");
        states.set(&key, SourceState::Following);
        for (reason, bytes) in [(DropReason::Volume, 2), (DropReason::LongLine, 3), (DropReason::Volume, u64::MAX)] {
            states.count(&dropped(reason, bytes));
        }
        states.set(&key, SourceState::Ended);
        let sums = BTreeMap::from([(DropReason::LongLine, 3), (DropReason::Volume, u64::MAX)]);
        assert_eq!(states.all()[&key], Report { state: SourceState::Ended, dropped: sums });
        states.remove(&key);
        assert_eq!(states.of(&key), None);
    }
}
