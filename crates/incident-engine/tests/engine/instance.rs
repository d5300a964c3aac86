//! One running incident engine with a bus of its own, and what it can be told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use overseer_bus::{Bus, InProcess};
use overseer_contract::v1::incident_service_client::IncidentServiceClient;
use overseer_contract::{Event, EventPayload, to_timestamp, v1 as pb};
use overseer_incident_engine::{IncidentEngineConfig, MIGRATIONS, build};
use overseer_model::{
    Action, AfterExit, Epoch, ExitCause, Fact, FactId, FactSource, Observation, PlanId, ResourceRef, Role, ServiceName,
    StepId, Timestamp,
};
use overseer_runtime::{Base, Consumers, Health, Keyring, Peers, Person, Relay, Upstream, run_until_stopped};
use overseer_storage::{Db, Location, audit, parked};
use tokio_util::sync::CancellationToken;

pub const SOON: Duration = Duration::from_secs(30);

/// Where the tables are.
pub enum Store {
    Sqlite(tempfile::TempDir),
    Postgres(String),
}

impl Store {
    fn location(&self) -> Location {
        match self {
            Self::Sqlite(folder) => Location::Sqlite { folder: folder.path().to_owned() },
            Self::Postgres(address) => Location::Postgres { address: address.clone() },
        }
    }
}

pub struct Instance {
    bus: InProcess,
    db: Db,
    peers: Peers,
    keyring: Keyring,
    stop: CancellationToken,
}

impl Instance {
    pub async fn start(store: &Store, quiet_s: u32) -> Self {
        let service = ServiceName::IncidentEngine;
        let db = Db::open(&store.location(), service, MIGRATIONS).await.unwrap();
        let (bus, stop) = (InProcess::new(), CancellationToken::new());
        let keyring = Keyring::in_memory("test".parse().unwrap()).unwrap();
        let peers = Peers::new(keyring.credential(service).unwrap(), &HashMap::new()).unwrap();
        let base = Base {
            service,
            site: "home".parse().unwrap(),
            db: db.clone(),
            bus: Arc::new(bus.clone()),
            peers: peers.clone(),
            relay: Relay::default(),
            health: Health::default(),
            consumers: Consumers::default(),
            stop: stop.clone(),
        };
        let config = IncidentEngineConfig { loop_exits: 5, loop_window_s: 600, quiet_s };
        let service = build(base, config).await.unwrap();
        tokio::spawn(run_until_stopped(vec![service], vec![], stop.clone()));
        Self { bus, db, peers, keyring, stop }
    }

    /// Publishes, which on this bus waits until the event was applied.
    pub async fn tell<P: EventPayload>(&self, key: &str, payload: &P) -> Event {
        let event = event(key, payload);
        self.again(&event).await;
        event
    }

    pub async fn again(&self, event: &Event) {
        tokio::time::timeout(SOON, self.bus.publish(event)).await.expect("it is applied in time").unwrap();
    }

    pub async fn facts(&self, epoch: Epoch, facts: Vec<pb::Fact>) -> Event {
        let batch = batch(epoch, facts);
        self.again(&batch).await;
        batch
    }

    /// A container crashes; the id of its incident.
    pub async fn crashed(&self, name: &str) -> String {
        self.facts(Epoch::fresh(), vec![fact(1, name, crash(AfterExit::StaysDown))]).await;
        self.incidents().await.remove(0).id
    }

    /// As the gateway asks for a person.
    pub fn client(&self) -> IncidentServiceClient<Upstream> {
        let person = Person { name: "token:ana".to_owned(), roles: vec![Role::Viewer] };
        let credential = |service| self.keyring.credential(service).unwrap();
        let assertion = credential(ServiceName::Identity).assert(person, Timestamp::now());
        let gateway = self.peers.of(credential(ServiceName::Gateway));
        IncidentServiceClient::new(gateway.on_behalf(ServiceName::IncidentEngine, &assertion))
    }

    /// Newest first.
    pub async fn incidents(&self) -> Vec<pb::Incident> {
        self.client().list_incidents(pb::ListIncidentsRequest::default()).await.unwrap().into_inner().incidents
    }

    pub async fn story(&self, incident: &str) -> pb::Narrative {
        let request = pb::GetIncidentRequest { id: incident.to_owned() };
        self.client().get_incident(request).await.unwrap().into_inner().narrative.unwrap()
    }

    pub async fn parked(&self) -> i64 {
        let mut reader = self.db.reader().await.unwrap();
        parked::count(&mut reader.conn()).await.unwrap()
    }

    /// How often this is in the audit chain.
    pub async fn audited(&self, action: &str) -> usize {
        let mut reader = self.db.reader().await.unwrap();
        let entries = audit::list(&mut reader.conn(), None, 100).await.unwrap();
        entries.into_iter().filter(|entry| entry.action == action).count()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub fn event<P: EventPayload>(key: &str, payload: &P) -> Event {
    Event::new("home".parse().unwrap(), key, Timestamp::now(), None, payload).unwrap()
}

pub fn batch(epoch: Epoch, facts: Vec<pb::Fact>) -> Event {
    event("facts", &pb::FactBatch { epoch: epoch.to_string(), facts })
}

fn resource(name: &str) -> ResourceRef {
    ResourceRef { key: format!("home/docker://local/id-of-{name}").parse().unwrap(), name: name.to_owned() }
}

pub fn crash(after: AfterExit) -> Observation {
    Observation::Exit { code: 1, cause: ExitCause::Own, after }
}

pub fn fact(sequence: u64, name: &str, observation: Observation) -> pb::Fact {
    let (id, observed_at, source) = (FactId::fresh(), Timestamp::now(), FactSource::Event);
    Fact { id, sequence, resource: resource(name), observed_at, source, observation }.into()
}

fn subject(incident: &str) -> pb::Subject {
    pb::Subject { of: Some(pb::subject::Of::IncidentId(incident.to_owned())) }
}

fn restart() -> pb::Action {
    Action::RestartResource { target: resource("web") }.into()
}

pub fn step(incident: &str) -> pb::StepRef {
    pb::StepRef {
        step_id: StepId::fresh().to_string(),
        plan_id: PlanId::fresh().to_string(),
        subject: Some(subject(incident)),
        attempt: 1,
        action: Some(restart()),
    }
}

pub fn verified(incident: &str, verdict: pb::Verdict) -> pb::StepVerified {
    let now = Some(to_timestamp(Timestamp::now()));
    let verification = pb::Verification { verdict: verdict.into(), from: now, until: now, ..Default::default() };
    pb::StepVerified { step: Some(step(incident)), verification: Some(verification) }
}

/// A plan of one restart, verified where it succeeded.
pub fn plan(incident: &str, state: pb::PlanState) -> pb::Plan {
    let verdict = (state == pb::PlanState::Succeeded).then_some(pb::Verdict::Passed.into());
    pb::Plan {
        id: PlanId::fresh().to_string(),
        subject: Some(subject(incident)),
        state: state.into(),
        title: "restart web".to_owned(),
        steps: vec![pb::Step { action: Some(restart()), verdict, ..Default::default() }],
        ..Default::default()
    }
}
