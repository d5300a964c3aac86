//! Each service's NATS user tries what is not its own, and the server refuses it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use async_nats::jetstream;
use async_nats::{Client, ConnectOptions, Event as Connection};
use futures::StreamExt;
use overseer_bus::{Bus, JetStream, JetStreamOptions, Login, authorization};
use overseer_contract::subject_of;
use overseer_model::{EventKind, ServiceName, Site};
use overseer_testkit::{Nats, OWN_USER, until};

use crate::support::{Recorder, Running, SOON, durable, event};

fn site() -> Site {
    "nas-1".parse().unwrap()
}

fn passwords() -> HashMap<ServiceName, String> {
    ServiceName::ALL.into_iter().map(|service| (service, format!("of-{service}"))).collect()
}

async fn guarded() -> Nats {
    Nats::with_users(&authorization(&site(), &passwords())).await
}

fn options(nats: &Nats, service: ServiceName) -> JetStreamOptions {
    let login = Some(Login { service, password: format!("of-{service}") });
    JetStreamOptions { login, ..JetStreamOptions::new(nats.url()) }
}

/// A connection of a service's user without Overseer's code, and what the server refused it.
struct Attacker {
    client: Client,
    refused: Arc<Mutex<Vec<String>>>,
}

impl Attacker {
    async fn new(nats: &Nats, service: ServiceName) -> Self {
        let refused = Arc::new(Mutex::new(Vec::new()));
        let heard = refused.clone();
        let client = ConnectOptions::with_user_and_password(service.snake().into(), format!("of-{service}"))
            .event_callback(move |event| {
                if let Connection::ServerError(error) = event {
                    heard.lock().unwrap().push(error.to_string());
                }
                async {}
            })
            .connect(nats.url())
            .await
            .unwrap();
        Self { client, refused }
    }

    /// Those of the subjects that the server refused, to publish or to subscribe.
    async fn refused_of(&self, tried: &[String], expected: usize) -> BTreeSet<String> {
        self.client.flush().await.unwrap();
        let named = |subject: &String, errors: &[String]| {
            let quoted = format!("\"{}\"", subject.to_lowercase());
            errors.iter().any(|error| error.to_lowercase().contains(&quoted))
        };
        let refused = || {
            let errors = self.refused.lock().unwrap().clone();
            tried.iter().filter(|subject| named(subject, &errors)).cloned().collect::<BTreeSet<_>>()
        };
        until(&format!("{expected} refusals"), SOON, async || (refused().len() >= expected).then_some(())).await;
        refused()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_publishes_its_own_kinds_and_no_other() {
    let nats = guarded().await;
    // Makes the streams.
    JetStream::connect(options(&nats, ServiceName::ControlPlane)).await.unwrap();
    let subjects: Vec<_> = EventKind::ALL.iter().map(|kind| (*kind, subject_of(*kind, "nas-1"))).collect();
    for service in ServiceName::ALL {
        let attacker = Attacker::new(&nats, service).await;
        for (_, subject) in &subjects {
            attacker.client.publish(subject.clone(), service.as_str().into()).await.unwrap();
        }
        let foreign: Vec<_> = subjects.iter().filter(|(kind, _)| kind.publisher() != service).collect();
        let foreign: Vec<_> = foreign.into_iter().map(|(_, subject)| subject.clone()).collect();
        let tried: Vec<_> = subjects.iter().map(|(_, subject)| subject.clone()).collect();
        let refused = attacker.refused_of(&tried, foreign.len()).await;
        assert_eq!(refused, foreign.into_iter().collect(), "{service}");
    }
    // What arrived, as the server has it: one of each kind, from its publisher.
    let admin = ConnectOptions::with_user_and_password(OWN_USER.into(), OWN_USER.into());
    let context = jetstream::new(admin.connect(nats.url()).await.unwrap());
    for (kind, subject) in subjects {
        let name = ["FACTS", "EVENTS", "STEPS"][kind.stream() as usize];
        let stream = context.get_stream(name).await.unwrap();
        let message = until(&subject, SOON, async || stream.get_last_raw_message_by_subject(&subject).await.ok()).await;
        assert_eq!(message.payload, kind.publisher().as_str().as_bytes(), "{kind}");
    }
    let mut all = 0;
    for name in ["FACTS", "EVENTS", "STEPS"] {
        all += context.get_stream(name).await.unwrap().cached_info().state.messages;
    }
    assert_eq!(all, u64::try_from(EventKind::ALL.len()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_neither_destroys_nor_reads_what_is_not_its_own() {
    let nats = guarded().await;
    JetStream::connect(options(&nats, ServiceName::ControlPlane)).await.unwrap();
    let forbidden = [
        "$JS.API.STREAM.DELETE.EVENTS",
        "$JS.API.STREAM.PURGE.STEPS",
        "$JS.API.STREAM.MSG.DELETE.EVENTS",
        "$JS.API.DIRECT.GET.STEPS",
        "$JS.API.CONSUMER.DELETE.EVENTS.control_plane_incidents",
        "$JS.API.CONSUMER.CREATE.STEPS.thief",
        "$JS.API.CONSUMER.MSG.NEXT.EVENTS.thief",
        "$JS.ACK.EVENTS.thief.1.1.1.1.0",
    ];
    for service in ServiceName::ALL {
        let attacker = Attacker::new(&nats, service).await;
        let mut tried: Vec<String> = forbidden.map(str::to_owned).to_vec();
        if service != ServiceName::ControlPlane {
            tried.push("$JS.API.STREAM.UPDATE.EVENTS".to_owned());
            // Tickets are seen by their executor, and by who writes them.
            tried.push("$JS.API.STREAM.MSG.GET.STEPS".to_owned());
            tried.push("$JS.API.CONSUMER.MSG.NEXT.EVENTS.control_plane_incidents".to_owned());
        }
        if service != ServiceName::Executor {
            tried.push("$JS.API.CONSUMER.MSG.NEXT.STEPS.executor_steps_nas-1".to_owned());
        }
        for subject in &tried {
            attacker.client.publish(subject.clone(), "{}".into()).await.unwrap();
        }
        let mut listened = vec![">".to_owned(), "_INBOX.>".to_owned(), "$JS.API.>".to_owned()];
        listened
            .extend(ServiceName::ALL.into_iter().filter(|s| *s != service).map(|s| format!("_INBOX_{}.>", s.snake())));
        if service != ServiceName::Gateway {
            listened.push("overseer.>".to_owned());
        }
        let mut held = Vec::new();
        for subject in &listened {
            held.push(attacker.client.subscribe(subject.clone()).await.unwrap());
        }
        tried.extend(listened);
        let refused = attacker.refused_of(&tried, tried.len()).await;
        assert_eq!(refused, tried.into_iter().collect(), "{service}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_hears_what_it_shows_and_no_ticket() {
    let nats = guarded().await;
    let control_plane = JetStream::connect(options(&nats, ServiceName::ControlPlane)).await.unwrap();
    let gateway = JetStream::connect(options(&nats, ServiceName::Gateway)).await.unwrap();
    let mut heard = gateway.watch().await.unwrap();
    for kind in [EventKind::StepDispatched, EventKind::PlanReady] {
        control_plane.publish(&event(kind, "nas-1", "k", "{}")).await.unwrap();
    }
    assert_eq!(heard.next().await.unwrap().kind, EventKind::PlanReady);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_works_with_its_own_user_also_after_the_server_lost_its_store() {
    let nats = guarded().await;
    // The first to come is not the one that keeps the streams.
    let engine = JetStream::connect(options(&nats, ServiceName::IncidentEngine)).await.unwrap();
    let collector = JetStream::connect(options(&nats, ServiceName::Collector)).await.unwrap();
    let recorder = Recorder::done();
    let facts = durable(ServiceName::IncidentEngine, &[EventKind::FactBatch], None);
    let running = Running::start(&engine, facts, recorder.clone()).await;
    let send = async |data: &str| {
        let fact = event(EventKind::FactBatch, "nas-1", "k", data);
        until("the fact is stored", SOON, async || collector.publish(&fact).await.ok()).await;
        until("the fact arrives", SOON, async || recorder.seen().iter().find(|seen| seen.data == data).map(drop)).await;
    };
    send("1").await;
    nats.lose_store().await;
    send("2").await;
    running.stop().await;

    // A collector speaks of its own site only.
    let away = event(EventKind::FactBatch, "nas-2", "k", "{}");
    assert!(collector.publish(&away).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_without_a_password_or_with_anothers() {
    let nats = guarded().await;
    assert!(JetStream::connect(JetStreamOptions::new(nats.url())).await.is_err());
    let login = Some(Login { service: ServiceName::ControlPlane, password: "of-notifier".to_owned() });
    assert!(JetStream::connect(JetStreamOptions { login, ..JetStreamOptions::new(nats.url()) }).await.is_err());
}
