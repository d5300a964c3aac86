//! What only a bus with a server can suffer.

use std::time::Duration;

use crate::support::{
    Blocking, Recorder, Running, SOON, connect, durable, event, outbox, plans, publish_in_order, seen,
};
use async_nats::jetstream;
use overseer_bus::{Bus, BusError, JetStream, JetStreamOptions};
use overseer_model::EventKind;
use overseer_testkit::{Nats, until};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

async fn admin(nats: &Nats) -> jetstream::Context {
    jetstream::new(async_nats::connect(nats.url()).await.unwrap())
}

fn plan(key: &str, data: &str) -> overseer_contract::Event {
    event(EventKind::PlanReady, "nas-1", key, data)
}

#[tokio::test(flavor = "multi_thread")]
async fn goes_on_after_the_server_was_killed_and_started_again() {
    let nats = Nats::start().await;
    let bus = connect(&nats.url()).await;
    let before = bus.incarnation().await.unwrap();
    let running = Running::start(&bus, plans(), Recorder::done()).await;
    publish_in_order(&bus, &[plan("k", "1")]).await;
    running.saw(&["1"]).await;
    let next = [plan("k", "2"), plan("k", "3")];
    tokio::join!(outbox(&bus, &next), async {
        nats.kill().await;
        nats.restart().await;
    });
    // A killed server may have forgotten what was settled last. The inbox recognises what comes again.
    let first_seen = || {
        let mut all: Vec<String> = vec![];
        for data in seen(&running.recorder) {
            if !all.contains(&data) {
                all.push(data);
            }
        }
        all
    };
    until("all events are handled", SOON, async || (first_seen().len() == 3).then_some(())).await;
    assert_eq!(first_seen(), ["1", "2", "3"]);
    assert_eq!(bus.incarnation().await.unwrap(), before);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn goes_on_after_the_server_lost_its_store_and_says_so() {
    let nats = Nats::start().await;
    let bus = connect(&nats.url()).await;
    let before = bus.incarnation().await.unwrap();
    let running = Running::start(&bus, plans(), Recorder::done()).await;
    publish_in_order(&bus, &[plan("k", "1")]).await;
    running.saw(&["1"]).await;
    nats.lose_store().await;
    outbox(&bus, &[plan("k", "2")]).await;
    running.saw(&["1", "2"]).await;
    assert_ne!(bus.incarnation().await.unwrap(), before);
    running.stop().await;
}

/// Once the bus has looked and noticed one.
async fn setback(bus: &JetStream, number: u64) -> overseer_bus::Setback {
    until("the setback is noticed", SOON, async || {
        bus.incarnation().await.ok()?;
        bus.setback().filter(|setback| setback.number == number)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_that_the_store_went_back_and_carries_again_what_was_lost() {
    let nats = Nats::start().await;
    let bus = connect(&nats.url()).await;
    let running = Running::start(&bus, plans(), Recorder::done()).await;
    outbox(&bus, &[plan("k", "1")]).await;
    running.saw(&["1"]).await;
    nats.kill().await;
    let synced = nats.keep_store();
    nats.restart().await;
    let life = until("bus available again", SOON, async || bus.incarnation().await.ok()).await;
    assert_eq!(bus.setback(), None, "a restart loses nothing");
    let began = overseer_model::Timestamp::now();
    let lost = [plan("k", "2"), plan("k", "3")];
    outbox(&bus, &lost).await;
    running.saw_last("3").await;

    nats.kill().await;
    nats.return_to(&synced);
    nats.restart().await;
    let noticed = setback(&bus, 1).await;
    assert_eq!(until("bus available again", SOON, async || bus.incarnation().await.ok()).await, life);
    assert!(noticed.since < began && bus.setback() == Some(noticed), "{noticed:?}");
    // Within the window in which JetStream drops what it has seen: it has not seen these. The consumer's inbox
    // recognizes them; who was away has them now.
    outbox(&bus, &lost).await;
    running.saw_last("3").await;
    let late = durable(overseer_model::ServiceName::Notifier, &[EventKind::PlanReady], None);
    let late = Running::start(&bus, late, Recorder::done()).await;
    late.saw(&["1", "2", "3"]).await;

    // A consumer goes on behind a setback too, with what got the sequences of the lost.
    outbox(&bus, &[plan("k", "4")]).await;
    running.saw_last("4").await;
    late.saw(&["1", "2", "3", "4"]).await;
    running.stop().await;
    late.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_that_the_store_went_back_also_when_others_have_filled_it_again() {
    let nats = Nats::start().await;
    let (bus, other) = (connect(&nats.url()).await, connect(&nats.url()).await);
    outbox(&bus, &[plan("k", "1")]).await;
    nats.kill().await;
    let synced = nats.keep_store();
    nats.restart().await;
    until("bus available again", SOON, async || bus.incarnation().await.ok()).await;
    outbox(&bus, &[plan("k", "2")]).await;
    nats.kill().await;
    nats.return_to(&synced);
    nats.restart().await;
    outbox(&other, &[plan("o", "a"), plan("o", "b")]).await;
    outbox(&bus, &[plan("k", "3")]).await;
    setback(&bus, 1).await;
    // It is noticed once.
    bus.incarnation().await.unwrap();
    assert_eq!(bus.setback().map(|setback| setback.number), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn takes_no_part_of_a_sequence_before_what_a_setback_lost() {
    let nats = Nats::start().await;
    let (bus, other) = (connect(&nats.url()).await, connect(&nats.url()).await);
    let facts = |data: &str| event(EventKind::FactBatch, "nas-1", "facts", data);
    outbox(&bus, &[facts("1")]).await;
    nats.kill().await;
    let synced = nats.keep_store();
    nats.restart().await;
    outbox(&bus, &[facts("2"), facts("3")]).await;
    nats.kill().await;
    nats.return_to(&synced);
    // It is on its way while the server comes back, before anybody can have noticed.
    let next = facts("4");
    let (refused, ()) = tokio::join!(bus.publish(&next), nats.restart());
    let refused = match refused {
        // The connection was not there in time; now it is.
        Err(BusError::NotTaken { source: None }) => bus.publish(&next).await,
        other => other,
    };
    assert!(matches!(refused, Err(BusError::NotTaken { source: Some(_) })), "{refused:?}");
    assert_eq!(bus.setback().map(|setback| setback.number), Some(1), "it is known at once");
    outbox(&bus, &[facts("2"), facts("3"), next]).await;
    let durable = durable(overseer_model::ServiceName::IncidentEngine, &[EventKind::FactBatch], None);
    let running = Running::start(&bus, durable, Recorder::done()).await;
    running.saw(&["1", "2", "3", "4"]).await;
    // Another process that goes on with the sequence is no setback.
    outbox(&other, &[facts("5")]).await;
    outbox(&bus, &[facts("6")]).await;
    running.saw(&["1", "2", "3", "4", "5", "6"]).await;
    assert_eq!(bus.setback().map(|setback| setback.number), Some(1));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_lost_store_does_not_settle_one_of_the_new() {
    let nats = Nats::start().await;
    let bus = connect(&nats.url()).await;
    let gate = Blocking::on(|delivery| delivery.event.data == "old");
    let (old, new) = (plan("k", "old"), plan("k", "new"));
    let running = Running::start(&bus, plans(), gate.recorder()).await;
    publish_in_order(&bus, &[old]).await;
    gate.reached().await;
    nats.lose_store().await;
    // It gets the sequence that the old one had, and waits behind it.
    outbox(&bus, std::slice::from_ref(&new)).await;
    let admin = admin(&nats).await;
    let unsettled = async || {
        let consumer =
            admin.get_consumer_from_stream::<jetstream::consumer::pull::Config, _, _>(plans().name(), "EVENTS");
        consumer.await.ok().map(|consumer| consumer.cached_info().num_ack_pending)
    };
    until("the new event is delivered", SOON, async || (unsettled().await == Some(1)).then_some(())).await;
    running.stop.cancel();
    gate.open();
    let recorder = running.recorder.clone();
    running.stop().await;
    assert_eq!(seen(&recorder), ["old"]);

    let again = Running::start(&bus, plans(), Recorder::done()).await;
    again.saw(&["new"]).await;
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn goes_on_after_its_consumer_or_its_stream_was_deleted() {
    let nats = Nats::start().await;
    let bus = connect(&nats.url()).await;
    let admin = admin(&nats).await;
    let running = Running::start(&bus, plans(), Recorder::done()).await;
    // A consumer made anew begins at the beginning, so something has to be there that the inbox would recognise.
    publish_in_order(&bus, &[plan("k", "1")]).await;
    running.saw(&["1"]).await;
    admin.delete_consumer_from_stream(plans().name(), "EVENTS").await.unwrap();
    running.saw(&["1", "1"]).await;
    admin.delete_stream("EVENTS").await.unwrap();
    outbox(&bus, &[plan("k", "2")]).await;
    running.saw(&["1", "1", "2"]).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_makes_a_missing_stream() {
    let nats = Nats::start().await;
    let bus = connect(&nats.url()).await;
    admin(&nats).await.delete_stream("EVENTS").await.unwrap();
    let refused = bus.publish(&plan("k", "1")).await;
    assert!(matches!(refused, Err(BusError::NotTaken { .. })), "{refused:?}");
    bus.publish(&plan("k", "1")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn skips_what_is_no_event() {
    let nats = Nats::start().await;
    let bus = connect(&nats.url()).await;
    let admin = admin(&nats).await;
    let running = Running::start(&bus, plans(), Recorder::done()).await;
    let mut lying = async_nats::HeaderMap::new();
    lying.insert("ce-specversion", "1.0");
    lying.insert("ce-type", "overseer.plan.ready");
    lying.insert("ce-id", "evt_nonsense");
    for hostile in [async_nats::HeaderMap::new(), lying] {
        let sent = admin.publish_with_headers("overseer.plan.ready.v1.nas-1", hostile, "\u{0}{".into());
        sent.await.unwrap().await.unwrap();
    }
    publish_in_order(&bus, &[plan("k", "good")]).await;
    running.saw(&["good"]).await;
    let consumer = until("all is settled", SOON, async || {
        let consumer = admin
            .get_consumer_from_stream::<jetstream::consumer::pull::Config, _, _>(plans().name(), "EVENTS")
            .await
            .unwrap();
        (consumer.cached_info().ack_floor.stream_sequence == 3).then_some(consumer)
    });
    assert_eq!(consumer.await.cached_info().num_redelivered, 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_in_hand_is_not_delivered_again_however_long_it_takes() {
    let nats = Nats::start().await;
    let ack_wait = Duration::from_millis(600);
    let options = JetStreamOptions { ack_wait, ..JetStreamOptions::new(nats.url()) };
    let bus = JetStream::connect(options).await.unwrap();
    let gate = Blocking::on(|_| true);
    let running = Running::start(&bus, plans(), gate.recorder()).await;
    publish_in_order(&bus, &[plan("k", "slow"), plan("k", "behind")]).await;
    gate.reached().await;
    // The time itself is the input here: the work takes longer than the server waits for a sign of life.
    tokio::time::sleep(ack_wait * 4).await;
    gate.open();
    running.saw(&["slow", "behind"]).await;
    let consumer = admin(&nats)
        .await
        .get_consumer_from_stream::<jetstream::consumer::pull::Config, _, _>(plans().name(), "EVENTS")
        .await
        .unwrap();
    let delivered = consumer.cached_info().delivered.consumer_sequence;
    assert_eq!(delivered, 2, "each is delivered once");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_of_one_durable_share_the_work() {
    let nats = Nats::start().await;
    let (one, two) = (connect(&nats.url()).await, connect(&nats.url()).await);
    let first = Running::start(&one, plans(), Recorder::done()).await;
    let second = Running::start(&two, plans(), Recorder::done()).await;
    let events: Vec<_> = (0..200).map(|n| plan(&n.to_string(), "a")).collect();
    publish_in_order(&one, &events).await;
    let count = || first.recorder.seen().len() + second.recorder.seen().len();
    until("all events are handled", SOON, async || (count() >= 200).then_some(())).await;
    assert_eq!(count(), 200);
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn says_when_no_server_answers() {
    let options = JetStreamOptions {
        max_wait: Duration::from_millis(200),
        ..JetStreamOptions::new("nats://user:secret@127.0.0.1:1")
    };
    let refused = JetStream::connect(options).await.err().unwrap();
    assert!(matches!(refused, BusError::Unreachable { .. }), "{refused:?}");
    assert!(!refused.to_string().contains("secret"), "{refused}");
}

#[tokio::test]
async fn refuses_a_server_that_is_too_old() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let info = r#"INFO {"server_id":"A","version":"2.11.9","go":"","host":"127.0.0.1","port":1,"max_payload":1048576,"proto":1,"headers":true}"#;
        write.write_all(format!("{info}\r\n").as_bytes()).await.unwrap();
        let mut lines = BufReader::new(read).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if line.starts_with("PING") {
                write.write_all(b"PONG\r\n").await.unwrap();
            }
        }
    });
    let refused = JetStream::connect(JetStreamOptions::new(url)).await.err().unwrap();
    assert!(matches!(&refused, BusError::TooOld { found } if found == "2.11.9"), "{refused:?}");
    server.abort();
}
