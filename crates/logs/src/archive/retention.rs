//! How long lines are kept, and so which of them share segments: those that are kept equally long. Pure.

use std::collections::BTreeMap;
use std::fmt;

use std::time::Duration;

use overseer_logstore::Group;
use overseer_model::Timestamp;
use serde::Deserialize;

use crate::chronicle::Day;

/// Days that lines are kept, 1 to 3,650.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "u32")]
pub struct Days(u32);

#[derive(Debug, thiserror::Error)]
#[error("invalid retention of {0} days: expected 1 to 3650")]
pub struct BadDays(u32);

impl TryFrom<u32> for Days {
    type Error = BadDays;
    fn try_from(days: u32) -> Result<Self, BadDays> {
        if (1..=3_650).contains(&days) { Ok(Self(days)) } else { Err(BadDays(days)) }
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Days {
    pub fn count(self) -> u32 {
        self.0
    }

    /// What is older was kept long enough: whole days.
    pub fn end(self, now: Timestamp) -> Timestamp {
        Day::of(now).back(self.0).begin()
    }

    pub fn span(self) -> Duration {
        Duration::from_secs(u64::from(self.0) * 24 * 3_600)
    }

    /// The lines that are kept so long.
    pub fn group(self) -> Group {
        Group(format!("keep-{}", self.0))
    }

    /// How long a group's lines are kept.
    pub fn of(group: &Group) -> Option<Self> {
        group.0.strip_prefix("keep-")?.parse().ok().and_then(|days: u32| Self::try_from(days).ok())
    }
}

/// How long the lines of each workload are kept. What changes here holds for lines that come from then on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    pub usual: Days,
    pub of: BTreeMap<String, Days>,
}

impl Retention {
    pub fn of(&self, workload: &str) -> Days {
        self.of.get(workload).copied().unwrap_or(self.usual)
    }

    pub fn longest(&self) -> Days {
        self.of.values().copied().fold(self.usual, Days::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_says_how_long_its_lines_are_kept() {
        for days in [1, 90, 3_650] {
            let days = Days::try_from(days).unwrap();
            assert_eq!(Days::of(&days.group()), Some(days));
        }
        for other in ["", "keep-", "keep-0", "keep-x", "keep-9999", "web"] {
            assert_eq!(Days::of(&Group(other.to_owned())), None, "{other}");
        }
    }

    #[test]
    fn a_workload_may_be_kept_longer_or_shorter() {
        let days = |days| Days::try_from(days).unwrap();
        let of = BTreeMap::from([("audit".to_owned(), days(365)), ("noise".to_owned(), days(7))]);
        let retention = Retention { usual: days(90), of };
        assert_eq!([retention.of("web"), retention.of("audit"), retention.of("noise")], [days(90), days(365), days(7)]);
        assert_eq!(retention.longest(), days(365));
    }
}
