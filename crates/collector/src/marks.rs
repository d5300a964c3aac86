//! When the facts were published up to where, in steps of a minute: enough to publish again what a bus may have lost.

use std::time::Duration;

use overseer_model::Timestamp;
use serde::{Deserialize, Serialize};

const STEP: Duration = Duration::from_secs(60);
/// More than the minutes that a bus may lose, so that it can also be noticed late.
const MOST: usize = 15;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    at: Timestamp,
    /// All facts up to this one had been published by then.
    published: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    marks: Vec<Mark>,
    last_at: Option<Timestamp>,
}

impl Marks {
    /// Notes that facts beyond `published` are being published now.
    pub fn note(&mut self, published: i64, now: Timestamp) {
        self.last_at = Some(now);
        if self.marks.last().is_none_or(|last| now < last.at || now.since(last.at) >= STEP) {
            self.marks.push(Mark { at: now, published });
            let surplus = self.marks.len().saturating_sub(MOST);
            self.marks.drain(..surplus);
        }
    }

    /// When facts were last published.
    pub fn last_at(&self) -> Option<Timestamp> {
        self.last_at
    }

    /// After which fact to begin, to publish again all that was published since; `None` when nothing is known of it.
    pub fn before(&self, since: Timestamp) -> Option<i64> {
        let earlier = self.marks.iter().rev().find(|mark| mark.at <= since);
        earlier.or(self.marks.first()).map(|mark| mark.published)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    #[test]
    fn goes_back_to_the_last_mark_before_a_time_or_else_as_far_as_it_knows() {
        let mut marks = Marks::default();
        assert_eq!((marks.before(at(0)), marks.last_at()), (None, None));
        for (second, published) in [(0, 0), (30, 5), (70, 9), (3_600, 20), (3_650, 30)] {
            marks.note(published, at(second));
        }
        assert_eq!(marks.last_at(), Some(at(3_650)));
        assert_eq!(marks.before(at(3_650)), Some(20));
        assert_eq!(marks.before(at(3_599)), Some(9));
        assert_eq!(marks.before(at(69)), Some(0));
        assert_eq!(marks.before(at(-1)), Some(0));
    }

    #[test]
    fn is_bounded_and_survives_a_clock_that_goes_back() {
        let mut marks = Marks::default();
        for minute in 0..100 {
            marks.note(minute, at(minute * 60));
        }
        assert_eq!(marks.marks.len(), MOST);
        marks.note(100, at(0));
        assert_eq!(marks.before(at(0)), Some(100));
    }
}
