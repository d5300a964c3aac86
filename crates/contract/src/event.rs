//! One event as it travels: the attributes of CloudEvents 1.0 and the JSON of one message of the contract.

use std::fmt;
use std::str::FromStr;

use overseer_model::{EventId, EventKind, Site, Timestamp};
use prost::{Message, Name};

use crate::json::{BadJson, from_json, to_json};
use crate::v1;

/// A message that is the payload of exactly one kind of event.
pub trait EventPayload: Message + Name + Default {
    const KIND: EventKind;
}

macro_rules! payloads {
    ($($name:ident)*) => {$(
        impl EventPayload for v1::$name {
            const KIND: EventKind = EventKind::$name;
        }
    )*};
}
payloads! {
    FactBatch LogSignatures ResourceChanged IncidentDetected IncidentUpdated IncidentResolved PlanRejected PlanReady
    PlanFinished ApprovalRequired ApprovalGranted ApprovalDenied StepDispatched StepStarted StepActed StepVerified
    StepFailed StepInDoubt
}

/// W3C trace context, `00-<trace>-<span>-<flags>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceParent(String);

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl FromStr for TraceParent {
    type Err = BadEvent;
    fn from_str(text: &str) -> Result<Self, BadEvent> {
        let fits = text.len() == 55
            && text.bytes().enumerate().all(|(at, byte)| match at {
                2 | 35 | 52 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        if fits { Ok(Self(text.to_owned())) } else { Err(BadEvent::TraceParent) }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum BadEvent {
    #[error("invalid traceparent: expected `00-<trace>-<span>-<flags>`")]
    TraceParent,
    #[error("the event is a `{got}`, expected a `{wanted}`")]
    Kind { got: EventKind, wanted: EventKind },
    #[error("the event's payload cannot be parsed")]
    Payload(#[source] BadJson),
}

/// One event. `key` orders: events of one key arrive in the order in which they were published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: EventId,
    pub kind: EventKind,
    pub site: Site,
    pub key: String,
    pub at: Timestamp,
    pub trace: Option<TraceParent>,
    /// The JSON of the payload.
    pub data: String,
}

impl Event {
    /// A new event with a fresh id.
    ///
    /// # Errors
    /// When the payload has no JSON.
    pub fn new<P: EventPayload>(
        site: Site,
        key: impl Into<String>,
        at: Timestamp,
        trace: Option<TraceParent>,
        payload: &P,
    ) -> Result<Self, BadEvent> {
        let data = to_json(payload).map_err(BadEvent::Payload)?;
        Ok(Self { id: EventId::fresh(), kind: P::KIND, site, key: key.into(), at, trace, data })
    }

    /// # Errors
    /// When the event is of another kind, or its data does not read.
    pub fn payload<P: EventPayload>(&self) -> Result<P, BadEvent> {
        if self.kind != P::KIND {
            return Err(BadEvent::Kind { got: self.kind, wanted: P::KIND });
        }
        from_json(&self.data).map_err(BadEvent::Payload)
    }

    /// `overseer.<domain>.<event>.v1.<site>`.
    #[must_use]
    pub fn subject(&self) -> String {
        subject_of(self.kind, self.site.as_str())
    }
}

/// The subject of a kind of event at a site; `*` for every site.
#[must_use]
pub fn subject_of(kind: EventKind, site: &str) -> String {
    format!("{kind}.v1.{site}")
}
