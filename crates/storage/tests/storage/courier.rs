//! Outbox, inbox, and what was put aside.

use overseer_contract::Event;
use overseer_storage::inbox::Sight;
use overseer_storage::outbox::Again;
use overseer_storage::{Db, audit, inbox, outbox, parked};

use crate::place::{Place, at, event, read, write};

async fn put(db: &Db, events: &[Event]) {
    write(db, async |conn| {
        for event in events {
            outbox::put(conn, event).await?;
        }
        Ok(())
    })
    .await;
}

async fn waiting(db: &Db) -> Vec<Event> {
    read(db, async |conn| outbox::waiting(conn, None, 100).await).await
}

pub async fn keeps_no_event_of_a_transaction_that_was_rolled_back(place: &Place) {
    let db = place.open().await;
    let mut tx = db.begin_write().await.unwrap();
    outbox::put(&mut tx.conn(), &event("a")).await.unwrap();
    drop(tx);
    assert_eq!(waiting(&db).await, []);
}

pub async fn gives_events_back_exactly_and_in_the_order_of_their_making(place: &Place) {
    let db = place.open().await;
    let mut events: Vec<Event> = ["b", "a", "b", "c"].map(event).to_vec();
    events[2].trace = None;
    // The clock went back meanwhile.
    events[3].at = at(1);
    events[3].data = r#"{"text":"ünï ☃ \" ' $1 \u0000"}"#.to_owned();
    for made in [&events[2], &events[0], &events[3], &events[1]] {
        put(&db, std::slice::from_ref(made)).await;
    }
    assert_eq!(waiting(&db).await, events);
    let two = read(&db, async |conn| outbox::waiting(conn, None, 2).await).await;
    assert_eq!(two, events[..2]);
    let rest = read(&db, async |conn| outbox::waiting(conn, Some(events[1].id), 100).await).await;
    assert_eq!(rest, events[2..]);
}

pub async fn gives_an_event_until_it_was_sent_and_all_again_when_asked(place: &Place) {
    let db = place.open().await;
    let events = ["a", "b", "c"].map(event);
    put(&db, &events).await;
    write(&db, async |conn| outbox::mark_relayed(conn, &events[..2], at(1)).await).await;
    assert_eq!(waiting(&db).await, events[2..]);
    assert_eq!(
        write(&db, async |conn| outbox::send_again(conn, Again::All, at(0)).await).await,
        2,
        "only what was sent"
    );
    assert_eq!(waiting(&db).await, events);
}

pub async fn sends_again_what_was_sent_since_and_nothing_that_consumers_may_have_forgotten(place: &Place) {
    let db = place.open().await;
    let events = ["a", "b", "c"].map(event);
    put(&db, &events).await;
    for (second, event) in (1..).zip(&events) {
        write(&db, async |conn| outbox::mark_relayed(conn, std::slice::from_ref(event), at(second)).await).await;
    }
    assert_eq!(read(&db, async |conn| outbox::last_sent(conn).await).await, Some(at(3)));
    let again = |which, remembered| {
        let db = db.clone();
        async move { write(&db, async |conn| outbox::send_again(conn, which, remembered).await).await }
    };
    assert_eq!(again(Again::SentSince(at(2)), at(0)).await, 2);
    assert_eq!(waiting(&db).await, events[1..]);
    write(&db, async |conn| outbox::mark_relayed(conn, &events[1..], at(9)).await).await;
    // Sent at 9 once more, but first at 2 and 3.
    assert_eq!(again(Again::All, at(3)).await, 1);
    assert_eq!(waiting(&db).await, events[2..]);
}

pub async fn forgets_sent_events_by_their_first_sending_and_keeps_waiting_ones(place: &Place) {
    let db = place.open().await;
    let [early, late, again, never] = ["a", "b", "c", "d"].map(event);
    put(&db, &[early.clone(), late.clone(), again.clone(), never.clone()]).await;
    let mark = async |events: &[Event], second| {
        write(&db, async |conn| outbox::mark_relayed(conn, events, at(second)).await).await;
    };
    mark(&[early.clone(), again.clone()], 1).await;
    mark(std::slice::from_ref(&late), 2).await;
    write(&db, async |conn| outbox::send_again(conn, Again::SentSince(at(1)), at(0)).await).await;
    mark(&[early, late.clone()], 3).await;
    write(&db, async |conn| outbox::prune(conn, at(2)).await).await;
    // Sending it again made the first no younger.
    write(&db, async |conn| outbox::send_again(conn, Again::All, at(0)).await).await;
    assert_eq!(waiting(&db).await, [late, again, never]);
}

pub async fn sees_an_event_first_once(place: &Place) {
    let db = place.open().await;
    let [one, other] = ["a", "a"].map(event);
    let mut sights = Vec::new();
    for event in [&one, &one, &other, &one] {
        sights.push(write(&db, async |conn| inbox::see(conn, event.id, at(1)).await).await);
    }
    assert_eq!(sights, [Sight::First, Sight::Repeated, Sight::First, Sight::Repeated]);
}

pub async fn sees_an_event_first_again_when_applying_it_failed(place: &Place) {
    let db = place.open().await;
    let event = event("a");
    let mut tx = db.begin_write().await.unwrap();
    assert_eq!(inbox::see(&mut tx.conn(), event.id, at(1)).await.unwrap(), Sight::First);
    drop(tx);
    assert_eq!(write(&db, async |conn| inbox::see(conn, event.id, at(1)).await).await, Sight::First);
}

pub async fn only_one_of_many_sees_an_event_first(place: &Place) {
    let dbs = [place.open().await, place.open().await];
    for _ in 0..5 {
        let id = event("a").id;
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..8 {
            let db = dbs[task % 2].clone();
            tasks.spawn(async move { write(&db, async |conn| inbox::see(conn, id, at(1)).await).await });
        }
        let firsts = tasks.join_all().await.into_iter().filter(|sight| *sight == Sight::First).count();
        assert_eq!(firsts, 1);
    }
}

pub async fn forgets_what_was_seen_long_ago(place: &Place) {
    let db = place.open().await;
    let [early, late] = ["a", "b"].map(event);
    write(&db, async |conn| inbox::see(conn, early.id, at(1)).await).await;
    write(&db, async |conn| inbox::see(conn, late.id, at(2)).await).await;
    write(&db, async |conn| inbox::prune(conn, at(2)).await).await;
    assert_eq!(write(&db, async |conn| inbox::see(conn, late.id, at(3)).await).await, Sight::Repeated);
    assert_eq!(write(&db, async |conn| inbox::see(conn, early.id, at(3)).await).await, Sight::First);
}

pub async fn counts_each_event_that_was_put_aside_once(place: &Place) {
    let db = place.open().await;
    assert_eq!(read(&db, async |conn| parked::count(conn).await).await, 0);
    let [one, other] = ["a", "b"].map(event);
    for event in [&one, &one, &other] {
        write(&db, async |conn| parked::park(conn, event, "does not read", at(1)).await).await;
    }
    assert_eq!(read(&db, async |conn| parked::count(conn).await).await, 2);
}

pub async fn keeps_all_of_a_parked_event_until_it_is_removed_or_too_old(place: &Place) {
    let db = place.open().await;
    let [one, other] = ["a", "b"].map(event);
    write(&db, async |conn| parked::park(conn, &one, "broken", at(1)).await).await;
    write(&db, async |conn| parked::park(conn, &other, "broken too", at(5)).await).await;
    let found = read(&db, async |conn| parked::find(conn, one.id).await).await.unwrap();
    assert_eq!((&found.event, found.error.as_str(), found.parked_at), (&one, "broken", at(1)));
    let listed = read(&db, async |conn| parked::list(conn, &one.id.to_string(), 10).await).await;
    assert_eq!(listed.into_iter().map(|parked| parked.event).collect::<Vec<_>>(), std::slice::from_ref(&other));
    assert!(write(&db, async |conn| parked::remove(conn, one.id).await).await);
    assert!(!write(&db, async |conn| parked::remove(conn, one.id).await).await);
    write(&db, async |conn| parked::prune(conn, at(5)).await).await;
    assert_eq!(read(&db, async |conn| parked::count(conn).await).await, 1);
    write(&db, async |conn| parked::prune(conn, at(6)).await).await;
    assert_eq!(read(&db, async |conn| parked::count(conn).await).await, 0);
}

pub async fn replaces_nul_in_text(place: &Place) {
    let db = place.open().await;
    write(&db, async |conn| {
        parked::park(conn, &event("a"), "bad\0text", at(1)).await?;
        outbox::put(conn, &event("docker/ct\0x")).await?;
        let record = audit::Record { at: at(1), actor: "m\0", action: "a\0", object: "\0o", detail: "\0" };
        audit::append(conn, &record).await
    })
    .await;
    assert_eq!(waiting(&db).await[0].key, "docker/ct\u{fffd}x");
    let entry = read(&db, async |conn| audit::list(conn, None, 1).await).await.remove(0);
    let texts = [entry.actor, entry.action, entry.object, entry.detail];
    assert_eq!(texts, ["m\u{fffd}", "a\u{fffd}", "\u{fffd}o", "\u{fffd}"]);
    let check = read(&db, async |conn| audit::verify(conn).await).await;
    assert!(matches!(check, audit::Check::Intact { entries: 1, .. }), "{check:?}");
}
