//! What a batch of lines says in numbers: per workload, signature and minute. Nothing of a line's text is in it but the
//! public form of its signature.

use std::collections::HashMap;
use std::sync::Arc;

use overseer_logstore::Rank;
use overseer_model::Timestamp;
use overseer_signatures::{PublicForm, Severity, SignatureId, public_form};
use serde::{Deserialize, Serialize};

/// Stands for the signatures that are too many to be counted one by one.
pub const OTHERS: SignatureId = SignatureId(0);
/// What is at least so bad is told at once. A rank.
pub const WARNING: u8 = Severity::Warning as u8;
const MINUTE: i64 = 60_000_000;

/// Minutes since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Minute(pub i64);

impl Minute {
    pub fn of(at: Timestamp) -> Self {
        Self(at.micros().div_euclid(MINUTE))
    }
    pub fn begin(self) -> Timestamp {
        Timestamp::from_micros(self.0.saturating_mul(MINUTE))
    }
}

/// Events of one signature in one minute of one workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    pub workload: String,
    pub signature: SignatureId,
    pub minute: Minute,
    /// The container that logged last; empty for a file.
    pub resource_id: String,
    /// The rank of the worst.
    pub severity: u8,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub count: i64,
    /// As it was written; read it with [`Counted::form`]. `None` when it was told before and may stay.
    form: Option<String>,
}

impl Counted {
    /// Masked again, whatever was written: nothing else can leave. `None` when it is as it was told before.
    pub fn form(&self) -> Option<PublicForm> {
        self.form.as_deref().map(public_form)
    }

    /// Takes another count of the signature in, of any minute.
    pub fn widen(&mut self, other: &Self) {
        self.take(&other.seen(&other.workload.as_str().into()), other.form.as_ref());
    }

    fn seen<'a>(&'a self, workload: &'a Arc<str>) -> SignatureCount<'a> {
        let Self { workload: _, signature, minute: _, resource_id, severity, first_seen, last_seen, count, form: _ } =
            self;
        let (signature, severity) = (*signature, Rank(*severity));
        SignatureCount {
            workload,
            resource_id,
            signature,
            severity,
            first: *first_seen,
            last: *last_seen,
            count: *count,
        }
    }

    fn take(&mut self, seen: &SignatureCount<'_>, form: Option<&String>) {
        self.severity = self.severity.max(seen.severity.0);
        self.first_seen = self.first_seen.min(seen.first);
        if seen.last >= self.last_seen {
            self.last_seen = seen.last;
            seen.resource_id.clone_into(&mut self.resource_id);
        }
        self.count += seen.count;
        if form.is_some() {
            self.form = form.cloned();
        }
    }
}

/// Events of one minute, as they are counted.
#[derive(Clone, Copy, Debug)]
pub struct SignatureCount<'a> {
    pub workload: &'a Arc<str>,
    pub resource_id: &'a str,
    pub signature: SignatureId,
    pub severity: Rank,
    pub first: Timestamp,
    pub last: Timestamp,
    pub count: i64,
}

/// The events of a batch, or of several.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counted: Vec<Counted>,
    workloads: HashMap<Arc<str>, usize>,
    /// The one that was counted last, and its number: lines of a workload stand together.
    last: Option<(Arc<str>, usize)>,
    places: HashMap<(usize, SignatureId, Minute), usize>,
}

impl Tally {
    pub fn count(&mut self, seen: &SignatureCount<'_>) {
        self.count_as(seen, None);
    }

    /// Counts what was counted before, as this signature.
    pub fn add(&mut self, counted: &Counted, signature: SignatureId) {
        let workload = counted.workload.as_str().into();
        self.count_as(&SignatureCount { signature, ..counted.seen(&workload) }, counted.form.as_ref());
    }

    fn count_as(&mut self, seen: &SignatureCount<'_>, form: Option<&String>) {
        let minute = Minute::of(seen.first);
        let place = (self.workload(seen.workload), seen.signature, minute);
        // What is too much to be told apart has no form.
        let form = form.filter(|_| seen.signature != OTHERS);
        let known = self.places.get(&place);
        if let Some(known) = known.and_then(|&at| self.counted.get_mut(at)) {
            return known.take(seen, form);
        }
        self.places.insert(place, self.counted.len());
        self.counted.push(Counted {
            workload: seen.workload.to_string(),
            signature: seen.signature,
            minute,
            resource_id: seen.resource_id.to_owned(),
            severity: seen.severity.0,
            first_seen: seen.first,
            last_seen: seen.last,
            count: seen.count,
            form: form.cloned(),
        });
    }

    /// The number of a workload in this tally.
    fn workload(&mut self, name: &Arc<str>) -> usize {
        if let Some((last, number)) = &self.last
            && Arc::ptr_eq(last, name)
        {
            return *number;
        }
        let next = self.workloads.len();
        let number = *self.workloads.entry(name.clone()).or_insert(next);
        self.last = Some((name.clone(), number));
        number
    }

    /// What was counted, in the order of its first sight.
    pub fn counted(self) -> Vec<Counted> {
        self.counted
    }

    /// With the public form of each signature whose template `template` gives.
    pub fn finish(mut self, mut template: impl FnMut(&Counted) -> Option<String>) -> Vec<Counted> {
        for counted in &mut self.counted {
            counted.form = template(counted).map(|text| public_form(&text).into());
        }
        self.counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(tally: &mut Tally, signature: u64, at: i64, severity: u8) {
        let (workload, resource_id) = (&"shop/web".into(), &format!("c{at}"));
        let (signature, severity) = (SignatureId(signature), Rank(severity));
        let at = Timestamp::from_micros(at);
        tally.count(&SignatureCount { workload, resource_id, signature, severity, first: at, last: at, count: 1 });
    }

    #[test]
    fn events_of_a_minute_are_one_count() {
        let mut tally = Tally::default();
        for (at, severity) in [(MINUTE + 5, 3), (MINUTE + 2, 6), (2 * MINUTE - 1, 1), (2 * MINUTE, 2)] {
            count(&mut tally, 7, at, severity);
        }
        let counted = tally.finish(|_| Some("took <*> ms for zanzibar".to_owned()));
        let [first, second] = counted.as_slice() else { panic!("{counted:?}") };
        assert_eq!((first.minute, first.count, first.severity), (Minute(1), 3, 6));
        assert_eq!((first.first_seen.micros(), first.last_seen.micros()), (MINUTE + 2, 2 * MINUTE - 1));
        assert_eq!(first.resource_id, "c119999999");
        assert_eq!((second.minute, second.count), (Minute(2), 1));
        assert_eq!(first.form().unwrap().as_str(), "took <*> ms for <*>");
    }

    #[test]
    fn what_is_too_much_is_counted_together_and_has_no_form() {
        let mut tally = Tally::default();
        for signature in 1..=100 {
            count(&mut tally, signature, 0, 0);
        }
        let counted = tally.finish(|_| Some("took <*> ms".to_owned()));
        let mut sum = Tally::default();
        for one in &counted {
            sum.add(one, OTHERS);
        }
        let sum = sum.counted();
        assert_eq!((sum.len(), sum[0].count, sum[0].form()), (1, 100, None));
    }
}
