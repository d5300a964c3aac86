//! Facts are applied once and in order, on both engines; what is missing is recorded.

use std::collections::HashMap;
use std::time::Duration;

use overseer_bus::InProcess;
use overseer_model::{AfterExit, ExitCause, FactId, FactSource, ResourceRef, ServiceName};
use overseer_runtime::{Consumers, Health, Keyring, Page, Peers, Relay};
use overseer_storage::{Db, Location};
use overseer_testkit::Postgres;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::MIGRATIONS;

const THRESHOLDS: Thresholds = Thresholds { loop_exits: 5, loop_window: Duration::from_secs(600) };

pub async fn consumer(location: &Location) -> FactConsumer {
    let service = ServiceName::IncidentEngine;
    let keyring = Keyring::in_memory("test".parse().unwrap()).unwrap();
    let base = Base {
        service,
        site: "home".parse().unwrap(),
        db: Db::open(location, service, MIGRATIONS).await.unwrap(),
        bus: Arc::new(InProcess::new()),
        peers: Peers::new(keyring.credential(service).unwrap(), &HashMap::new()).unwrap(),
        relay: Relay::default(),
        health: Health::default(),
        consumers: Consumers::default(),
        stop: CancellationToken::new(),
    };
    FactConsumer { base, thresholds: THRESHOLDS, changed: Arc::default() }
}

/// A batch of crashes, each of a container of its own.
pub fn batch(epoch: Epoch, sequences: std::ops::RangeInclusive<u64>) -> Event {
    let crash = Observation::Exit { code: 1, cause: ExitCause::Own, after: AfterExit::StaysDown };
    event(epoch, sequences.map(|sequence| fact(sequence, sequence, crash)).collect())
}

/// A batch of one fact about container `number`.
pub fn told(epoch: Epoch, sequence: u64, number: u64, observation: Observation) -> Event {
    event(epoch, vec![fact(sequence, number, observation)])
}

fn fact(sequence: u64, number: u64, observation: Observation) -> pb::Fact {
    let key = format!("home/docker://local/c{number}").parse().unwrap();
    let resource = ResourceRef { key, name: format!("web{number}") };
    let (id, observed_at, source) = (FactId::fresh(), Timestamp::now(), FactSource::Event);
    Fact { id, sequence, resource, observed_at, source, observation }.into()
}

fn event(epoch: Epoch, facts: Vec<pb::Fact>) -> Event {
    let batch = FactBatch { epoch: epoch.to_string(), facts };
    Event::new("home".parse().unwrap(), "facts", Timestamp::now(), None, &batch).unwrap()
}

/// The names of the resources with an incident, in the order of their opening.
async fn incidents(consumer: &FactConsumer) -> Vec<String> {
    let mut reader = consumer.base.db.reader().await.unwrap();
    let all = store::list(&mut reader.conn(), None, &Page { after: None, size: 100 }).await.unwrap();
    all.into_iter().rev().map(|stored| stored.incident.resource.name).collect()
}

async fn missing(consumer: &FactConsumer) -> Vec<String> {
    let mut reader = consumer.base.db.reader().await.unwrap();
    let entries = audit::list(&mut reader.conn(), None, 100).await.unwrap();
    entries.into_iter().filter(|entry| entry.action == "facts.missing").map(|entry| entry.detail).collect()
}

async fn applies_each_fact_once_and_records_what_is_missing(location: &Location) {
    let (consumer, epoch) = (consumer(location).await, Epoch::fresh());
    // The first batch of a collector may begin anywhere.
    for batch in [batch(epoch, 3..=4), batch(epoch, 3..=4), batch(epoch, 4..=5)] {
        consumer.apply(&batch).await.unwrap();
    }
    assert_eq!((incidents(&consumer).await, missing(&consumer).await), (web([3, 4, 5]), vec![]));
    // Another store has a sequence of its own.
    consumer.apply(&batch(Epoch::fresh(), 1..=1)).await.unwrap();
    consumer.apply(&batch(epoch, 9..=9)).await.unwrap();
    consumer.apply(&batch(epoch, 9..=10)).await.unwrap();
    assert_eq!(incidents(&consumer).await, web([3, 4, 5, 1, 9, 10]));
    assert_eq!(missing(&consumer).await, ["after 5, missing 3"], "it is recorded once");
}

async fn replays_what_is_not_too_late_and_says_so_when_it_is(location: &Location) {
    let (consumer, epoch) = (consumer(location).await, Epoch::fresh());
    let [first, parked, newer] = [1..=1, 2..=3, 4..=4].map(|sequences| batch(epoch, sequences));
    consumer.apply(&first).await.unwrap();
    consumer.replay(&parked).await.unwrap();
    assert_eq!(incidents(&consumer).await, web([1, 2, 3]));

    let late = batch(epoch, 5..=5);
    consumer.apply(&newer).await.unwrap();
    consumer.apply(&batch(epoch, 6..=6)).await.unwrap();
    let refused = consumer.replay(&late).await.unwrap_err();
    assert!(matches!(refused, ApplyError::Superseded), "{refused}");
    consumer.apply(&late).await.unwrap();
    assert_eq!(incidents(&consumer).await, web([1, 2, 3, 4, 6]), "it would tell of a state that is over");
}

async fn two_that_apply_the_same_facts_at_once_open_one_incident_for_each(location: &Location) {
    let (one, epoch) = (consumer(location).await, Epoch::fresh());
    let two = FactConsumer { base: one.base.clone(), thresholds: THRESHOLDS, changed: Arc::default() };
    let batches: Vec<Event> = (1..=20).map(|number| batch(epoch, number..=number)).collect();
    let in_order = async |consumer: &FactConsumer| {
        for batch in &batches {
            consumer.apply(batch).await.unwrap();
        }
    };
    tokio::join!(in_order(&one), in_order(&two));
    assert_eq!(incidents(&one).await, (1..=20).map(|number| format!("web{number}")).collect::<Vec<_>>());
    assert_eq!(missing(&one).await, Vec::<String>::new());
}

fn web<const N: usize>(numbers: [u64; N]) -> Vec<String> {
    numbers.map(|number| format!("web{number}")).into()
}

macro_rules! on_both_engines {
    ($($case:ident)*) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $case() {
                let folder = tempfile::tempdir().unwrap();
                super::$case(&super::Location::Sqlite { folder: folder.path().to_owned() }).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test]
            async fn $case() {
                let address = super::Postgres::shared().await.scratch_url().await;
                super::$case(&super::Location::Postgres { address }).await;
            })*
        }
    };
}

on_both_engines! {
    applies_each_fact_once_and_records_what_is_missing
    replays_what_is_not_too_late_and_says_so_when_it_is
    two_that_apply_the_same_facts_at_once_open_one_incident_for_each
}

#[test]
fn only_a_jump_in_a_sequence_that_was_begun_is_a_gap() {
    assert_eq!([gap(0, 1), gap(0, 90), gap(5, 6), gap(5, 3)], [None; 4]);
    assert_eq!((gap(5, 7), gap(1, 101)), (Some(1), Some(99)));
}
