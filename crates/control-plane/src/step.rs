//! The life of a step: its states, and the one total function that moves it.

use overseer_model::Verdict;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    AwaitingApproval,
    Approved,
    Dispatched,
    Acting,
    Verifying,
    Passed,
    Failed,
    /// Nobody could tell whether it took place. A person says.
    InDoubt,
    Denied,
    Expired,
    Void,
}

/// What moves a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepEvent {
    Approved,
    Denied,
    Dispatched,
    /// The executor's intent is durable.
    Begun,
    Acted,
    Verified(Verdict),
    /// The ticket came too late and nothing was done; a new one may be signed.
    Returned,
    /// It was refused, or the platform rejected the request.
    Failed,
    InDoubt,
    /// A person found out what became of a step in doubt.
    Resolved(Resolution),
    /// The approval ended before anything was done.
    ApprovalEnded,
    /// The subject ended, the target changed, or an earlier step did not pass.
    Voided,
}

/// What a person found out about a step in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    Done,
    NotDone,
}

impl StepEvent {
    /// As histories and the audit chain write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Dispatched => "dispatched",
            Self::Begun => "begun",
            Self::Acted => "acted",
            Self::Verified(Verdict::Passed) => "verified passed",
            Self::Verified(Verdict::Failed) => "verified failed",
            Self::Verified(Verdict::Inconclusive) => "verified inconclusive",
            Self::Returned => "returned",
            Self::Failed => "failed",
            Self::InDoubt => "in_doubt",
            Self::Resolved(Resolution::Done) => "resolved done",
            Self::Resolved(Resolution::NotDone) => "resolved not-done",
            Self::ApprovalEnded => "approval_ended",
            Self::Voided => "voided",
        }
    }
}

impl StepState {
    /// The state after `event`; `None` when the event means nothing here. What the executor reports may overtake itself,
    /// so a later report of its is taken in each state before the end.
    #[must_use]
    pub const fn after(self, event: StepEvent) -> Option<Self> {
        use StepEvent as E;
        match (self, event) {
            (Self::AwaitingApproval, E::Approved) => Some(Self::Approved),
            (Self::AwaitingApproval, E::Denied) => Some(Self::Denied),
            (Self::AwaitingApproval | Self::Approved, E::Voided) => Some(Self::Void),
            (Self::Approved, E::Dispatched) => Some(Self::Dispatched),
            (Self::Approved, E::ApprovalEnded) => Some(Self::Expired),
            (Self::Dispatched, E::Begun) => Some(Self::Acting),
            (Self::Dispatched | Self::Acting, E::Acted) => Some(Self::Verifying),
            (Self::Dispatched | Self::Acting, E::Returned) => Some(Self::Approved),
            (Self::Dispatched | Self::Acting | Self::Verifying, E::Verified(Verdict::Passed))
            | (Self::InDoubt, E::Resolved(Resolution::Done)) => Some(Self::Passed),
            (
                Self::Dispatched | Self::Acting | Self::Verifying,
                E::Verified(Verdict::Failed | Verdict::Inconclusive) | E::Failed,
            )
            | (Self::InDoubt, E::Resolved(Resolution::NotDone)) => Some(Self::Failed),
            (Self::Dispatched | Self::Acting | Self::Verifying, E::InDoubt) => Some(Self::InDoubt),
            (
                Self::AwaitingApproval,
                E::Dispatched
                | E::Begun
                | E::Acted
                | E::Verified(_)
                | E::Returned
                | E::Failed
                | E::InDoubt
                | E::Resolved(_)
                | E::ApprovalEnded,
            )
            | (
                Self::Approved,
                E::Approved
                | E::Denied
                | E::Begun
                | E::Acted
                | E::Verified(_)
                | E::Returned
                | E::Failed
                | E::InDoubt
                | E::Resolved(_),
            )
            | (
                Self::Dispatched,
                E::Approved | E::Denied | E::Dispatched | E::Resolved(_) | E::ApprovalEnded | E::Voided,
            )
            | (
                Self::Acting,
                E::Approved | E::Denied | E::Dispatched | E::Begun | E::Resolved(_) | E::ApprovalEnded | E::Voided,
            )
            | (
                Self::Verifying,
                E::Approved
                | E::Denied
                | E::Dispatched
                | E::Begun
                | E::Acted
                | E::Returned
                | E::Resolved(_)
                | E::ApprovalEnded
                | E::Voided,
            )
            | (
                Self::InDoubt,
                E::Approved
                | E::Denied
                | E::Dispatched
                | E::Begun
                | E::Acted
                | E::Verified(_)
                | E::Returned
                | E::Failed
                | E::InDoubt
                | E::ApprovalEnded
                | E::Voided,
            )
            | (
                Self::Passed | Self::Failed | Self::Denied | Self::Expired | Self::Void,
                E::Approved
                | E::Denied
                | E::Dispatched
                | E::Begun
                | E::Acted
                | E::Verified(_)
                | E::Returned
                | E::Failed
                | E::InDoubt
                | E::Resolved(_)
                | E::ApprovalEnded
                | E::Voided,
            ) => None,
        }
    }

    /// Whether nothing can move it any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Passed | Self::Failed | Self::Denied | Self::Expired | Self::Void => true,
            Self::AwaitingApproval
            | Self::Approved
            | Self::Dispatched
            | Self::Acting
            | Self::Verifying
            | Self::InDoubt => false,
        }
    }
}
