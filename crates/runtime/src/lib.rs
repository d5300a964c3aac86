//! What every service stands on: configuration, telemetry, health, access, peers, the outbox's relay, consumers with
//! an inbox, and a graceful end.

mod backoff;
mod chain;
pub mod config;
mod consume;
pub mod fault;
mod gate;
mod health;
mod host;
mod page;
mod parked;
mod peers;
mod problem;
mod relay;
pub mod retention;
mod secret;
mod service;
mod standby;
pub mod telemetry;

pub use backoff::Backoff;
pub use consume::{ApplyError, Consumer, consume, first_time};
pub use gate::{actor, actor_has, actor_may, actor_of, caller};
pub use health::{Dependency, Health};
pub use host::{bind, serve};
pub use overseer_credentials::{Assertion, Credential, Keyring, Person};
pub use page::Page;
pub use parked::Consumers;
pub use peers::{Peers, Upstream, UpstreamError};
pub use problem::{Code, Problem};
pub use relay::Relay;
pub use secret::{Secret, SecretError};
pub use service::{Base, BuildError, RunError, Service, Task, run_until_stopped};
pub use standby::{Alone, Switch};
