//! The courier between services. The database is the truth: what the bus loses or repeats, the outbox sends again
//! and the inbox recognises. Delivery is at least once; events of one key arrive in the order of their publishing.
//!
//! Two implementations under one contract suite: [`InProcess`] for `overseer up`, [`JetStream`] for services in
//! processes of their own.

mod in_process;
mod jetstream;
mod lanes;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use overseer_contract::Event;
use overseer_model::{EventKind, ServiceName, Site, Stream, Timestamp};
use tokio_util::sync::CancellationToken;

pub use in_process::InProcess;
pub use jetstream::{JetStream, JetStreamOptions, Login, authorization};

/// Largest event that the bus takes, headers included. Source: the default `max_payload` of NATS, 1 MiB.
pub const MAX_EVENT_BYTES: usize = 1 << 20;
/// How much of what it acknowledged last a bus may lose when its machine loses power. JetStream syncs every two minutes
/// unless `sync_interval` says otherwise.
pub const MAY_BE_LOST: Duration = Duration::from_secs(5 * 60);
/// More than the headers of an event take, its key aside.
const HEADERS_BYTES: usize = 512;

/// What a consumer says of one delivery. Giving up is the consumer's own affair: it parks the event in its tables
/// and says [`Verdict::Done`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Done,
    /// Deliver this event again; later events of its key wait for it.
    Again {
        after: Duration,
    },
}

/// One event on its way to one consumer.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub event: Event,
    /// From 1; counted anew when the consumer's process starts again.
    pub attempt: u32,
}

#[async_trait]
pub trait Handler: Send + Sync {
    async fn handle(&self, delivery: &Delivery) -> Verdict;
}

/// Which sites' events a consumer wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sites {
    Every,
    Only(Site),
}

/// What a service consumes a stream for. Each concern has its own place in the stream, so that one that has to wait holds up
/// no other of the same service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    Facts,
    Incidents,
    /// What becomes of plans and steps.
    Outcomes,
    /// What a person or another system is told of.
    Notices,
    /// Dispatched steps, to be carried out.
    Work,
}

impl Concern {
    #[must_use]
    pub const fn stream(self) -> Stream {
        match self {
            Self::Facts => Stream::Facts,
            Self::Incidents | Self::Outcomes | Self::Notices => Stream::Events,
            Self::Work => Stream::Steps,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Facts => "facts",
            Self::Incidents => "incidents",
            Self::Outcomes => "outcomes",
            Self::Notices => "notices",
            // Of a site's work queue there is one reader: under another name, the one of an older version would be in its way.
            Self::Work => "steps",
        }
    }
}

/// A consumer that misses nothing, known by its service and concern: several processes with the same durable share
/// the work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durable {
    pub service: ServiceName,
    pub concern: Concern,
    /// Kinds of the concern's stream, at least one.
    pub kinds: &'static [EventKind],
    pub sites: Sites,
}

impl Durable {
    /// `<service>_<concern>`, and the site when there is only one.
    #[must_use]
    pub fn name(&self) -> String {
        let concern = self.concern.as_str();
        match &self.sites {
            Sites::Every => format!("{}_{concern}", self.service.snake()),
            Sites::Only(site) => format!("{}_{concern}_{site}", self.service.snake()),
        }
    }

    #[must_use]
    pub const fn stream(&self) -> Stream {
        self.concern.stream()
    }

    fn wants(&self, event: &Event) -> bool {
        let of_site = match &self.sites {
            Sites::Every => true,
            Sites::Only(site) => *site == event.site,
        };
        of_site && self.kinds.contains(&event.kind)
    }

    fn check(&self) -> Result<(), BusError> {
        let foreign = self.kinds.iter().find(|kind| kind.stream() != self.stream());
        foreign.map_or(Ok(()), |kind| Err(BusError::MixedStreams { kind: *kind }))
    }
}

/// Refuses what one implementation could not carry, so that the other does not come to depend on it.
fn check_size(event: &Event, limit: usize) -> Result<(), BusError> {
    // Each byte of the key may become `%xx`.
    let bytes = event.data.len() + 3 * event.key.len() + HEADERS_BYTES;
    if bytes > limit { Err(BusError::TooLarge { bytes, limit }) } else { Ok(()) }
}

/// One life of the bus's store. Another value means that what it held is gone and has to be published again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incarnation(pub String);

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The store went back: it is the same, but lost what it had taken last, as after a loss of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setback {
    /// Counts the setbacks that this process noticed, from 1.
    pub number: u64,
    /// What was published from then on may be lost and has to be published again.
    pub since: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub enum BusError {
    #[error("no NATS server answers at `{url}`: start one with JetStream (`nats-server -js`) or correct bus.url")]
    Unreachable {
        url: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("NATS {found} is too old: 2.12 or newer is needed")]
    TooOld { found: String },
    #[error("a durable takes kinds of one stream only, and `{kind}` is not of it")]
    MixedStreams { kind: EventKind },
    #[error("the bus did not acknowledge the event in time; the outbox will publish it again")]
    NotTaken {
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    #[error(
        "JetStream at `{url}` refused `{what}`: enable JetStream (`nats-server -js`), and give this user the rights that \
         `overseer config nats` prints"
    )]
    Refused {
        url: String,
        what: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Never taken, however often it is sent again.
    #[error("event of {bytes} bytes exceeds the limit of the bus ({limit} bytes): split it")]
    TooLarge { bytes: usize, limit: usize },
    #[error("the bus is stopping")]
    Stopped,
}

#[async_trait]
pub trait Bus: Send + Sync {
    /// Registers a durable consumer. From now on nothing that matches is missed; it is handled once [`Subscription::run`] runs.
    async fn subscribe(&self, durable: Durable) -> Result<Box<dyn Subscription>, BusError>;

    /// Returns once the event is safe: stored by the bus, or committed by every durable consumer.
    async fn publish(&self, event: &Event) -> Result<(), BusError>;

    /// What is published from now on, for live views; a slow reader misses events.
    async fn watch(&self) -> Result<BoxStream<'static, Event>, BusError>;

    /// The life of the bus's store. Looks for a setback, too.
    async fn incarnation(&self) -> Result<Incarnation, BusError>;

    /// The last setback that [`Bus::incarnation`] noticed in this process.
    fn setback(&self) -> Option<Setback> {
        None
    }
}

#[async_trait]
pub trait Subscription: Send {
    /// Handles events until `stop` fires; what is being handled then is finished first. Survives the bus going away
    /// and coming back, also without its data.
    async fn run(self: Box<Self>, handler: Arc<dyn Handler>, stop: CancellationToken) -> Result<(), BusError>;
}
