//! The kinds of event that the services exchange, the stream that carries each, and the service that
//! publishes it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::{BadId, ServiceName};

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
    ($($name:ident = $text:literal, $stream:ident, $publisher:ident;)*) => {
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
            /// The one service that publishes it.
            #[must_use]
            pub const fn publisher(self) -> ServiceName {
                match self { $(Self::$name => ServiceName::$publisher,)* }
            }
        }
        impl EventKind {
            /// Whether its events carry their places in one sequence, of which its consumer must not see a part before the
            /// part before it.
            #[must_use]
            pub const fn is_sequence(self) -> bool {
                matches!(self, Self::FactBatch)
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
    FactBatch = "fact.batch", Facts, Collector;
    LogSignatures = "log.signature", Facts, Collector;
    ResourceChanged = "resource.changed", Events, Collector;
    IncidentDetected = "incident.detected", Events, IncidentEngine;
    IncidentUpdated = "incident.updated", Events, IncidentEngine;
    IncidentResolved = "incident.resolved", Events, IncidentEngine;
    PlanRejected = "plan.rejected", Events, ControlPlane;
    PlanReady = "plan.ready", Events, ControlPlane;
    PlanFinished = "plan.finished", Events, ControlPlane;
    ApprovalRequired = "approval.required", Events, ControlPlane;
    ApprovalGranted = "approval.granted", Events, ControlPlane;
    ApprovalDenied = "approval.denied", Events, ControlPlane;
    StepDispatched = "step.dispatched", Steps, ControlPlane;
    StepStarted = "step.started", Events, Executor;
    StepActed = "step.acted", Events, Executor;
    StepVerified = "step.verified", Events, Executor;
    StepFailed = "step.failed", Events, Executor;
    StepInDoubt = "step.in_doubt", Events, Executor;
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
