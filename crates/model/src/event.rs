//! The kinds of event that the services exchange, and the stream that carries each.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::BadId;

/// How long the bus keeps an event, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Facts: 24 hours.
    Facts,
    /// Everything that happened: 30 days.
    Events,
    /// Work for the executor of one site, taken once.
    Steps,
}

impl Stream {
    pub const ALL: [Self; 3] = [Self::Facts, Self::Events, Self::Steps];

    /// How long the bus keeps an event; `None` until it is taken.
    #[must_use]
    pub const fn keeps(self) -> Option<Duration> {
        match self {
            Self::Facts => Some(Duration::from_secs(24 * 3_600)),
            Self::Events => Some(Duration::from_secs(30 * 24 * 3_600)),
            Self::Steps => None,
        }
    }
}

macro_rules! kinds {
    ($($name:ident = $text:literal, $stream:ident;)*) => {
        /// What an event says happened. Its text is the CloudEvents `type`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventKind { $($name,)* }

        impl EventKind {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => concat!("overseer.", $text),)* }
            }
            #[must_use]
            pub const fn stream(self) -> Stream {
                match self { $(Self::$name => Stream::$stream,)* }
            }
        }
        impl FromStr for EventKind {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                match text {
                    $(concat!("overseer.", $text) => Ok(Self::$name),)*
                    _ => Err(BadId { expected: "an event type of the contract" }),
                }
            }
        }
    };
}

kinds! {
    FactBatch = "fact.batch", Facts;
    LogSignatures = "log.signature", Facts;
    ResourceChanged = "resource.changed", Events;
    IncidentDetected = "incident.detected", Events;
    IncidentUpdated = "incident.updated", Events;
    IncidentResolved = "incident.resolved", Events;
    PlanRejected = "plan.rejected", Events;
    PlanReady = "plan.ready", Events;
    PlanFinished = "plan.finished", Events;
    ApprovalRequired = "approval.required", Events;
    ApprovalGranted = "approval.granted", Events;
    ApprovalDenied = "approval.denied", Events;
    StepDispatched = "step.dispatched", Steps;
    StepStarted = "step.started", Events;
    StepActed = "step.acted", Events;
    StepVerified = "step.verified", Events;
    StepFailed = "step.failed", Events;
    StepInDoubt = "step.in_doubt", Events;
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
