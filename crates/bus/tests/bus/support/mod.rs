//! Handlers that remember, runs that can be stopped or killed, and an outbox.

// Each test file uses a part of this.
#![allow(dead_code)]

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::join_all;
use overseer_bus::{
    Bus, BusError, Concern, Delivery, Durable, Handler, JetStream, JetStreamOptions, Sites, Subscription, Verdict,
};
use overseer_contract::Event;
use overseer_model::{EventId, EventKind, ServiceName, Stream, Timestamp};
use overseer_testkit::until;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Far longer than anything here takes, the loss of a server included.
pub const SOON: Duration = Duration::from_secs(20);

pub async fn connect(url: &str) -> JetStream {
    JetStream::connect(JetStreamOptions::new(url)).await.unwrap()
}

pub fn durable(service: ServiceName, kinds: &'static [EventKind], site: Option<&str>) -> Durable {
    let sites = site.map_or(Sites::Every, |site| Sites::Only(site.parse().unwrap()));
    let concern = match kinds[0].stream() {
        Stream::Facts => Concern::Facts,
        Stream::Events => Concern::Incidents,
        Stream::Steps => Concern::Work,
    };
    Durable { service, concern, kinds, sites }
}

/// The durable of most cases.
pub fn plans() -> Durable {
    let durable = durable(ServiceName::ControlPlane, &[EventKind::PlanReady, EventKind::PlanFinished], None);
    assert_eq!(durable.stream(), Stream::Events);
    durable
}

pub fn event(kind: EventKind, site: &str, key: &str, data: &str) -> Event {
    Event {
        id: EventId::fresh(),
        kind,
        site: site.parse().unwrap(),
        key: key.to_owned(),
        at: Timestamp::now(),
        trace: None,
        data: data.to_owned(),
    }
}

/// Starts all publishes in order, without one waiting for another.
pub async fn publish_in_order(bus: &dyn Bus, events: &[Event]) {
    let mut publishes: Vec<_> = events.iter().map(|event| bus.publish(event)).collect();
    let mut pending = Vec::new();
    for (at, publish) in publishes.iter_mut().enumerate() {
        match poll_fn(|context| Poll::Ready(publish.poll_unpin(context))).await {
            Poll::Ready(done) => done.unwrap(),
            Poll::Pending => pending.push(at),
        }
    }
    let rest = publishes.into_iter().enumerate().filter(|(at, _)| pending.contains(at)).map(|(_, publish)| publish);
    join_all(rest).await.into_iter().collect::<Result<(), BusError>>().unwrap();
}

/// Sends one after the other, and each again until the bus has it.
pub async fn outbox(bus: &dyn Bus, events: &[Event]) {
    for event in events {
        until("the bus takes the event", SOON, async || bus.publish(event).await.ok()).await;
    }
}

#[derive(Clone, Debug)]
pub struct Seen {
    pub key: String,
    pub data: String,
    pub attempt: u32,
}

type Decide = Box<dyn Fn(&Delivery) -> Verdict + Send + Sync>;

/// A handler that notes every delivery, after its gate let it pass.
pub struct Recorder {
    deliveries: Mutex<Vec<Delivery>>,
    decide: Decide,
    gate: Option<Blocking>,
}

impl Recorder {
    pub fn new(decide: impl Fn(&Delivery) -> Verdict + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { deliveries: Mutex::default(), decide: Box::new(decide), gate: None })
    }
    pub fn done() -> Arc<Self> {
        Self::new(|_| Verdict::Done)
    }
    pub fn seen(&self) -> Vec<Seen> {
        let seen = |Delivery { event, attempt }: &Delivery| Seen {
            key: event.key.clone(),
            data: event.data.clone(),
            attempt: *attempt,
        };
        self.deliveries.lock().unwrap().iter().map(seen).collect()
    }
    pub fn events(&self) -> Vec<Event> {
        self.deliveries.lock().unwrap().iter().map(|delivery| delivery.event.clone()).collect()
    }
}

pub fn seen(recorder: &Recorder) -> Vec<String> {
    recorder.seen().into_iter().map(|seen| seen.data).collect()
}

#[async_trait]
impl Handler for Recorder {
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        if let Some(gate) = &self.gate {
            gate.pass(delivery).await;
        }
        self.deliveries.lock().unwrap().push(delivery.clone());
        (self.decide)(delivery)
    }
}

type Holds = Arc<dyn Fn(&Delivery) -> bool + Send + Sync>;

/// Holds deliveries until it is opened.
#[derive(Clone)]
pub struct Blocking {
    holds: Holds,
    open: Arc<watch::Sender<bool>>,
    held: Arc<watch::Sender<usize>>,
}

impl Blocking {
    pub fn on(holds: impl Fn(&Delivery) -> bool + Send + Sync + 'static) -> Self {
        let (open, held) = (watch::Sender::new(false), watch::Sender::new(0));
        Self { holds: Arc::new(holds), open: Arc::new(open), held: Arc::new(held) }
    }
    pub fn recorder(&self) -> Arc<Recorder> {
        Arc::new(Recorder {
            deliveries: Mutex::default(),
            decide: Box::new(|_| Verdict::Done),
            gate: Some(self.clone()),
        })
    }
    async fn pass(&self, delivery: &Delivery) {
        if (self.holds)(delivery) {
            self.held.send_modify(|held| *held += 1);
            self.open.subscribe().wait_for(|open| *open).await.unwrap();
        }
    }
    /// Once a delivery is held.
    pub async fn reached(&self) {
        self.reached_by(1).await;
    }
    pub async fn reached_by(&self, count: usize) {
        let mut held = self.held.subscribe();
        tokio::time::timeout(SOON, held.wait_for(|held| *held >= count)).await.expect("it is delivered").unwrap();
    }
    pub fn open(&self) {
        self.open.send_replace(true);
    }
}

pub struct Running {
    pub recorder: Arc<Recorder>,
    pub stop: CancellationToken,
    task: JoinHandle<Result<(), BusError>>,
}

impl Running {
    pub async fn start(bus: &dyn Bus, durable: Durable, recorder: Arc<Recorder>) -> Self {
        Self::of(bus.subscribe(durable).await.unwrap(), recorder)
    }
    pub fn of(subscription: Box<dyn Subscription>, recorder: Arc<Recorder>) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(subscription.run(recorder.clone(), stop.clone()));
        Self { recorder, stop, task }
    }
    pub async fn saw_count(&self, count: usize) {
        let what = format!("{count} deliveries");
        until(&what, SOON, async || (self.recorder.seen().len() >= count).then_some(())).await;
        assert_eq!(self.recorder.seen().len(), count);
    }
    pub async fn saw(&self, wanted: &[&str]) {
        let what = format!("the deliveries {wanted:?}");
        until(&what, SOON, async || (seen(&self.recorder).len() >= wanted.len()).then_some(())).await;
        assert_eq!(seen(&self.recorder), wanted);
    }
    /// Waits until the last new delivery is this one; repeated ones are the bus's habit.
    pub async fn saw_last(&self, wanted: &str) {
        let last = || seen(&self.recorder).pop();
        until(wanted, SOON, async || (last().as_deref() == Some(wanted)).then_some(())).await;
    }
    pub async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(SOON, self.task).await.expect("the run ends when stopped").unwrap().unwrap();
    }
    /// Goes on until the test ends.
    pub fn stop_later(self) {}
    /// As by the end of the process: nothing is finished.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}
