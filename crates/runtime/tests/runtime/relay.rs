//! What was committed is sent, whatever happens in between.

use std::sync::Arc;
use std::time::{Duration, Instant};

use overseer_bus::{InProcess, MAX_EVENT_BYTES, MAY_BE_LOST, Setback};
use overseer_model::Timestamp;
use overseer_testkit::until;

use crate::house::{Counter, House, Moody, SOON, event};

#[tokio::test]
async fn sends_what_was_committed_before_it_started_and_what_nobody_told_it_of() {
    let house = House::new(Arc::new(InProcess::new())).await;
    house.commit(&[event("before a crash")]).await;
    let running = house.run(Counter::new(&house), vec![]).await;
    effect(&house, "before a crash").await;
    house.commit(&[event("untold")]).await;
    effect(&house, "untold").await;
    until("all is marked as sent", SOON, async || (house.waiting().await == 0).then_some(())).await;
    house.base.stop.cancel();
    running.end().await.unwrap();
}

#[tokio::test]
async fn sends_again_at_its_start_what_was_sent_last_however_long_ago_that_was() {
    let bus = Arc::new(Moody::default());
    let house = House::new(bus.clone()).await;
    let (old, recent) = (event("old"), event("recent"));
    house.commit(&[old.clone(), recent.clone()]).await;
    // The whole machine was without power for an hour since.
    let minutes = |ago: u64| Timestamp::now() - Duration::from_secs(60 * ago);
    house.sent(&old, minutes(66)).await;
    house.sent(&recent, minutes(60)).await;
    let _running = house.run(Counter::new(&house), vec![]).await;
    effect(&house, "recent").await;
    until("all is marked as sent", SOON, async || (house.waiting().await == 0).then_some(())).await;
    assert_eq!((bus.times_published("old"), bus.times_published("recent")), (0, 1));
}

#[tokio::test]
async fn sends_at_once_when_woken() {
    let house = House::new(Arc::new(InProcess::new())).await;
    let _running = house.run(Counter::new(&house), vec![]).await;
    let begun = Instant::now();
    for round in 0..10 {
        let key = format!("round {round}");
        house.commit(&[event(&key)]).await;
        house.base.relay.wake();
        effect(&house, &key).await;
    }
    // The sweep, every 2 s, would need 18 s at least.
    assert!(begun.elapsed().as_secs() < 9, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn does_not_let_a_stuck_key_hold_up_another_however_much_waits_for_it() {
    let bus = Arc::new(Moody { silent: vec!["stuck"], ..Moody::default() });
    let house = House::new(bus.clone()).await;
    let many: Vec<_> = (0..2_100).map(|_| event("stuck")).collect();
    house.commit(&many).await;
    house.commit(&[event("free")]).await;
    let _running = house.run(Counter::new(&house), vec![]).await;
    effect(&house, "free").await;
    assert_eq!(bus.times_published("stuck"), 1, "the later ones wait for the first");
    until("the free one is marked", SOON, async || (house.waiting().await == many.len()).then_some(())).await;
}

#[tokio::test]
async fn asks_a_bus_that_refuses_again_but_not_without_pause() {
    let bus = Arc::new(Moody { refused: vec!["refused"], ..Moody::default() });
    let house = House::new(bus.clone()).await;
    let begun = Instant::now();
    house.commit(&[event("refused")]).await;
    let _running = house.run(Counter::new(&house), vec![]).await;
    // Neither wake-ups nor other traffic make it hurry.
    for round in 0..20 {
        let key = format!("round {round}");
        house.commit(&[event(&key)]).await;
        house.base.relay.wake();
        effect(&house, &key).await;
    }
    until("a second attempt", SOON, async || (bus.times_published("refused") >= 2).then_some(())).await;
    let sweeps = usize::try_from(begun.elapsed().as_secs() / 2).unwrap() + 2;
    assert!(bus.times_published("refused") <= sweeps, "{} in {sweeps} sweeps", bus.times_published("refused"));
}

#[tokio::test]
async fn gives_up_an_event_that_is_too_large_and_goes_on_with_its_key() {
    let house = House::new(Arc::new(InProcess::new())).await;
    let mut large = event("key");
    large.data = "x".repeat(MAX_EVENT_BYTES);
    house.commit(&[large, event("key")]).await;
    let _running = house.run(Counter::new(&house), vec![]).await;
    effect(&house, "key").await;
    until("nothing waits", SOON, async || (house.waiting().await == 0).then_some(())).await;
    assert_eq!(house.effects("key").await, 1);
}

#[tokio::test]
async fn sends_everything_again_to_a_bus_that_lost_its_data_and_nothing_happens_twice() {
    let bus = Arc::new(Moody::default());
    let house = House::new(bus.clone()).await;
    let events = ["a", "b", "a"].map(event);
    house.commit(&events).await;
    let counter = Counter::new(&house);
    let _running = house.run(counter.clone(), vec![]).await;
    until("all is sent", SOON, async || (house.waiting().await == 0).then_some(())).await;
    assert_eq!(bus.published.lock().unwrap().len(), 3);

    bus.begin_another_life();
    until("all is sent again", SOON, async || {
        (bus.published.lock().unwrap().len() == 6 && house.waiting().await == 0).then_some(())
    })
    .await;
    assert_eq!(events.each_ref().map(|event| counter.deliveries(event.id)), [2, 2, 2]);
    assert_eq!((house.effects("a").await, house.effects("b").await), (2, 1));
}

#[tokio::test]
async fn sends_again_what_a_bus_that_went_back_may_have_lost() {
    let bus = Arc::new(Moody::default());
    let house = House::new(bus.clone()).await;
    let (old, new) = (event("old"), event("new"));
    house.commit(&[old.clone(), new.clone()]).await;
    let now = Timestamp::now();
    house.sent(&old, now - MAY_BE_LOST - MAY_BE_LOST).await;
    house.sent(&new, now).await;
    // The start sends what was sent last before it.
    let counter = Counter::new(&house);
    let _running = house.run(counter.clone(), vec![]).await;
    effect(&house, "new").await;
    until("it is marked", SOON, async || (house.waiting().await == 0).then_some(())).await;
    assert_eq!((counter.deliveries(old.id), counter.deliveries(new.id)), (0, 1));

    *bus.setback.lock().unwrap() = Some(Setback { number: 1, since: now - MAY_BE_LOST });
    until("it is sent again", SOON, async || (counter.deliveries(new.id) == 2).then_some(())).await;
    *bus.setback.lock().unwrap() = Some(Setback { number: 2, since: now - 3 * MAY_BE_LOST });
    until("all of it is sent again", SOON, async || (counter.deliveries(old.id) == 1).then_some(())).await;
    until("it is marked", SOON, async || (house.waiting().await == 0).then_some(())).await;
    assert_eq!((house.effects("old").await, house.effects("new").await), (1, 1));
    assert_eq!(counter.deliveries(new.id), 3, "each setback once");
}

async fn effect(house: &House, key: &str) {
    until(key, SOON, async || (house.effects(key).await > 0).then_some(())).await;
}
