//! One executor process, its control plane and its platform; the process can be killed and started again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use overseer_bus::{Bus, Concern, Delivery, Durable, Handler, InProcess, Sites, Verdict};
use overseer_contract::v1::execution_service_client::ExecutionServiceClient;
use overseer_contract::{Event, EventPayload, v1};
use overseer_executor::{ExecutorConfig, MIGRATIONS, build};
use overseer_model::{
    Action, ApprovalId, EventKind, Fingerprint, IncidentId, PlanId, ResourceRef, Role, ServiceName, Site, StepId,
    Subject, Timestamp,
};
use overseer_permit::{CLAIMS_VERSION, Claims, Signer, TICKET_LIFE, Verifier};
use overseer_provider_act::Act;
use overseer_provider_port::Observe;
use overseer_runtime::{Base, Consumers, Health, Keyring, Peers, Person, Relay, RunError, run_until_stopped};
use overseer_storage::{Db, Location, audit};
use overseer_templates::preconditions;
use overseer_testkit::{Postgres, until};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longest wait for anything: a lease, a probe, and a loaded machine.
pub const SOON: Duration = Duration::from_secs(45);

#[derive(Clone, Copy)]
pub enum Store {
    Sqlite,
    Postgres,
}

#[derive(Default)]
struct Heard(Mutex<Vec<Event>>);

#[async_trait]
impl Handler for Heard {
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        let mut events = self.0.lock().unwrap();
        if !events.iter().any(|event| event.id == delivery.event.id) {
            events.push(delivery.event.clone());
        }
        Verdict::Done
    }
}

pub struct Stage {
    signer: Signer,
    bus: InProcess,
    /// To read with.
    db: Db,
    location: Location,
    heard: Arc<Heard>,
    listening: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

/// With a runtime and a store of its own, as a process has, so that nothing of it is left when it is killed.
pub struct Process {
    pub health: Health,
    peers: Peers,
    keyring: Keyring,
    stop: CancellationToken,
    running: Option<JoinHandle<Result<(), RunError>>>,
    runtime: Option<Runtime>,
}

impl Process {
    /// As SIGKILL would.
    pub async fn kill(mut self) {
        let runtime = self.runtime.take().unwrap();
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(SOON)).await.unwrap();
    }
    pub async fn stop(mut self) {
        self.stop.cancel();
        self.running.take().unwrap().await.unwrap().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Stage {
    pub async fn new(store: Store) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = match store {
            Store::Sqlite => Location::Sqlite { folder: folder.path().to_owned() },
            Store::Postgres => Location::Postgres { address: Postgres::shared().await.scratch_url().await },
        };
        let db = Db::open(&location, ServiceName::Executor, MIGRATIONS).await.unwrap();
        let (bus, heard) = (InProcess::new(), Arc::new(Heard::default()));
        let durable = Durable {
            service: ServiceName::ControlPlane,
            concern: Concern::Outcomes,
            kinds: &[
                EventKind::StepStarted,
                EventKind::StepActed,
                EventKind::StepVerified,
                EventKind::StepFailed,
                EventKind::StepInDoubt,
            ],
            sites: Sites::Every,
        };
        let subscription = bus.subscribe(durable).await.unwrap();
        let handler = heard.clone();
        let listening = tokio::spawn(async move { subscription.run(handler, CancellationToken::new()).await.unwrap() });
        let signer = Signer::from_pkcs8(&Signer::generate().unwrap()).unwrap();
        Self { signer, bus, db, location, heard, listening, _folder: folder }
    }

    pub async fn start(&self, platform: Arc<impl Observe + Act + 'static>, window_s: u32) -> Process {
        self.start_with(platform.clone(), platform, window_s).await
    }

    pub async fn start_with(&self, observe: Arc<dyn Observe>, act: Arc<dyn Act>, window_s: u32) -> Process {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let location = self.location.clone();
        let open = async move { Db::open(&location, ServiceName::Executor, MIGRATIONS).await };
        let keyring = Keyring::in_memory("test".parse().unwrap()).unwrap();
        let own = keyring.credential(ServiceName::Executor).unwrap();
        let base = Base {
            service: ServiceName::Executor,
            site: home(),
            db: runtime.spawn(open).await.unwrap().unwrap(),
            bus: Arc::new(self.bus.clone()),
            peers: Peers::new(own, &HashMap::new()).unwrap(),
            relay: Relay::default(),
            health: Health::default(),
            consumers: Consumers::default(),
            stop: CancellationToken::new(),
        };
        let (health, peers, stop) = (base.health.clone(), base.peers.clone(), base.stop.clone());
        let config = ExecutorConfig { docker_host: String::new(), window_s };
        let verifier = Verifier::new(self.signer.public_key(), home());
        let service = runtime.spawn(build(base, config, verifier, observe, act)).await.unwrap().unwrap();
        let running = Some(runtime.spawn(run_until_stopped(vec![service], vec![], stop.clone())));
        Process { health, peers, keyring, stop, running, runtime: Some(runtime) }
    }

    /// Dispatches; returns when the executor has taken it in.
    pub async fn dispatch(&self, claims: &Claims) -> Event {
        self.send(self.sign(claims), claims).await
    }

    pub async fn send(&self, ticket: String, claims: &Claims) -> Event {
        let event = self.event(ticket, claims);
        self.bus.publish(&event).await.unwrap();
        event
    }

    /// The bus delivers an event again.
    pub async fn again(&self, event: &Event) {
        self.bus.publish(event).await.unwrap();
    }

    pub fn sign(&self, claims: &Claims) -> String {
        self.signer.sign(claims).into_wire()
    }

    pub fn event(&self, ticket: String, claims: &Claims) -> Event {
        let step = v1::StepRef { step_id: claims.step.to_string(), attempt: claims.attempt, ..Default::default() };
        let dispatched = v1::StepDispatched { step: Some(step), ticket };
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
        Event::new(home(), claims.plan.to_string(), Timestamp::now(), Some(trace), &dispatched).unwrap()
    }

    /// The first event of this kind about the step, past or to come.
    pub async fn heard<P: EventPayload>(&self, claims: &Claims) -> P {
        let what = format!("{} of {}", P::KIND, claims.step);
        let event = until(&what, SOON, async || self.events(claims).into_iter().find(|event| event.kind == P::KIND));
        event.await.payload().unwrap()
    }

    pub fn events(&self, claims: &Claims) -> Vec<Event> {
        let step = claims.step.to_string();
        self.heard.0.lock().unwrap().iter().filter(|event| event.data.contains(&step)).cloned().collect()
    }

    pub fn kinds(&self, claims: &Claims) -> Vec<EventKind> {
        self.events(claims).into_iter().map(|event| event.kind).collect()
    }

    /// Actor, action and detail of each record, oldest first; the chain is intact.
    pub async fn records(&self) -> Vec<(String, String, String)> {
        let mut reader = self.db.reader().await.unwrap();
        let check = audit::verify(&mut reader.conn()).await.unwrap();
        assert!(matches!(check, audit::Check::Intact { .. }), "{check:?}");
        let mut entries = audit::list(&mut reader.conn(), None, 100).await.unwrap();
        entries.reverse();
        entries.into_iter().map(|entry| (entry.actor, entry.action, entry.detail)).collect()
    }

    pub async fn executions(&self, process: &Process, page_size: u32, page_token: &str) -> v1::ListExecutionsResponse {
        let credential = |service| process.keyring.credential(service).unwrap();
        let viewer = Person { name: "viewer".to_owned(), roles: vec![Role::Viewer] };
        let viewer = credential(ServiceName::Identity).assert(viewer, Timestamp::now());
        let gateway = process.peers.of(credential(ServiceName::Gateway));
        let upstream = gateway.on_behalf(ServiceName::Executor, &viewer);
        let request = v1::ListExecutionsRequest { page_size, page_token: page_token.to_owned() };
        ExecutionServiceClient::new(upstream).list_executions(request).await.unwrap().into_inner()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

pub fn home() -> Site {
    "home".parse().unwrap()
}

/// A good ticket's claims for a restart.
pub fn claims(target: ResourceRef, fingerprint: Fingerprint) -> Claims {
    let step = StepId::fresh();
    let action = Action::RestartResource { target };
    Claims {
        version: CLAIMS_VERSION,
        site: home(),
        step,
        plan: PlanId::fresh(),
        subject: Subject::Incident(IncidentId::fresh()),
        attempt: 1,
        preconditions: preconditions(&action),
        action,
        target: fingerprint,
        approval: ApprovalId::fresh(),
        approved_by: "token:admin".into(),
        expires: Timestamp::now() + TICKET_LIFE,
        nonce: format!("nonce of {step}"),
    }
}
