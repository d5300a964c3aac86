//! The whole service on both stores: events in, signed webhooks out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod house;

use std::time::Duration;

use house::{Answer, Scripted, Store};
use overseer_bus::Bus as _;
use overseer_contract::v1::DeliveryState;
use overseer_notifier::Reach;
use overseer_testkit::{WebhookReceiver, until};

/// For what takes milliseconds; the rest is for loaded machines.
const SOON: Duration = Duration::from_secs(20);

/// When what a dead process had in hand is free for others.
const LEASE_ENDED: Duration = Duration::from_secs(60);

/// Each case on each store.
macro_rules! cases {
    ($($case:ident)*) => {
        mod sqlite { $(#[tokio::test(flavor = "multi_thread")] async fn $case() { super::$case(super::Store::sqlite()).await; })* }
        mod postgres { $(#[tokio::test(flavor = "multi_thread")] async fn $case() { super::$case(super::Store::postgres().await).await; })* }
    };
}
cases! {
    an_event_gives_one_signed_hook_per_target
    a_failing_receiver_is_called_again_under_the_same_id
    a_repeated_event_is_not_told_again
    a_new_start_sends_what_is_pending
    a_crash_between_sending_and_recording_repeats_the_id
    a_private_address_is_refused_without_showing_it
    a_redirect_is_not_followed
    gone_is_final_at_once
    a_dead_target_does_not_hold_up_another
    what_waits_for_a_target_that_is_gone_is_given_up
    deliveries_are_listed_newest_first_in_pages
    many_events_are_each_told_once
}

async fn an_event_gives_one_signed_hook_per_target(store: Store) {
    let (one, two) = (WebhookReceiver::start().await, WebhookReceiver::start().await);
    let targets = vec![store.receiver("one", &one), store.receiver("two", &two)];
    let house = store.start(targets, 8, 50).await;
    let event = house::detected("web");
    house.bus.publish(&event).await.unwrap();
    for receiver in [&one, &two] {
        let hook = receiver.wait_for("incident_detected", |_| true, SOON).await;
        assert!(hook.verified);
        assert!(hook.id.starts_with("dlv_"));
        assert_eq!(hook.body["id"], event.id.to_string());
        assert_eq!(hook.body["data"]["detector"], "restart_loop");
        assert_eq!(hook.body["data"]["resource"]["name"], "web");
    }
    let told = house.settled(2).await;
    assert!(told.iter().all(|d| d.state() == DeliveryState::Delivered && d.attempts == 1 && d.last_error.is_empty()));
    house.stop().await;
    assert_eq!((one.received().len(), two.received().len()), (1, 1));
}

async fn a_failing_receiver_is_called_again_under_the_same_id(store: Store) {
    let receiver = WebhookReceiver::start().await;
    receiver.fail_next(3);
    let house = store.start(vec![store.receiver("ops", &receiver)], 8, 10).await;
    house.bus.publish(&house::detected("web")).await.unwrap();
    let hook = receiver.wait_for("incident_detected", |_| true, SOON).await;
    let told = house.settled(1).await;
    assert_eq!((told[0].state(), told[0].attempts), (DeliveryState::Delivered, 4));
    assert_eq!(told[0].id, hook.id);
    house.stop().await;
    let all = receiver.received();
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|one| one.id == hook.id && one.body == hook.body && one.verified));
}

async fn a_repeated_event_is_not_told_again(store: Store) {
    let receiver = WebhookReceiver::start().await;
    let house = store.start(vec![store.receiver("ops", &receiver)], 8, 50).await;
    let event = house::detected("web");
    house.bus.publish(&event).await.unwrap();
    house.bus.publish(&event).await.unwrap();
    let later = house::detected("later");
    house.bus.publish(&later).await.unwrap();
    receiver.wait_for("incident_detected", |hook| hook.body["id"] == later.id.to_string(), SOON).await;
    assert_eq!(house.settled(2).await.len(), 2);
    house.stop().await;
    assert_eq!(receiver.received().len(), 2);
}

async fn a_new_start_sends_what_is_pending(store: Store) {
    let nobody = store.target("ops", &house::free_address().await, Reach::Declared);
    let house = store.start(vec![nobody], 20, 100).await;
    house.bus.publish(&house::detected("web")).await.unwrap();
    let first = house.any(|d| d.attempts > 0).await;
    assert_eq!(first.state(), DeliveryState::Pending);
    assert!(first.last_error.contains("connection failed"), "{}", first.last_error);
    house.stop().await;

    let receiver = WebhookReceiver::start().await;
    let house = store.start(vec![store.receiver("ops", &receiver)], 20, 100).await;
    let hook = receiver.wait_for("incident_detected", |_| true, SOON).await;
    assert_eq!(hook.id, first.id);
    house.settled(1).await;
    house.stop().await;
    assert_eq!(receiver.received().len(), 1);
}

async fn a_crash_between_sending_and_recording_repeats_the_id(store: Store) {
    let silent = Scripted::start(Answer::Nothing).await;
    let house = store.start(vec![store.target("ops", &silent.url, Reach::Declared)], 8, 50).await;
    house.bus.publish(&house::detected("web")).await.unwrap();
    let request = silent.request(SOON).await;
    house.crash().await;

    let receiver = WebhookReceiver::start().await;
    let house = store.start(vec![store.receiver("ops", &receiver)], 8, 50).await;
    let hook = receiver.wait_for("incident_detected", |_| true, LEASE_ENDED).await;
    assert!(request.contains(&format!("webhook-id: {}\r\n", hook.id)), "{request}");
    house.stop().await;
}

async fn a_private_address_is_refused_without_showing_it(store: Store) {
    let house = store.start(vec![store.target("ops", "https://localhost/token-4711", Reach::Public)], 1, 10).await;
    house.bus.publish(&house::detected("web")).await.unwrap();
    let told = house.settled(1).await;
    assert_eq!(told[0].state(), DeliveryState::Dead);
    assert!(told[0].last_error.contains("loopback"), "{}", told[0].last_error);
    for hidden in ["localhost", "127.0.0.1", "::1", "token-4711"] {
        assert!(!told[0].last_error.contains(hidden), "{}", told[0].last_error);
    }
    house.stop().await;
}

async fn a_redirect_is_not_followed(store: Store) {
    let elsewhere = WebhookReceiver::start().await;
    let redirecting =
        Scripted::start(Answer::Status(format!("307 Temporary Redirect\r\nlocation: {}", elsewhere.url()))).await;
    let house = store.start(vec![store.target("ops", &redirecting.url, Reach::Declared)], 2, 10).await;
    house.bus.publish(&house::detected("web")).await.unwrap();
    let told = house.settled(1).await;
    assert_eq!((told[0].state(), told[0].attempts), (DeliveryState::Dead, 2));
    assert_eq!(told[0].last_error, "the receiver answered 307");
    house.stop().await;
    assert_eq!(elsewhere.received(), []);
}

async fn gone_is_final_at_once(store: Store) {
    let gone = Scripted::start(Answer::Status("410 Gone".to_owned())).await;
    let house = store.start(vec![store.target("ops", &gone.url, Reach::Declared)], 8, 10).await;
    house.bus.publish(&house::detected("web")).await.unwrap();
    let told = house.settled(1).await;
    assert_eq!((told[0].state(), told[0].attempts), (DeliveryState::Dead, 1));
    let request = gone.request(SOON).await;
    assert!(request.starts_with("POST / HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("content-type: application/json\r\n"), "{request}");
    assert!(request.contains(concat!("user-agent: overseer/", env!("CARGO_PKG_VERSION"), "\r\n")), "{request}");
    house.stop().await;
}

async fn a_dead_target_does_not_hold_up_another(store: Store) {
    let (silent, receiver) = (Scripted::start(Answer::Nothing).await, WebhookReceiver::start().await);
    let targets = vec![store.target("dead", &silent.url, Reach::Declared), store.receiver("ops", &receiver)];
    let house = store.start(targets, 8, 60_000).await;
    let events: Vec<_> = (0..40).map(|at| house::detected(&format!("web{at}"))).collect();
    for event in &events {
        house.bus.publish(event).await.unwrap();
    }
    until("every event at the other target", SOON, async || (receiver.ids().len() == 40).then_some(())).await;
    house.crash().await;
}

async fn what_waits_for_a_target_that_is_gone_is_given_up(store: Store) {
    let nobody = store.target("old", &house::free_address().await, Reach::Declared);
    let house = store.start(vec![nobody], 8, 60_000).await;
    house.bus.publish(&house::detected("web")).await.unwrap();
    house.any(|d| d.attempts == 1).await;
    house.stop().await;

    let house = store.start(vec![], 8, 60_000).await;
    let told = house.settled(1).await;
    assert_eq!(told[0].state(), DeliveryState::Dead);
    assert!(told[0].last_error.contains("not declared"), "{}", told[0].last_error);
    house.stop().await;
}

async fn deliveries_are_listed_newest_first_in_pages(store: Store) {
    let receiver = WebhookReceiver::start().await;
    let house = store.start(vec![store.receiver("ops", &receiver)], 8, 50).await;
    for at in 0..5 {
        house.bus.publish(&house::detected(&format!("web{at}"))).await.unwrap();
    }
    house.settled(5).await;
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let page = house.page(2, &token).await.unwrap();
        assert!(page.deliveries.len() <= 2);
        seen.extend(page.deliveries.into_iter().map(|d| d.id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|newer, older| newer > older), "{seen:?}");
    assert_eq!(house.page(2, "x").await.unwrap_err().code(), tonic::Code::InvalidArgument);
    assert_eq!(house.page(501, "").await.unwrap_err().code(), tonic::Code::ResourceExhausted);
    house.stop().await;
}

async fn many_events_are_each_told_once(store: Store) {
    let receiver = WebhookReceiver::start().await;
    receiver.fail_next(30);
    let house = store.start(vec![store.receiver("ops", &receiver)], 8, 10).await;
    let events: Vec<_> = (0..200).map(|at| house::detected(&format!("web{at}"))).collect();
    house::publish_all(&house, &events).await;
    assert_eq!(house.settled(200).await.len(), 200);
    house.stop().await;
    let accepted = receiver.received().into_iter().filter(|hook| hook.accepted).count();
    assert_eq!((accepted, receiver.ids().len(), receiver.received().len()), (200, 200, 230));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_notifiers_on_one_store_tell_each_event_once() {
    let (store, receiver) = (Store::postgres().await, WebhookReceiver::start().await);
    receiver.fail_next(20);
    let one = store.start(vec![store.receiver("ops", &receiver)], 8, 10).await;
    let two = store.start(vec![store.receiver("ops", &receiver)], 8, 10).await;
    let events: Vec<_> = (0..100).map(|at| house::detected(&format!("web{at}"))).collect();
    tokio::join!(house::publish_all(&one, &events), house::publish_all(&two, &events));
    assert_eq!(one.settled(100).await.len(), 100);
    one.stop().await;
    two.stop().await;
    assert_eq!((receiver.ids().len(), receiver.received().len()), (100, 120));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_notifier_had_in_hand_is_sent_by_another() {
    let (store, silent) = (Store::postgres().await, Scripted::start(Answer::Nothing).await);
    let receiver = WebhookReceiver::start().await;
    let one = store.start(vec![store.target("ops", &silent.url, Reach::Declared)], 8, 50).await;
    let two = store.start(vec![store.receiver("ops", &receiver)], 8, 50).await;
    one.bus.publish(&house::detected("web")).await.unwrap();
    let request = silent.request(SOON).await;
    one.crash().await;
    let hook = receiver.wait_for("incident_detected", |_| true, LEASE_ENDED).await;
    assert!(request.contains(&format!("webhook-id: {}\r\n", hook.id)), "{request}");
    let told = two.settled(1).await;
    assert_eq!((told[0].state(), told[0].attempts), (DeliveryState::Delivered, 1));
    two.stop().await;
}
