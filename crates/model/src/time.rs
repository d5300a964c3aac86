//! One way to tell the time: microseconds since the Unix epoch, UTC.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use time::UtcDateTime;

/// A point in time, in microseconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }
    /// The system's clock. Decisions take the time as an argument; only their callers call this.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
    /// In the calendar; what it cannot say becomes the nearest that it can.
    #[must_use]
    pub fn utc(self) -> UtcDateTime {
        let nearest = if self.0 < 0 { UtcDateTime::MIN } else { UtcDateTime::MAX };
        UtcDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000).unwrap_or(nearest)
    }
    /// The time passed since `earlier`; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }
}
impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }
}

/// `2026-11-21 05:04:03.120 UTC`, for narratives and tables.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let utc = self.utc();
        let (year, month, day) = utc.to_calendar_date();
        let (hour, minute, second, millis) = utc.as_hms_milli();
        let month = u8::from(month);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{millis:03} UTC")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_the_civil_time() {
        assert_eq!(Timestamp::from_micros(0).to_string(), "1970-01-01 00:00:00.000 UTC");
        assert_eq!(Timestamp::from_micros(951_782_400_123_456).to_string(), "2000-02-29 00:00:00.123 UTC");
        assert_eq!(Timestamp::from_micros(1_795_237_443_000_000).to_string(), "2026-11-21 05:04:03.000 UTC");
        assert_eq!(Timestamp::from_micros(-1).to_string(), "1969-12-31 23:59:59.999 UTC");
        assert_eq!(Timestamp::from_micros(i64::MAX).to_string(), "9999-12-31 23:59:59.999 UTC");
        assert_eq!(Timestamp::from_micros(i64::MIN).to_string(), "-9999-01-01 00:00:00.000 UTC");
    }

    #[test]
    fn an_earlier_time_is_no_time_ago() {
        assert_eq!(Timestamp::from_micros(1).since(Timestamp::from_micros(5)), Duration::ZERO);
    }
}
