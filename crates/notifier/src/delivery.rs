//! The life of one delivery, decided without doing anything: pending until it is accepted or given up, and then
//! nothing more.

use std::time::Duration;

use overseer_model::Timestamp;

use crate::outbound::Failure;

/// How many times as long as the first wait each wait is. With a first wait of one second: 1 s, 5 s, 30 s, 2 min,
/// 10 min, 30 min, 1 h.
const STEPS: [u32; 7] = [1, 5, 30, 120, 600, 1_800, 3_600];
/// Longest wait between two attempts, also when the receiver asks for more.
const LONGEST: Duration = Duration::from_secs(3_600);
/// `410 Gone`. Source: Standard Webhooks, by which it means that the receiver wants nothing more.
const GONE: u16 = 410;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// To be sent, not before `due`.
    Pending {
        due: Timestamp,
    },
    Delivered {
        at: Timestamp,
    },
    /// Given up.
    Dead {
        at: Timestamp,
    },
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Accepted { at: Timestamp },
    Postponed { due: Timestamp },
    GivenUp { at: Timestamp },
}

impl State {
    /// The state after `step`; `None` when the delivery was settled before.
    #[must_use]
    pub const fn after(self, step: Step) -> Option<Self> {
        match (self, step) {
            (Self::Pending { .. }, Step::Accepted { at }) => Some(Self::Delivered { at }),
            (Self::Pending { .. }, Step::Postponed { due }) => Some(Self::Pending { due }),
            (Self::Pending { .. }, Step::GivenUp { at }) => Some(Self::Dead { at }),
            (
                Self::Delivered { .. } | Self::Dead { .. },
                Step::Accepted { .. } | Step::Postponed { .. } | Step::GivenUp { .. },
            ) => None,
        }
    }
}

/// How long a delivery is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    pub max_attempts: u32,
    pub first_wait: Duration,
}

impl Patience {
    /// What follows from attempt number `attempt`, from 1. `luck`, from 0 to 1, spreads the retries of many
    /// deliveries: it adds up to a quarter.
    #[must_use]
    pub fn judge(&self, result: Result<(), &Failure>, attempt: u32, luck: f64, now: Timestamp) -> Step {
        let failure = match result {
            Ok(()) => return Step::Accepted { at: now },
            Err(failure) => failure,
        };
        let asked = match failure {
            Failure::Status { status: GONE, .. } => return Step::GivenUp { at: now },
            Failure::Status { retry_after, .. } => *retry_after,
            Failure::Refused(_) | Failure::NoSuchName | Failure::NoConnection | Failure::NoAnswer | Failure::Broken => {
                None
            }
        };
        if attempt >= self.max_attempts {
            return Step::GivenUp { at: now };
        }
        let wait = self.wait(attempt).mul_f64(1.0 + luck.clamp(0.0, 1.0) / 4.0);
        Step::Postponed { due: now + wait.max(asked.unwrap_or_default()).min(LONGEST) }
    }

    fn wait(&self, attempt: u32) -> Duration {
        let at = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        let times = STEPS.get(at).or(STEPS.last()).copied().unwrap_or(1);
        self.first_wait.saturating_mul(times).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Class;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000_000);
    const PATIENCE: Patience = Patience { max_attempts: 8, first_wait: Duration::from_secs(1) };

    fn status(status: u16, retry_after_s: Option<u64>) -> Failure {
        Failure::Status { status, retry_after: retry_after_s.map(Duration::from_secs) }
    }

    fn wait_s(failure: &Failure, attempt: u32, luck: f64) -> Option<f64> {
        match PATIENCE.judge(Err(failure), attempt, luck, NOW) {
            Step::Postponed { due } => Some(due.since(NOW).as_secs_f64()),
            Step::GivenUp { at } => {
                assert_eq!(at, NOW);
                None
            }
            Step::Accepted { .. } => panic!("a failure was accepted"),
        }
    }

    #[test]
    fn waits_longer_each_time_and_gives_up_after_the_last_attempt() {
        let waits = [1.0, 5.0, 30.0, 120.0, 600.0, 1_800.0, 3_600.0];
        for (attempt, wait) in (1..).zip(waits) {
            assert_eq!(wait_s(&status(500, None), attempt, 0.0), Some(wait), "{attempt}");
        }
        assert_eq!(wait_s(&status(500, None), 8, 0.0), None);
        assert_eq!(wait_s(&status(500, None), 1, 1.0), Some(1.25));
        assert_eq!(wait_s(&status(500, None), 7, 1.0), Some(3_600.0));
    }

    #[test]
    fn only_gone_is_final_at_once() {
        for code in [301, 400, 401, 404, 408, 425, 429, 500, 503] {
            assert_eq!(wait_s(&status(code, None), 1, 0.0), Some(1.0), "{code}");
        }
        assert_eq!(wait_s(&status(410, Some(5)), 1, 0.0), None);
        for failure in [Failure::Refused(Class::Loopback), Failure::NoSuchName, Failure::NoConnection]
            .into_iter()
            .chain([Failure::NoAnswer, Failure::Broken])
        {
            assert_eq!(wait_s(&failure, 1, 0.0), Some(1.0), "{failure}");
        }
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_but_not_for_less_nor_for_days() {
        assert_eq!(wait_s(&status(429, Some(7)), 1, 0.0), Some(7.0));
        assert_eq!(wait_s(&status(503, Some(1)), 3, 0.0), Some(30.0));
        assert_eq!(wait_s(&status(503, Some(u64::MAX)), 1, 0.0), Some(3_600.0));
    }

    #[test]
    fn what_is_settled_stays_so() {
        let steps = [Step::Accepted { at: NOW }, Step::Postponed { due: NOW }, Step::GivenUp { at: NOW }];
        let after = [State::Delivered { at: NOW }, State::Pending { due: NOW }, State::Dead { at: NOW }];
        for (step, after) in steps.into_iter().zip(after) {
            assert_eq!(State::Pending { due: NOW }.after(step), Some(after));
            assert_eq!(State::Delivered { at: NOW }.after(step), None);
            assert_eq!(State::Dead { at: NOW }.after(step), None);
        }
        assert_eq!(PATIENCE.judge(Ok(()), 99, 0.0, NOW), Step::Accepted { at: NOW });
    }
}
