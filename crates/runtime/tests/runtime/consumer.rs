//! An event has its effect once, and one that cannot be applied does not stop the others.

use std::sync::Arc;

use overseer_bus::{Bus, InProcess};
use overseer_contract::v1::own_parked_service_client::OwnParkedServiceClient;
use overseer_contract::{Event, v1};
use overseer_model::ServiceName;
use overseer_runtime::ApplyError;
use overseer_storage::StoreError;
use overseer_testkit::until;

use crate::house::{Counter, House, SOON, event};

#[tokio::test]
async fn an_event_delivered_twice_has_one_effect() {
    let bus = InProcess::new();
    let house = House::new(Arc::new(bus.clone())).await;
    let counter = Counter::new(&house);
    let _running = house.run(counter.clone(), vec![]).await;
    let event = event("key");
    for _ in 0..3 {
        publish(&bus, &event).await;
    }
    assert_eq!((counter.deliveries(event.id), house.effects("key").await), (3, 1));
}

#[tokio::test]
async fn an_event_that_fails_five_times_is_parked_and_the_stream_goes_on() {
    parks(|| Err(ApplyError::Store(StoreError::Corrupt { what: "plan" }))).await;
}

#[tokio::test]
async fn an_event_that_panics_five_times_is_parked_and_the_stream_goes_on() {
    parks(|| panic!("a poison event")).await;
}

async fn parks(fail: fn() -> Result<(), ApplyError>) {
    let bus = InProcess::new();
    let house = House::new(Arc::new(bus.clone())).await;
    let (poison, next) = (event("key"), event("key"));
    let id = poison.id;
    let counter = Counter::failing(&house, move |event, _| if event.id == id { fail() } else { Ok(()) });
    let _running = house.run(counter.clone(), vec![]).await;
    publish(&bus, &poison).await;
    assert_eq!((counter.deliveries(id), house.parked().await, house.effects("key").await), (5, 1, 0));
    publish(&bus, &next).await;
    assert_eq!((house.parked().await, house.effects("key").await), (1, 1));
}

#[tokio::test]
async fn an_event_that_fails_less_often_has_its_effect_once() {
    let bus = InProcess::new();
    let house = House::new(Arc::new(bus.clone())).await;
    let counter = Counter::failing(&house, |_, attempt| match attempt {
        1..=4 => Err(ApplyError::Store(StoreError::Corrupt { what: "plan" })),
        _ => Ok(()),
    });
    let _running = house.run(counter.clone(), vec![]).await;
    publish(&bus, &event("key")).await;
    assert_eq!((house.parked().await, house.effects("key").await), (0, 1));
}

#[tokio::test]
async fn an_outage_is_waited_for_and_parks_nothing() {
    let bus = InProcess::new();
    let house = House::new(Arc::new(bus.clone())).await;
    let counter = Counter::failing(&house, |_, attempt| match attempt {
        1..=5 => Err(ApplyError::Peer("the control plane is away".into())),
        _ => Ok(()),
    });
    let _running = house.run(counter.clone(), vec![]).await;
    let event = event("key");
    publish(&bus, &event).await;
    assert_eq!((counter.deliveries(event.id), house.parked().await, house.effects("key").await), (6, 0, 1));
}

#[tokio::test]
async fn outages_in_between_are_no_tries() {
    let bus = InProcess::new();
    let house = House::new(Arc::new(bus.clone())).await;
    // Three failures and three outages in turn: less than five tries.
    let counter = Counter::failing(&house, |_, attempt| match attempt {
        1 | 3 | 5 => Err(ApplyError::Peer("away".into())),
        2 | 4 | 6 => Err(ApplyError::Store(StoreError::Corrupt { what: "plan" })),
        _ => Ok(()),
    });
    let _running = house.run(counter.clone(), vec![]).await;
    let event = event("key");
    publish(&bus, &event).await;
    assert_eq!((counter.deliveries(event.id), house.parked().await, house.effects("key").await), (7, 0, 1));
}

#[tokio::test]
async fn a_parked_event_is_replayed_once_it_can_be_applied_and_dropped_when_it_never_can() {
    let bus = InProcess::new();
    let house = House::new(Arc::new(bus.clone())).await;
    let (mended, poison) = (event("mended"), event("poison"));
    let counter = Counter::failing(&house, |event, attempt| match (event.key.as_str(), attempt) {
        ("mended", 7..) | ("poison", 6..) => Ok(()),
        _ => Err(ApplyError::Store(StoreError::Corrupt { what: "plan" })),
    });
    let _running = house.run(counter.clone(), vec![]).await;
    publish(&bus, &mended).await;
    publish(&bus, &poison).await;

    let control_plane = house.keyring.credential(ServiceName::ControlPlane).unwrap();
    let mut parked = OwnParkedServiceClient::new(house.base.peers.of(control_plane).to(house.base.service));
    let listed = parked.list_own_parked(v1::ListOwnParkedRequest::default()).await.unwrap().into_inner().events;
    let ids: Vec<_> = listed.into_iter().map(|event| event.id).collect();
    assert_eq!(ids, [mended.id.to_string(), poison.id.to_string()]);
    let replay = |event: &Event| v1::ReplayOwnParkedRequest { id: event.id.to_string() };
    let refused = parked.replay_own_parked(replay(&mended)).await.unwrap_err();
    assert!(refused.message().contains("remains parked"), "{refused}");
    parked.replay_own_parked(replay(&mended)).await.unwrap();
    assert_eq!((house.effects("mended").await, house.parked().await), (1, 1));
    // The bus has it still, and delivers it again: it had its effect.
    publish(&bus, &mended).await;
    assert_eq!(house.effects("mended").await, 1);

    parked.drop_own_parked(v1::DropOwnParkedRequest { id: poison.id.to_string() }).await.unwrap();
    assert_eq!((house.effects("poison").await, house.parked().await), (0, 0));
    assert!(parked.replay_own_parked(replay(&poison)).await.is_err(), "it is gone");
    // It could be applied by now, and the bus delivers it again; it was given up for good.
    publish(&bus, &poison).await;
    assert_eq!((house.effects("poison").await, house.parked().await), (0, 0));
}

#[tokio::test]
async fn a_consumer_that_fails_at_one_key_goes_on_with_others() {
    let house = House::new(Arc::new(InProcess::new())).await;
    let counter = Counter::failing(&house, |event, _| match event.key.as_str() {
        "stuck" => Err(ApplyError::Peer("away".into())),
        _ => Ok(()),
    });
    // Of sixteen keys at most a few share the lane of the stuck one.
    let mut events = vec![event("stuck"), event("stuck")];
    events.extend((0..16).map(|n| event(&format!("key {n}"))));
    house.commit(&events).await;
    let _running = house.run(counter.clone(), vec![]).await;
    until("most others have their effect", SOON, async || {
        let mut done = 0;
        for n in 0..16 {
            done += house.effects(&format!("key {n}")).await;
        }
        (done >= 8).then_some(())
    })
    .await;
    assert_eq!(house.effects("stuck").await, 0);
    assert_eq!(counter.deliveries(events[1].id), 0, "the order of a key is kept");
}

/// Publishes, which on this bus waits until the consumer is done with the event.
async fn publish(bus: &InProcess, event: &Event) {
    tokio::time::timeout(SOON, bus.publish(event)).await.expect("the consumer is done in time").unwrap();
}
