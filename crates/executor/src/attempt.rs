//! One attempt of one step, and the one total function that moves it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use overseer_contract::TraceParent;
use overseer_model::{ResourceRef, Timestamp};
use overseer_permit::Claims;
use overseer_provider_port::Witness;
use uuid::Uuid;

use crate::effect::Effect;
use crate::verification::Verification;

/// How long after its intent an attempt may still be sent to the platform. Long for a busy machine (commit to call takes
/// milliseconds), and with the adapter's wait for a connection shorter than a lease, so that whoever takes the attempt
/// over knows that nothing is sent any more.
pub const ACT_WITHIN: Duration = Duration::from_secs(5);

/// Identifies one row of the ledger; sorts by time. People see the step and the attempt's number instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttemptId(Uuid);

impl AttemptId {
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }
}
impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl FromStr for AttemptId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::try_parse(text).map(Self)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    pub id: AttemptId,
    pub claims: Claims,
    /// Orders the events about this step.
    pub key: String,
    pub trace: Option<TraceParent>,
    pub before: Witness,
    pub intent_at: Timestamp,
    pub act_by: Timestamp,
    pub phase: Phase,
}

impl Attempt {
    pub fn target(&self) -> &ResourceRef {
        self.claims.action.target()
    }
    pub fn effect(&self) -> Effect {
        Effect::of(self.claims.action.template())
    }
}

/// Where an attempt is; what is known only there is kept there.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// It is going to act. Nothing was sent to the platform.
    Intent,
    /// The call is sent, or was. Whether the action took place, only its answer or reality says.
    Called {
        at: Timestamp,
    },
    Acted(Acted),
    Verified {
        acted: Acted,
        verification: Verification,
        at: Timestamp,
    },
    /// Nothing was done.
    Failed {
        failure: Failure,
        detail: String,
        at: Timestamp,
    },
    InDoubt {
        doubt: String,
        at: Timestamp,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Acted {
    pub at: Timestamp,
    /// Absent when the platform is unreachable after it had acted.
    pub after: Option<Witness>,
    pub verify_until: Timestamp,
}

/// Why nothing was done although an intent was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The ticket's time passed; a new one may be signed.
    Lapsed,
    RefusedByPlatform,
}

/// What became known about an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// The call is about to be sent.
    Calling,
    Done(Acted),
    NotDone {
        detail: String,
    },
    Refused {
        reason: String,
    },
    Doubtful {
        doubt: String,
    },
    Judged(Verification),
}

impl Phase {
    /// The phase after `finding`; `None` when the finding means nothing here.
    pub fn after(&self, finding: Finding, at: Timestamp) -> Option<Self> {
        match (self, finding) {
            (Self::Intent, Finding::Calling) => Some(Self::Called { at }),
            (Self::Called { .. }, Finding::Done(acted)) => Some(Self::Acted(acted)),
            (Self::Intent | Self::Called { .. }, Finding::NotDone { detail }) => {
                Some(Self::Failed { failure: Failure::Lapsed, detail, at })
            }
            (Self::Called { .. }, Finding::Refused { reason }) => {
                Some(Self::Failed { failure: Failure::RefusedByPlatform, detail: reason, at })
            }
            (Self::Called { .. }, Finding::Doubtful { doubt }) => Some(Self::InDoubt { doubt, at }),
            (Self::Acted(acted), Finding::Judged(verification)) => {
                Some(Self::Verified { acted: acted.clone(), verification, at })
            }
            (
                Self::Intent,
                Finding::Done(_) | Finding::Refused { .. } | Finding::Doubtful { .. } | Finding::Judged(_),
            )
            | (Self::Called { .. }, Finding::Calling | Finding::Judged(_))
            | (
                Self::Acted(_),
                Finding::Calling
                | Finding::Done(_)
                | Finding::NotDone { .. }
                | Finding::Refused { .. }
                | Finding::Doubtful { .. },
            )
            | (
                Self::Verified { .. } | Self::Failed { .. } | Self::InDoubt { .. },
                Finding::Calling
                | Finding::Done(_)
                | Finding::NotDone { .. }
                | Finding::Refused { .. }
                | Finding::Doubtful { .. }
                | Finding::Judged(_),
            ) => None,
        }
    }

    pub fn state(&self) -> State {
        match self {
            Self::Intent => State::Intent,
            Self::Called { .. } => State::Called,
            Self::Acted(_) => State::Acted,
            Self::Verified { .. } => State::Verified,
            Self::Failed { failure: Failure::Lapsed, .. } => State::Lapsed,
            Self::Failed { failure: Failure::RefusedByPlatform, .. } => State::Refused,
            Self::InDoubt { .. } => State::InDoubt,
        }
    }
}

/// A phase by its name, as the ledger keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Intent,
    Called,
    Acted,
    Verified,
    Lapsed,
    Refused,
    InDoubt,
}

impl State {
    pub const ALL: [Self; 7] =
        [Self::Intent, Self::Called, Self::Acted, Self::Verified, Self::Lapsed, Self::Refused, Self::InDoubt];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Called => "called",
            Self::Acted => "acted",
            Self::Verified => "verified",
            Self::Lapsed => "lapsed",
            Self::Refused => "refused",
            Self::InDoubt => "in_doubt",
        }
    }
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use overseer_model::Verdict;

    #[test]
    fn every_pair_of_phase_and_finding_is_answered_as_written_here() {
        let at = Timestamp::from_micros(9);
        let acted = Acted { at, after: None, verify_until: at };
        let verification = Verification { verdict: Verdict::Passed, checks: vec![], from: at, until: at };
        let lapsed = Phase::Failed { failure: Failure::Lapsed, detail: "d".into(), at };
        let refused = Phase::Failed { failure: Failure::RefusedByPlatform, detail: "d".into(), at };
        let doubt = Phase::InDoubt { doubt: "d".into(), at };
        let verified = Phase::Verified { acted: acted.clone(), verification: verification.clone(), at };
        let called = Phase::Called { at };
        let phases = [
            Phase::Intent,
            called.clone(),
            Phase::Acted(acted.clone()),
            verified.clone(),
            lapsed.clone(),
            refused.clone(),
            doubt.clone(),
        ];
        let findings = [
            Finding::Calling,
            Finding::Done(acted.clone()),
            Finding::NotDone { detail: "d".into() },
            Finding::Refused { reason: "d".into() },
            Finding::Doubtful { doubt: "d".into() },
            Finding::Judged(verification),
        ];
        let none = [None, None, None, None, None, None];
        let table = [
            // Before the call only two things can be: that it is made, and that it is not.
            [Some(called), None, Some(lapsed.clone()), None, None, None],
            [None, Some(Phase::Acted(acted)), Some(lapsed), Some(refused), Some(doubt), None],
            [None, None, None, None, None, Some(verified)],
            none.clone(),
            none.clone(),
            none.clone(),
            none,
        ];
        for (phase, row) in phases.iter().zip(table) {
            for (finding, expected) in findings.iter().zip(row) {
                assert_eq!(phase.after(finding.clone(), at), expected, "{phase:?} {finding:?}");
            }
        }
    }

    #[test]
    fn a_state_reads_back_from_its_name() {
        for state in State::ALL {
            assert_eq!(State::named(state.as_str()), Some(state));
        }
        assert_eq!(State::named("done"), None);
    }
}
