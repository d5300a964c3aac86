//! What is recorded of a resource from all that was observed of it, and how a provider interprets what its platform
//! reports. Interpreting is pure: the same input gives the same answer, so that a transaction that failed is decided again.

use std::time::Duration;

use overseer_model::{AfterExit, FactSource, Fingerprint, Health, Observation, ResourceRef, ResourceState, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{ClockOffset, PlatformEvent, PlatformEventKind, Snapshot, Traits};

/// How far behind a repeated event can be. An older one means that the platform's clock was set back.
const REPEATS_WITHIN: Duration = Duration::from_secs(60);

/// What is recorded of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceRecord {
    pub resource: ResourceRef,
    pub state: ResourceState,
    pub health: Health,
    /// As the platform last reported it.
    pub restart_count: u32,
    /// `None` until it was inspected.
    pub traits: Option<Traits>,
    /// By our clock.
    pub observed_at: Timestamp,
    /// When somebody last started or restarted it by request, by our clock; `None` when that was not seen.
    pub started_by_request_at: Option<Timestamp>,
    pub run: Run,
    pub events: EventCursor,
}

/// The present or last run, by the platform's own clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub started_at: Option<Timestamp>,
    pub stop_requested_at: Option<Timestamp>,
    /// What was foretold at the last exit.
    pub after_exit: Option<AfterExit>,
    /// Restarts by the platform since the last start by request: what its limit counts.
    pub automatic: u32,
}

/// The last event of a resource, so that one that is reported again is not taken twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCursor {
    /// By the platform's own clock.
    pub at: Timestamp,
    /// All of that very time.
    pub kinds: Vec<PlatformEventKind>,
}

impl EventCursor {
    /// Notes an event; false when it was noted before.
    pub fn note(&mut self, event: &PlatformEvent) -> bool {
        let behind = self.at.since(event.at);
        if !behind.is_zero() && behind < REPEATS_WITHIN {
            return false;
        }
        if event.at != self.at {
            *self = Self { at: event.at, kinds: vec![event.kind] };
            return true;
        }
        let new = !self.kinds.contains(&event.kind);
        self.kinds.push(event.kind);
        new
    }
}

impl ResourceRecord {
    #[must_use]
    pub fn fresh(resource: ResourceRef, observed_at: Timestamp) -> Self {
        Self {
            resource,
            state: ResourceState::Unknown,
            health: Health::Unchecked,
            restart_count: 0,
            traits: None,
            observed_at,
            started_by_request_at: None,
            run: Run::default(),
            events: EventCursor::default(),
        }
    }
    /// What goes on when the resource is created anew: its Compose service, or its name.
    #[must_use]
    pub fn workload(&self) -> &str {
        self.traits.as_ref().map_or(&self.resource.name, |traits| &traits.workload)
    }
    /// What others are told when it changes.
    #[must_use]
    pub fn announced(&self) -> Announced {
        Announced {
            state: self.state,
            fingerprint: self.traits.as_ref().map(|traits| traits.fingerprint),
            started_by_request_at: self.started_by_request_at,
        }
    }
}

/// What others are told of a resource when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    pub state: ResourceState,
    pub fingerprint: Option<Fingerprint>,
    pub started_by_request_at: Option<Timestamp>,
}

/// What follows from one observation of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What was announced of it before; `None` when nothing was recorded.
    pub before: Option<Announced>,
    pub record: ResourceRecord,
    pub facts: Vec<FactDraft>,
}

/// A fact without its place in the order. Its time is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactDraft {
    pub observed_at: Timestamp,
    pub source: FactSource,
    pub observation: Observation,
}

/// When and how something was observed: our time, and how the platform's differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub now: Timestamp,
    pub clock: ClockOffset,
    pub source: FactSource,
}

/// A provider's understanding of what its platform reports.
pub trait Interpret: Send + Sync {
    /// What an event means; `None` when it means nothing new.
    fn event(&self, record: Option<&ResourceRecord>, event: &PlatformEvent, clock: ClockOffset) -> Option<Change>;

    /// Whether something lies between the record and the snapshot whose event is still on its way, or was lost.
    fn misses_events(&self, record: &ResourceRecord, snapshot: &Snapshot) -> bool;

    /// What is seen of a resource of which nothing was recorded, or that was taken for removed.
    fn first_snapshot(&self, record: Option<&ResourceRecord>, snapshot: &Snapshot, at: Moment) -> Change;

    /// What a snapshot means when no event came after it was begun. What it shows beyond the events was missed for good
    /// and is reported now; [`Interpret::misses_events`] says when to make sure of that first.
    fn snapshot(&self, record: &ResourceRecord, snapshot: &Snapshot, at: Moment) -> Change;

    /// What a snapshot teaches when events came after it was begun: only what does not change from run to run.
    fn late_snapshot(&self, record: &ResourceRecord, snapshot: &Snapshot) -> Option<Change>;

    /// It is not there any more, as a complete answer of the platform says.
    fn absence(&self, record: &ResourceRecord, at: Moment) -> Option<Change>;
}
