//! What is usual for a signature of a workload, and what is a burst beside it. Pure.
//!
//! The level is the mean of events a minute, silent minutes counted; what is older weighs less. The highest minute is
//! remembered as well and fades slower, so that a job that logs much once an hour is no burst each time.

use serde::{Deserialize, Serialize};

use super::tally::Minute;

/// Minutes after which an observation weighs half.
const LEVEL_HALF_LIFE: f64 = 360.0;
const PEAK_HALF_LIFE: f64 = 1_440.0;
/// Minutes of which something must be known before anything is a burst.
pub const LEARNED: i64 = 10;
/// Fewer events a minute are no burst of anything.
pub const LEAST: i64 = 10;

/// What is usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Events a minute.
    level: f64,
    /// The highest minute, faded.
    peak: f64,
    /// The first and the last minute that were measured; none yet when `level` and `peak` are 0.
    from: i64,
    until: i64,
}

impl Baseline {
    /// Takes a minute that is over into account. One that was measured, or is older, changes nothing.
    pub fn measure(&mut self, minute: Minute, count: i64) {
        let (Minute(minute), count) = (minute, float(count));
        if self.is_empty() {
            *self = Self { level: count, peak: count, from: minute, until: minute };
        } else if minute > self.until {
            let passed = float(minute - self.until);
            let all = float(minute - self.from + 1);
            // While little is known each minute counts the same.
            let keep = 0.5_f64.powf(passed / LEVEL_HALF_LIFE).min(1.0 - passed / all);
            let weight = (1.0 - 0.5_f64.powf(1.0 / LEVEL_HALF_LIFE)).max(1.0 / all);
            self.level = self.level * keep + count * weight;
            self.peak = count.max(self.peak * 0.5_f64.powf(passed / PEAK_HALF_LIFE));
            self.until = minute;
        }
    }

    /// As it is when this minute begins: the minutes since the last were silent. The one just before may not be measured
    /// yet.
    pub fn before(mut self, minute: Minute) -> Self {
        if !self.is_empty() {
            self.measure(Minute(minute.0 - 2), 0);
        }
        self
    }

    fn is_empty(self) -> bool {
        self.peak == 0.0
    }

    /// Events a minute, silent minutes counted.
    pub fn level(self) -> f64 {
        self.level
    }

    /// Events of one minute from which on it is a burst; `None` while too little is known.
    ///
    /// Four times the usual, and more than chance (a Poisson deviation of six), and half more than the highest minute.
    pub fn burst_at(self) -> Option<i64> {
        let chance = 4.0 * self.level + 6.0 * self.level.sqrt();
        let bar = float(LEAST).max(chance).max(1.5 * self.peak).ceil();
        #[expect(clippy::cast_possible_truncation, reason = "a count of events of a minute is far below 2^53")]
        (self.until - self.from >= LEARNED && !self.is_empty()).then_some(bar as i64)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts and minutes are far below 2^53")]
fn float(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(minutes: impl IntoIterator<Item = (i64, i64)>) -> Baseline {
        let mut baseline = Baseline::default();
        for (minute, count) in minutes {
            baseline.measure(Minute(minute), count);
        }
        baseline
    }

    #[test]
    fn nothing_is_a_burst_before_something_is_known() {
        assert_eq!(after([]).burst_at(), None);
        assert_eq!(after((0..10).map(|minute| (minute, 5))).burst_at(), None);
        assert_eq!(after((0..11).map(|minute| (minute, 5))).burst_at(), Some(34));
    }

    #[test]
    fn the_bar_follows_the_level() {
        let steady = after((0..1_000).map(|minute| (minute, 100)));
        assert!((steady.level() - 100.0).abs() < 1e-6);
        assert!((460..=461).contains(&steady.burst_at().unwrap()));
        let rare = after((0..1_000).step_by(100).map(|minute| (minute, 1)));
        assert_eq!(rare.burst_at(), Some(10));
        let quiet = after((0..1_000).map(|minute| (minute, 100)).chain([(20_000, 1)]));
        assert_eq!(quiet.burst_at(), Some(10), "two weeks of silence: {quiet:?}");
    }

    #[test]
    fn what_comes_every_hour_is_usual() {
        let hourly = after((0..10).map(|hour| (hour * 60, 1_000)));
        assert!(hourly.burst_at() > Some(1_400), "{hourly:?}");
    }

    #[test]
    fn silence_counts_before_the_minute_that_is_judged() {
        let once = after([(0, 1)]);
        assert_eq!((once.burst_at(), once.before(Minute(10_000)).burst_at()), (None, Some(10)));
        let loud = after((0..100).map(|minute| (minute, 1_000))).before(Minute(40_000));
        assert_eq!(loud.burst_at(), Some(10), "{loud:?}");
        assert_eq!(loud.before(Minute(5)), loud, "an older minute changes nothing");
    }

    proptest! {
        #[test]
        fn the_bar_is_above_what_is_usual(minutes in prop::collection::btree_map(0_i64..50_000, 1_i64..1_000_000, 1..60)) {
            let baseline = after(minutes.clone());
            prop_assert!(baseline.level() >= 0.0 && baseline.level() <= 1e6 * 1.01);
            if let Some(bar) = baseline.burst_at() {
                prop_assert!(bar >= 10);
                prop_assert!(bar > *minutes.values().next_back().unwrap());
            }
        }
    }
}
