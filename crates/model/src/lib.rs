//! The words that two services or more share: ids, time, resources, facts, actions, events, access.
//! No I/O, no wire format, no database.

mod access;
mod action;
mod digest;
mod event;
mod fact;
mod id;
mod resource;
mod subject;
mod text;
mod time;
mod verdict;

pub use access::{Actor, Permission, Role, ServiceName};
pub use action::{Action, Capability, Precondition, Risk, TemplateName};
pub use digest::{Digest, Fingerprint};
pub use event::{EventKind, Stream};
pub use fact::{AfterExit, ExitCause, Fact, FactSource, Observation};
pub use id::{
    ApprovalId, BadId, DeliveryId, Epoch, EventId, FactId, IncidentId, LogSourceId, PlanId, RequestId, RunId, Site,
    StepId,
};
pub use resource::{
    Health, Instance, PlatformId, Presence, Provider, ResourceKey, ResourceKind, ResourceRef, ResourceState,
    RestartRule, Source, Uri,
};
pub use subject::Subject;
pub use text::{hides, plain};
pub use time::Timestamp;
pub use verdict::Verdict;
