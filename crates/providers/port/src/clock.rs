//! Two clocks: the platform's and ours. A time of one is never compared with a time of the other without the offset
//! between them, which is measured per source.

use std::time::Duration;

use overseer_model::Timestamp;

/// Offsets below this are the noise of their own measurement and count as none. A round trip to a platform takes less.
const NOISE: Duration = Duration::from_millis(500);

/// How far a platform's clock is from ours. Positive when ours is ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockOffset {
    micros: i64,
}

impl ClockOffset {
    /// From one question for the platform's time, `sent` and `answered` by our clock.
    #[must_use]
    pub fn measured(sent: Timestamp, platform: Timestamp, answered: Timestamp) -> Self {
        let middle = sent + answered.since(sent) / 2;
        let micros = middle.micros().saturating_sub(platform.micros());
        let noise = i64::try_from(NOISE.as_micros()).unwrap_or(i64::MAX);
        Self { micros: if micros.abs() < noise { 0 } else { micros } }
    }
    /// In microseconds; positive when our clock is ahead.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.micros
    }
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self { micros }
    }
    /// Our time of a time of the platform.
    #[must_use]
    pub const fn ours(self, platform: Timestamp) -> Timestamp {
        Timestamp::from_micros(platform.micros().saturating_add(self.micros))
    }
    /// The platform's time of a time of ours.
    #[must_use]
    pub const fn platform(self, ours: Timestamp) -> Timestamp {
        Timestamp::from_micros(ours.micros().saturating_sub(self.micros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_measured_from_the_middle_of_the_question_and_small_ones_are_noise() {
        let second = |n: i64| Timestamp::from_micros(n * 1_000_000);
        let behind = ClockOffset::measured(second(1_000), second(641), second(1_002));
        assert_eq!(behind.micros(), 360_000_000);
        assert_eq!(behind.ours(second(641)), second(1_001));
        assert_eq!(behind.platform(second(1_001)), second(641));
        let ahead = ClockOffset::measured(second(1_000), second(1_360), second(1_000));
        assert_eq!(ahead.ours(second(1_360)), second(1_000));
        let noise = ClockOffset::measured(second(1_000), Timestamp::from_micros(999_700_000), second(1_000));
        assert_eq!(noise, ClockOffset::default());
    }
}
