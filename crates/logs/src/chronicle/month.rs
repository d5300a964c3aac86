//! Days and months of UTC, counted from 1970. Pure.

use std::fmt;
use std::str::FromStr;

use overseer_model::Timestamp;
use time::{Date, UtcDateTime};

const DAY: i64 = 86_400_000_000;

/// Days since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

impl Day {
    pub fn of(at: Timestamp) -> Self {
        Self(at.micros().div_euclid(DAY))
    }
    pub fn begin(self) -> Timestamp {
        Timestamp::from_micros(self.0.saturating_mul(DAY))
    }
    pub fn month(self) -> Month {
        let (year, month, _) = self.begin().utc().to_calendar_date();
        Month((i64::from(year) - 1970) * 12 + i64::from(u8::from(month)) - 1)
    }
    /// So many days before.
    pub fn back(self, days: u32) -> Self {
        Self(self.0 - i64::from(days))
    }
}

/// Months since January 1970. Written as 2026-08.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(pub i64);

impl Month {
    pub fn first(self) -> Day {
        let (years, month) = (self.0.div_euclid(12), self.0.rem_euclid(12));
        let month = time::Month::January.nth_next(u8::try_from(month).unwrap_or_default());
        let year = i32::try_from(years).unwrap_or(i32::MAX).saturating_add(1970);
        let date = Date::from_calendar_date(year, month, 1).unwrap_or(Date::MAX);
        Day((date - UtcDateTime::UNIX_EPOCH.date()).whole_days())
    }
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
    pub fn days(self) -> i64 {
        self.next().first().0 - self.first().0
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", 1970 + self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}

/// Text that is no month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid month: expected YYYY-MM")]
pub struct BadMonth;

impl FromStr for Month {
    type Err = BadMonth;
    fn from_str(text: &str) -> Result<Self, BadMonth> {
        let (year, month) = text.split_once('-').filter(|_| text.len() == 7).ok_or(BadMonth)?;
        let number = |text: &str| text.parse::<i64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        let (year, month) = (number(year).ok_or(BadMonth)?, number(month).ok_or(BadMonth)?);
        if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) {
            return Err(BadMonth);
        }
        Ok(Self((year - 1970) * 12 + month - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_is_in_its_month() {
        for month in (0..1_200).map(Month) {
            let (first, next) = (month.first(), month.next().first());
            assert!((28..=31).contains(&(next.0 - first.0)));
            assert_eq!((first.month(), Day(next.0 - 1).month()), (month, month));
            assert_eq!(month.to_string().parse(), Ok(month));
            assert_eq!(first.begin().utc().day(), 1);
        }
        assert_eq!("2026-11".parse::<Month>().unwrap().first(), Day::of(Timestamp::from_micros(1_793_491_200_000_000)));
    }

    #[test]
    fn other_text_is_no_month() {
        for text in ["", "2026", "2026-13", "2026-00", "26-1", "2026-1", "2026-+1", "1969-12", "2026-08-01"] {
            assert_eq!(text.parse::<Month>(), Err(BadMonth), "{text}");
        }
    }
}
