//! What both buses promise, run against each. JetStream's own promises are in `jetstream.rs`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::{Blocking, Recorder, Running, SOON, durable, event, outbox, plans, publish_in_order, seen};
use futures::StreamExt;
use futures::future::join_all;
use overseer_bus::{Bus, BusError, Delivery, InProcess, Verdict};
use overseer_contract::Event;
use overseer_model::{EventId, EventKind, ServiceName, Stream, Timestamp};
use overseer_testkit::{Nats, until};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// A bus, and what has to live as long as it.
pub struct Fixture {
    pub bus: Arc<dyn Bus>,
    _server: Option<Nats>,
}

async fn in_process() -> Fixture {
    Fixture { bus: Arc::new(InProcess::new()), _server: None }
}

async fn jetstream() -> Fixture {
    let server = Nats::start().await;
    Fixture { bus: Arc::new(crate::support::connect(&server.url()).await), _server: Some(server) }
}

macro_rules! contract {
    ($open:path; $($case:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let fixture = $open().await;
            tokio::time::timeout(super::SOON * 3, super::$case(&*fixture.bus)).await.expect("the case ends in time");
        }
    )*};
}
macro_rules! bus_contract {
    ($open:path) => {
        contract!($open;
            delivers_to_every_durable_that_matches_and_to_no_other
            keeps_the_order_of_each_key_while_many_publish
            does_not_let_one_key_wait_for_another
            delivers_again_with_the_next_attempt_and_holds_back_its_key
            asks_a_handler_that_panicked_again
            goes_on_where_the_durable_stopped
            delivers_again_what_a_killed_handler_had_in_hand
            delivers_what_was_published_before_the_run
            finishes_what_is_in_hand_when_stopped_and_begins_nothing
            stops_while_an_event_waits_to_be_handled_again
            shows_watchers_what_is_published
            carries_any_event_exactly
            refuses_an_event_that_is_too_large
            refuses_a_durable_of_two_streams
            keeps_its_incarnation
            delivers_without_waiting_for_a_timer
        );
    };
}
mod over_channels {
    bus_contract!(super::in_process);
}
mod over_jetstream {
    bus_contract!(super::jetstream);
}

async fn delivers_to_every_durable_that_matches_and_to_no_other(bus: &dyn Bus) {
    use EventKind::{FactBatch, PlanFinished, PlanReady, StepDispatched, StepStarted};
    let durables = [
        durable(ServiceName::ControlPlane, &[PlanReady, StepStarted], None),
        durable(ServiceName::Notifier, &[PlanReady, PlanFinished], Some("nas-1")),
        durable(ServiceName::Gateway, &[FactBatch], None),
        durable(ServiceName::Executor, &[StepDispatched], Some("nas-1")),
    ];
    let mut running = Vec::new();
    for durable in durables {
        running.push(Running::start(bus, durable, Recorder::done()).await);
    }
    let published = [
        event(PlanReady, "nas-1", "k", "a"),
        event(PlanReady, "nas-2", "k", "b"),
        event(PlanFinished, "nas-1", "k", "c"),
        event(FactBatch, "nas-1", "k", "d"),
        event(StepDispatched, "nas-1", "k", "e"),
        event(PlanFinished, "nas-2", "k", "nobody's"),
        event(EventKind::IncidentDetected, "nas-1", "k", "nobody's"),
        // The last ones show that nothing else is on its way: all are of one key.
        event(StepStarted, "nas-1", "k", "end"),
        event(PlanReady, "nas-1", "k", "end"),
        event(FactBatch, "nas-1", "k", "end"),
        event(StepDispatched, "nas-1", "k", "end"),
    ];
    publish_in_order(bus, &published).await;
    let wanted: [&[&str]; 4] = [&["a", "b", "end", "end"], &["a", "c", "end"], &["d", "end"], &["e", "end"]];
    for (running, wanted) in running.into_iter().zip(wanted) {
        running.saw(wanted).await;
        running.stop().await;
    }
}

async fn keeps_the_order_of_each_key_while_many_publish(bus: &dyn Bus) {
    const EACH: usize = 50;
    let running = Running::start(bus, plans(), Recorder::done()).await;
    let keys: Vec<_> = (0..20).map(|key| format!("key-{key}")).collect();
    let published = keys.iter().map(|key| async move {
        let events: Vec<_> = (0..EACH).map(|n| event(EventKind::PlanReady, "nas-1", key, &n.to_string())).collect();
        publish_in_order(bus, &events).await;
    });
    join_all(published).await;
    running.saw_count(EACH * keys.len()).await;
    let all = running.recorder.seen();
    let wanted: Vec<_> = (0..EACH).map(|n| n.to_string()).collect();
    for key in keys {
        let of_key: Vec<_> = all.iter().filter(|seen| seen.key == key).map(|seen| seen.data.clone()).collect();
        assert_eq!(of_key, wanted, "{key}");
    }
    running.stop().await;
}

async fn does_not_let_one_key_wait_for_another(bus: &dyn Bus) {
    let gate = Blocking::on(|delivery| delivery.event.key == "slow");
    let running = Running::start(bus, plans(), gate.recorder()).await;
    let slow = event(EventKind::PlanReady, "nas-1", "slow", "slow");
    let quick: Vec<_> = (0..16).map(|n| event(EventKind::PlanReady, "nas-1", &n.to_string(), "quick")).collect();
    let all: Vec<_> = std::iter::once(slow).chain(quick).collect();
    tokio::join!(publish_in_order(bus, &all), async {
        gate.reached().await;
        // Some may share its lane.
        until("others are handled", SOON, async || (running.recorder.seen().len() >= 8).then_some(())).await;
        assert!(running.recorder.seen().iter().all(|seen| seen.data == "quick"));
        gate.open();
    });
    running.saw_count(17).await;
    running.stop().await;
}

async fn delivers_again_with_the_next_attempt_and_holds_back_its_key(bus: &dyn Bus) {
    let recorder = Recorder::new(|delivery| {
        let again = delivery.event.data == "stubborn" && delivery.attempt < 3;
        if again { Verdict::Again { after: Duration::from_millis(30) } } else { Verdict::Done }
    });
    let running = Running::start(bus, plans(), recorder).await;
    let events = ["first", "stubborn", "last"].map(|data| event(EventKind::PlanReady, "nas-1", "k", data));
    publish_in_order(bus, &events).await;
    running.saw_count(5).await;
    let all: Vec<_> = running.recorder.seen().into_iter().map(|seen| (seen.data, seen.attempt)).collect();
    let wanted = [("first", 1), ("stubborn", 1), ("stubborn", 2), ("stubborn", 3), ("last", 1)];
    assert_eq!(all, wanted.map(|(data, attempt)| (data.to_owned(), attempt)));
    running.stop().await;
}

async fn asks_a_handler_that_panicked_again(bus: &dyn Bus) {
    let recorder = Recorder::new(|delivery| {
        assert!(delivery.attempt > 1, "this panic is part of the test");
        Verdict::Done
    });
    let running = Running::start(bus, plans(), recorder).await;
    publish_in_order(bus, &[event(EventKind::PlanReady, "nas-1", "k", "a")]).await;
    running.saw(&["a", "a"]).await;
    running.stop().await;
}

async fn goes_on_where_the_durable_stopped(bus: &dyn Bus) {
    let running = Running::start(bus, plans(), Recorder::done()).await;
    publish_in_order(bus, &["1", "2"].map(|n| event(EventKind::PlanReady, "nas-1", "k", n))).await;
    running.saw(&["1", "2"]).await;
    running.stop().await;

    let next = event(EventKind::PlanReady, "nas-1", "k", "3");
    tokio::join!(outbox(bus, std::slice::from_ref(&next)), async {
        let again = Running::start(bus, plans(), Recorder::done()).await;
        again.saw(&["3"]).await;
        again.stop().await;
    });
}

async fn delivers_again_what_a_killed_handler_had_in_hand(bus: &dyn Bus) {
    let gate = Blocking::on(|_| true);
    let running = Running::start(bus, plans(), gate.recorder()).await;
    let events = ["1", "2", "3"].map(|n| event(EventKind::PlanReady, "nas-1", "k", n));
    tokio::join!(outbox(bus, &events), async {
        gate.reached().await;
        running.kill().await;
        let again = Running::start(bus, plans(), Recorder::done()).await;
        again.saw(&["1", "2", "3"]).await;
        // Not before the outbox is done: in one process it waits for the commit.
        again.stop_later();
    });
}

async fn delivers_what_was_published_before_the_run(bus: &dyn Bus) {
    let subscription = bus.subscribe(plans()).await.unwrap();
    let events = ["1", "2"].map(|n| event(EventKind::PlanReady, "nas-1", "k", n));
    let mut published = std::pin::pin!(publish_in_order(bus, &events));
    // Begun before the run; over channels it cannot end before.
    let begun = futures::poll!(published.as_mut());
    let running = Running::of(subscription, Recorder::done());
    if begun.is_pending() {
        published.await;
    }
    running.saw(&["1", "2"]).await;
    running.stop().await;
}

async fn finishes_what_is_in_hand_when_stopped_and_begins_nothing(bus: &dyn Bus) {
    let gate = Blocking::on(|_| true);
    let running = Running::start(bus, plans(), gate.recorder()).await;
    let events = ["in hand", "not begun"].map(|n| event(EventKind::PlanReady, "nas-1", "k", n));
    let (first, second, ()) = tokio::join!(bus.publish(&events[0]), bus.publish(&events[1]), async {
        gate.reached().await;
        running.stop.cancel();
        gate.open();
        let recorder = Arc::clone(&running.recorder);
        running.stop().await;
        assert_eq!(seen(&recorder), ["in hand"]);
    });
    first.unwrap();
    // Stored, or refused so that the outbox sends it again.
    assert!(matches!(second, Ok(()) | Err(BusError::Stopped)));
    tokio::join!(outbox(bus, &events[1..]), async {
        let again = Running::start(bus, plans(), Recorder::done()).await;
        again.saw(&["not begun"]).await;
        again.stop_later();
    });
}

async fn stops_while_an_event_waits_to_be_handled_again(bus: &dyn Bus) {
    let recorder = Recorder::new(|_| Verdict::Again { after: Duration::from_secs(3_600) });
    let running = Running::start(bus, plans(), recorder).await;
    let event = event(EventKind::PlanReady, "nas-1", "k", "a");
    let (_, ()) = tokio::join!(bus.publish(&event), async {
        running.saw(&["a"]).await;
        running.stop().await;
    });
    tokio::join!(outbox(bus, std::slice::from_ref(&event)), async {
        let again = Running::start(bus, plans(), Recorder::done()).await;
        again.saw(&["a"]).await;
        again.stop_later();
    });
}

async fn shows_watchers_what_is_published(bus: &dyn Bus) {
    let mut watched = [bus.watch().await.unwrap(), bus.watch().await.unwrap()];
    let events = [EventKind::FactBatch, EventKind::PlanReady, EventKind::StepDispatched]
        .map(|kind| event(kind, "nas-1", "k", "watched"));
    publish_in_order(bus, &events).await;
    for watched in &mut watched {
        let got: Vec<_> = watched.take(events.len()).collect().await;
        assert_eq!(got, events);
    }
}

async fn carries_any_event_exactly(bus: &dyn Bus) {
    let micros = -62_167_219_200_000_000..=253_402_300_799_999_999_i64;
    let trace = proptest::option::of("00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]");
    let any_event = (any::<String>(), any::<String>(), micros, trace, "[a-z0-9-]{1,32}").prop_map(
        |(key, data, micros, trace, site)| Event {
            id: EventId::fresh(),
            kind: EventKind::PlanReady,
            site: site.parse().unwrap(),
            key,
            at: Timestamp::from_micros(micros),
            trace: trace.map(|trace| trace.parse().unwrap()),
            data: serde_json::json!({ "text": data }).to_string(),
        },
    );
    let mut runner = TestRunner::deterministic();
    let mut events: Vec<_> = (0..200).map(|_| any_event.new_tree(&mut runner).unwrap().current()).collect();
    for key in ["", " ", "\r\nce-id: x", "💥\u{202e}é", "a%20b", "\u{0}", "\"quoted\""] {
        events.push(Event { key: key.to_owned(), ..events[0].clone() });
        events.last_mut().unwrap().id = EventId::fresh();
    }
    let running = Running::start(bus, plans(), Recorder::done()).await;
    publish_in_order(bus, &events).await;
    running.saw_count(events.len()).await;
    let mut arrived = running.recorder.events();
    arrived.sort_by_key(|event| event.id);
    events.sort_by_key(|event| event.id);
    assert_eq!(arrived, events);
    running.stop().await;
}

async fn refuses_an_event_that_is_too_large(bus: &dyn Bus) {
    let data = "x".repeat(overseer_bus::MAX_EVENT_BYTES);
    let refused = bus.publish(&event(EventKind::PlanReady, "nas-1", "k", &data)).await;
    assert!(matches!(refused, Err(BusError::TooLarge { .. })), "{refused:?}");
}

async fn refuses_a_durable_of_two_streams(bus: &dyn Bus) {
    let mut mixed = plans();
    mixed.kinds = &[EventKind::PlanReady, EventKind::FactBatch];
    assert_eq!(mixed.stream(), Stream::Events);
    let refused = bus.subscribe(mixed).await.err();
    assert!(matches!(refused, Some(BusError::MixedStreams { kind: EventKind::FactBatch })), "{refused:?}");
}

async fn keeps_its_incarnation(bus: &dyn Bus) {
    assert_eq!(bus.incarnation().await.unwrap(), bus.incarnation().await.unwrap());
}

/// A generous bound, which a batch timer or a poll would still miss.
async fn delivers_without_waiting_for_a_timer(bus: &dyn Bus) {
    const ROUNDS: usize = 300;
    let (handled, mut handlings) = tokio::sync::mpsc::unbounded_channel();
    let recorder = Recorder::new(move |_: &Delivery| {
        handled.send(Instant::now()).unwrap();
        Verdict::Done
    });
    let running = Running::start(bus, plans(), recorder).await;
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let event = event(EventKind::PlanReady, "nas-1", "k", "a");
        let began = Instant::now();
        let (_, at) = tokio::join!(bus.publish(&event), handlings.recv());
        took.push(at.unwrap().duration_since(began));
    }
    took.sort();
    let (half, most) = (took[ROUNDS / 2], took[ROUNDS * 99 / 100]);
    println!("published to handled: p50 {half:?}, p99 {most:?}");
    assert!(half < Duration::from_millis(5), "half of the events took more than {half:?}");
    running.stop().await;
}
