//! The whole service on both databases: what events, people and time make of plans, also with two instances at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use overseer_bus::{Bus, Delivery, Handler, InProcess, Verdict};
use overseer_contract::v1::parked_service_client::ParkedServiceClient;
use overseer_contract::v1::plan_service_client::PlanServiceClient;
use overseer_contract::{Event, EventPayload, to_timestamp, v1 as pb};
use overseer_model::{IncidentId, ResourceRef, Role, ServiceName, Timestamp};
use overseer_runtime::{Consumers, Health, Keyring, Peers, Person, Relay, Upstream, run_until_stopped};
use overseer_storage::{Db, Location, audit, on, parked};
use overseer_testkit::{Postgres, until};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::plan::tests::{fingerprint, resource};

const SOON: Duration = Duration::from_secs(30);

/// Where the tables are.
enum Store {
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

/// One running instance with a bus of its own.
struct Instance {
    bus: InProcess,
    db: Db,
    peers: Peers,
    keyring: Keyring,
    stop: CancellationToken,
    dispatched: Dispatched,
}

/// The steps that were sent to an executor.
#[derive(Clone, Default)]
struct Dispatched(Arc<Mutex<Vec<pb::StepDispatched>>>);

#[async_trait]
impl Handler for Dispatched {
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        self.0.lock().unwrap().push(delivery.event.payload().unwrap());
        Verdict::Done
    }
}

impl Instance {
    async fn start(store: &Store) -> Self {
        let db = Db::open(&store.location(), ServiceName::ControlPlane, MIGRATIONS).await.unwrap();
        let (bus, stop) = (InProcess::new(), CancellationToken::new());
        let keyring = Keyring::in_memory("test".parse().unwrap()).unwrap();
        let own = keyring.credential(ServiceName::ControlPlane).unwrap();
        let peers = Peers::new(own, &HashMap::new()).unwrap();
        let base = Base {
            service: ServiceName::ControlPlane,
            site: "home".parse().unwrap(),
            db: db.clone(),
            bus: Arc::new(bus.clone()),
            peers: peers.clone(),
            relay: Relay::default(),
            health: Health::default(),
            consumers: Consumers::default(),
            stop: stop.clone(),
        };
        let signer = Signer::from_pkcs8(&Signer::generate().unwrap()).unwrap();
        let service = build(base, ControlPlaneConfig { approval_s: 900 }, signer).await.unwrap();
        let dispatched = Dispatched::default();
        let steps = Durable {
            service: ServiceName::Executor,
            concern: Concern::Work,
            kinds: &[EventKind::StepDispatched],
            sites: Sites::Every,
        };
        let subscription = bus.subscribe(steps).await.unwrap();
        tokio::spawn(subscription.run(Arc::new(dispatched.clone()), stop.clone()));
        tokio::spawn(run_until_stopped(vec![service], vec![], stop.clone()));
        Self { bus, db, peers, keyring, stop, dispatched }
    }

    /// Publishes, which on this bus waits until the event was applied.
    async fn tell<P: EventPayload>(&self, key: &str, payload: &P) -> Event {
        let event = Event::new("home".parse().unwrap(), key, Timestamp::now(), None, payload).unwrap();
        self.again(&event).await;
        event
    }

    async fn again(&self, event: &Event) {
        tokio::time::timeout(SOON, self.bus.publish(event)).await.expect("it is applied in time").unwrap();
    }

    fn client(&self) -> PlanServiceClient<Upstream> {
        PlanServiceClient::new(self.asked_by(vec![Role::Viewer, Role::Approver]))
    }

    /// As the gateway asks for a person.
    fn asked_by(&self, roles: Vec<Role>) -> Upstream {
        let person = Person { name: "token:ana".to_owned(), roles };
        let credential = |service| self.keyring.credential(service).unwrap();
        let assertion = credential(ServiceName::Identity).assert(person, Timestamp::now());
        let gateway = self.peers.of(credential(ServiceName::Gateway));
        gateway.on_behalf(ServiceName::ControlPlane, &assertion)
    }

    async fn plans(&self) -> Vec<pb::Plan> {
        self.client().list_plans(pb::ListPlansRequest::default()).await.unwrap().into_inner().plans
    }

    async fn parked(&self) -> i64 {
        let mut reader = self.db.reader().await.unwrap();
        parked::count(&mut reader.conn()).await.unwrap()
    }

    async fn approve(&self, plan: &pb::Plan) -> Result<pb::Plan, tonic::Status> {
        let request = pb::ApprovePlanRequest { id: plan.id.clone(), digest: plan.digest.clone() };
        self.client().approve_plan(request).await.map(tonic::Response::into_inner)
    }

    /// The step that an executor was sent.
    async fn sent(&self) -> pb::StepRef {
        let last = async || self.dispatched.0.lock().unwrap().last().cloned();
        until("the step to be dispatched", SOON, last).await.step.unwrap()
    }

    async fn resolve(&self, step: &str, outcome: pb::StepResolution) -> Result<pb::Plan, tonic::Status> {
        let (id, reason) = (step.to_owned(), "looked at it".to_owned());
        let request = pb::ResolveStepRequest { id, outcome: outcome.into(), reason };
        self.client().resolve_step(request).await.map(tonic::Response::into_inner)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn incident(id: IncidentId) -> pb::Incident {
    pb::Incident {
        id: id.to_string(),
        resource: Some(resource().into()),
        detector: pb::Detector::RestartLoop.into(),
        severity: pb::Severity::Critical.into(),
        state: pb::IncidentState::Open.into(),
        fingerprint: fingerprint("trouble").to_string(),
        ..pb::Incident::default()
    }
}

fn detected(id: IncidentId) -> pb::IncidentDetected {
    pb::IncidentDetected { incident: Some(incident(id)) }
}

fn changed(resource: ResourceRef, print: &str) -> pb::ResourceChanged {
    pb::ResourceChanged {
        resource: Some(resource.into()),
        state: pb::ResourceState::Exited.into(),
        fingerprint: fingerprint(print).to_string(),
        capabilities: vec![pb::Capability::Restart.into()],
        started_by_request_at: None,
    }
}

fn in_doubt(step: pb::StepRef) -> pb::StepInDoubt {
    pb::StepInDoubt { step: Some(step), detail: "cut off".into(), at: Some(to_timestamp(Timestamp::now())) }
}

fn states(plans: &[pb::Plan]) -> Vec<pb::PlanState> {
    plans.iter().map(pb::Plan::state).collect()
}

async fn incident_and_target_make_one_plan_in_whatever_order_and_however_often(store: Store) {
    let instance = Instance::start(&store).await;
    let (first, second) = (IncidentId::fresh(), IncidentId::fresh());
    let early = instance.tell("i", &detected(first)).await;
    assert!(instance.plans().await.is_empty(), "nothing is known of its resource yet");
    let target = instance.tell("r", &changed(resource(), "target")).await;
    assert_eq!(instance.plans().await.len(), 1);
    for event in [&early, &target] {
        instance.again(event).await;
    }
    instance.tell("r", &changed(resource(), "target")).await;
    instance.tell("i", &pb::IncidentUpdated { incident: Some(incident(first)) }).await;
    instance.tell("j", &detected(second)).await;
    assert_eq!(states(&instance.plans().await), [pb::PlanState::Ready, pb::PlanState::Ready]);
}

async fn a_changed_or_removed_target_voids_its_plan_and_another_resource_of_its_name_does_not(store: Store) {
    let instance = Instance::start(&store).await;
    instance.tell("r", &changed(resource(), "target")).await;
    instance.tell("i", &detected(IncidentId::fresh())).await;
    let vm = ResourceRef { key: "home/proxmox://local/c1".parse().unwrap(), ..resource() };
    let gone = pb::ResourceState::Removed.into();
    instance.tell("v", &pb::ResourceChanged { state: gone, ..changed(vm, "") }).await;
    assert_eq!(states(&instance.plans().await), [pb::PlanState::Ready]);
    instance.tell("r", &changed(resource(), "a new image")).await;
    assert_eq!(states(&instance.plans().await), [pb::PlanState::Superseded]);
}

async fn an_approved_step_is_sent_once_and_only_a_verified_plan_succeeded(store: Store) {
    let instance = Instance::start(&store).await;
    instance.tell("r", &changed(resource(), "target")).await;
    instance.tell("i", &detected(IncidentId::fresh())).await;
    let plan = instance.plans().await.remove(0);
    let wrong = pb::Plan { digest: "0".repeat(64), ..plan.clone() };
    assert!(instance.approve(&wrong).await.is_err());
    assert_eq!(instance.approve(&plan).await.unwrap().state(), pb::PlanState::Running);
    assert!(instance.approve(&plan).await.is_err(), "an approval is used once");
    let step = instance.sent().await;
    let verification = pb::Verification {
        verdict: pb::Verdict::Passed.into(),
        from: Some(to_timestamp(Timestamp::now())),
        until: Some(to_timestamp(Timestamp::now())),
        ..pb::Verification::default()
    };
    let verified = pb::StepVerified { step: Some(step), verification: Some(verification) };
    let event = instance.tell("s", &verified).await;
    instance.again(&event).await;
    let plan = instance.plans().await.remove(0);
    assert_eq!((plan.state(), plan.steps[0].verdict()), (pb::PlanState::Succeeded, pb::Verdict::Passed));
    assert_eq!(instance.dispatched.0.lock().unwrap().len(), 1);
}

async fn a_person_settles_a_step_in_doubt_and_nothing_else(store: Store) {
    let instance = Instance::start(&store).await;
    let id = IncidentId::fresh();
    instance.tell("r", &changed(resource(), "target")).await;
    instance.tell("i", &detected(id)).await;
    let plan = instance.plans().await.remove(0);
    instance.approve(&plan).await.unwrap();
    let step = instance.sent().await;
    let not_yet = instance.resolve(&step.step_id, pb::StepResolution::Done).await.unwrap_err();
    assert_eq!(not_yet.code(), tonic::Code::Aborted, "{not_yet}");
    instance.tell("s", &in_doubt(step.clone())).await;
    assert_eq!(states(&instance.plans().await), [pb::PlanState::InDoubt]);
    instance.tell("i", &pb::IncidentUpdated { incident: Some(incident(id)) }).await;
    assert_eq!(instance.plans().await.len(), 1, "nothing is proposed over a doubt");

    let settled = instance.resolve(&step.step_id, pb::StepResolution::NotDone).await.unwrap();
    assert_eq!(settled.state(), pb::PlanState::Failed);
    assert!(instance.resolve(&step.step_id, pb::StepResolution::Done).await.is_err(), "it is settled once");
    instance.tell("i", &pb::IncidentUpdated { incident: Some(incident(id)) }).await;
    assert_eq!(states(&instance.plans().await), [pb::PlanState::Ready, pb::PlanState::Failed]);
}

async fn a_step_that_a_person_says_is_done_proves_nothing(store: Store) {
    let instance = Instance::start(&store).await;
    instance.tell("r", &changed(resource(), "target")).await;
    instance.tell("i", &detected(IncidentId::fresh())).await;
    let plan = instance.plans().await.remove(0);
    instance.approve(&plan).await.unwrap();
    let step = instance.sent().await;
    instance.tell("s", &in_doubt(step.clone())).await;
    let settled = instance.resolve(&step.step_id, pb::StepResolution::Done).await.unwrap();
    assert_eq!((settled.state(), settled.steps[0].verdict), (pb::PlanState::Succeeded, None));
}

async fn events_of_a_newer_service_are_passed_over_and_park_nothing(store: Store) {
    let instance = Instance::start(&store).await;
    let mut newer = changed(resource(), "target");
    newer.resource.as_mut().unwrap().kind = 99;
    instance.tell("r", &newer).await;
    let mut unknown = incident(IncidentId::fresh());
    unknown.resource.as_mut().unwrap().provider = 99;
    instance.tell("i", &pb::IncidentDetected { incident: Some(unknown) }).await;
    assert_eq!((instance.parked().await, instance.plans().await.len()), (0, 0));
}

async fn a_parked_event_is_replayed_once_or_dropped_for_good_and_that_is_audited(store: Store) {
    let instance = Instance::start(&store).await;
    instance.tell("r", &changed(resource(), "target")).await;
    let made = |id| Event::new("home".parse().unwrap(), "i", Timestamp::now(), None, &detected(id)).unwrap();
    let [one, other] = [IncidentId::fresh(), IncidentId::fresh()].map(made);
    let mut tx = instance.db.begin_write().await.unwrap();
    for event in [&one, &other] {
        parked::park(&mut tx.conn(), event, "failed", Timestamp::now()).await.unwrap();
    }
    tx.commit().await.unwrap();
    let named = |event: &Event| ("control-plane".to_owned(), event.id.to_string());
    let replay = |event| {
        let (service, id) = named(event);
        pb::ReplayParkedRequest { service, id }
    };

    let mut viewer = ParkedServiceClient::new(instance.asked_by(vec![Role::Viewer, Role::Approver]));
    let refused = viewer.replay_parked(replay(&one)).await.unwrap_err();
    assert_eq!((refused.code(), instance.parked().await), (tonic::Code::PermissionDenied, 2), "{refused}");

    let mut admin = ParkedServiceClient::new(instance.asked_by(vec![Role::Admin]));
    admin.replay_parked(replay(&one)).await.unwrap();
    assert_eq!((instance.parked().await, instance.plans().await.len()), (1, 1));
    assert_eq!(admin.replay_parked(replay(&one)).await.unwrap_err().code(), tonic::Code::NotFound);
    let (service, id) = named(&other);
    admin.drop_parked(pb::DropParkedRequest { service, id }).await.unwrap();
    for event in [&one, &other] {
        instance.again(event).await;
    }
    assert_eq!((instance.parked().await, instance.plans().await.len()), (0, 1), "neither has an effect any more");

    let mut reader = instance.db.reader().await.unwrap();
    let entries = audit::list(&mut reader.conn(), None, 100).await.unwrap();
    let of_parked = entries.into_iter().filter(|entry| entry.action.starts_with("parked."));
    let mut said: Vec<_> = of_parked.map(|entry| (entry.actor, entry.action, entry.object)).collect();
    said.sort();
    let by_ana = |action: &str, event: &Event| ("token:ana".to_owned(), action.to_owned(), event.id.to_string());
    let asked = by_ana("parked.replay_requested", &one);
    let dropped = [by_ana("parked.drop_requested", &other), by_ana("parked.dropped", &other)];
    let [drop_requested, dropped] = dropped;
    assert_eq!(said, [drop_requested, dropped, asked.clone(), asked, by_ana("parked.replayed", &one)]);
}

async fn parked_events_are_listed_in_pages_and_silent_services_are_named(store: Store) {
    let instance = Instance::start(&store).await;
    let made =
        || Event::new("home".parse().unwrap(), "i", Timestamp::now(), None, &detected(IncidentId::fresh())).unwrap();
    let parked_here: Vec<Event> = (0..5).map(|_| made()).collect();
    let mut tx = instance.db.begin_write().await.unwrap();
    for event in &parked_here {
        parked::park(&mut tx.conn(), event, "failed", Timestamp::now()).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut admin = ParkedServiceClient::new(instance.asked_by(vec![Role::Admin]));
    let (mut ids, mut unanswered, mut page_token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let request = pb::ListParkedRequest { page_size: 2, page_token };
        let page = admin.list_parked(request).await.unwrap().into_inner();
        assert!(page.events.len() <= 2);
        ids.extend(page.events.into_iter().map(|event| event.id));
        unanswered.extend(page.unanswered);
        if page.next_page_token.is_empty() {
            break;
        }
        page_token = page.next_page_token;
    }
    let mut expected: Vec<_> = parked_here.iter().map(|event| event.id.to_string()).collect();
    expected.sort();
    assert_eq!(ids, expected);
    // Only the control plane runs here.
    assert_eq!(unanswered, ["identity", "collector", "incident-engine", "executor", "notifier"]);
    for token in ["x", "nobody/", "control-plane"] {
        let request = pb::ListParkedRequest { page_size: 2, page_token: token.to_owned() };
        assert_eq!(admin.list_parked(request).await.unwrap_err().code(), tonic::Code::InvalidArgument, "{token}");
    }
}

async fn old_plans_and_removed_targets_go_and_active_ones_stay(store: Store) {
    let instance = Instance::start(&store).await;
    instance.tell("r", &changed(resource(), "target")).await;
    for _ in 0..2 {
        instance.tell("i", &detected(IncidentId::fresh())).await;
    }
    let over = instance.plans().await.remove(0);
    let request = pb::DenyPlanRequest { id: over.id.clone() };
    instance.client().deny_plan(request).await.unwrap();
    let gone = pb::ResourceState::Removed.into();
    let other = ResourceRef { key: "home/docker://local/c2".parse().unwrap(), ..resource() };
    instance.tell("o", &pb::ResourceChanged { state: gone, ..changed(other, "") }).await;
    let later = Timestamp::now() + retention::PLANS_KEPT + Duration::from_secs(1);
    retention::prune(instance.db.clone(), Timestamp::now()).await.unwrap();
    assert_eq!(instance.plans().await.len(), 2);
    retention::prune(instance.db.clone(), later).await.unwrap();
    assert_eq!(states(&instance.plans().await), [pb::PlanState::Ready]);
    let mut reader = instance.db.reader().await.unwrap();
    let count = "SELECT (SELECT COUNT(*) FROM step) + (SELECT COUNT(*) FROM target)";
    let left: i64 = on!(&mut reader.conn(), c => sqlx::query_scalar(count).fetch_one(c).await).unwrap();
    assert_eq!(left, 2, "the step of the plan that waits, and its target");
}

macro_rules! on_both_stores {
    ($($case:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case(super::Store::Sqlite(tempfile::tempdir().unwrap())).await; })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let address = overseer_testkit::Postgres::shared().await.scratch_url().await;
                super::$case(super::Store::Postgres(address)).await;
            })*
        }
    };
}
on_both_stores! {
    incident_and_target_make_one_plan_in_whatever_order_and_however_often
    a_changed_or_removed_target_voids_its_plan_and_another_resource_of_its_name_does_not
    an_approved_step_is_sent_once_and_only_a_verified_plan_succeeded
    a_person_settles_a_step_in_doubt_and_nothing_else
    a_step_that_a_person_says_is_done_proves_nothing
    events_of_a_newer_service_are_passed_over_and_park_nothing
    a_parked_event_is_replayed_once_or_dropped_for_good_and_that_is_audited
    parked_events_are_listed_in_pages_and_silent_services_are_named
    old_plans_and_removed_targets_go_and_active_ones_stay
}

/// Two instances that are given the same events at the same time, as by a bus that repeats them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_instances_at_once_make_one_plan() {
    let store = Store::Postgres(Postgres::shared().await.scratch_url().await);
    let (one, other) = tokio::join!(Instance::start(&store), Instance::start(&store));
    one.tell("r", &changed(resource(), "target")).await;
    for _ in 0..20 {
        let detected = detected(IncidentId::fresh());
        // Each its own event about one incident.
        tokio::join!(one.tell("i", &detected), other.tell("i", &detected));
    }
    assert_eq!(one.plans().await.len(), 20);
    assert_eq!((one.parked().await, other.parked().await), (0, 0));
}
