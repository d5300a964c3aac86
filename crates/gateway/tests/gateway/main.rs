//! The gateway in front of a house of stand-in services: real gates, real peers, real framing; the services answer any
//! method of the contract with a sample that names the caller.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod attack;
mod doors;
mod events;
mod house;
mod openapi;
mod rest;
mod streams;
