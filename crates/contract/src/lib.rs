//! The contract: what `proto/` generates, its JSON, its rules (routes, permissions, owners, rights of services), and the conversions of
//! `model`'s types. Each service converts its own types in its `wire.rs`.

mod convert;
mod event;
mod json;
mod rights;
mod rules;

/// The generated messages, clients and servers.
#[allow(clippy::all, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
pub mod v1 {
    tonic::include_proto!("overseer.v1");
}

pub use convert::{BadWire, from_timestamp, required, to_timestamp};
pub use event::{BadEvent, Event, EventPayload, TraceParent, subject_of};
pub use json::{BadJson, from_json, to_json};
pub use rights::{Right, callers_of, right};
pub use rules::{Contract, ContractError, Method, Owner, RequestBody, Route, Verb};

/// The compiled descriptors, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/overseer.bin"));
