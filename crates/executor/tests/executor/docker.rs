//! On a real engine; the container itself counts its starts.

use std::sync::Arc;

use overseer_contract::v1;
use overseer_model::{Instance, Timestamp};
use overseer_permit::{Claims, Signer};
use overseer_provider_docker::DockerObserve;
use overseer_provider_docker_act::DockerAct;
use overseer_provider_port::{Observe, Snapshot};
use overseer_testkit::{CrashPlan, Crashes, Crashing, Docker, until};

use crate::stage::{SOON, Stage, Store, claims, home};

struct Engine {
    docker: Docker,
    observe: Arc<DockerObserve>,
    act: Arc<DockerAct>,
}

impl Engine {
    async fn start() -> Self {
        let docker = Docker::start().await;
        let observe = Arc::new(DockerObserve::new(&docker.host(), Instance::default(), home()).unwrap());
        let act = Arc::new(DockerAct::new(&docker.host()).unwrap());
        Self { docker, observe, act }
    }

    /// A container that has crashed.
    async fn crashed(&self, name: &str, crashes: Crashes) -> (Crashing, Snapshot) {
        let plan = CrashPlan { crashes, restart_policy: "no" };
        let container = self.docker.crashing_container(name, plan).await;
        let exited = until("the crash", SOON, async || {
            let snapshot = self.observe.inspect(&container.id).await.unwrap();
            (snapshot.witness.state == overseer_model::ResourceState::Exited).then_some(snapshot)
        });
        let snapshot = exited.await;
        (container, snapshot)
    }
}

fn ticket_for(snapshot: &Snapshot) -> Claims {
    claims(snapshot.resource.clone(), snapshot.traits.fingerprint)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_a_crashed_container_once_and_verifies_what_becomes_of_it() {
    let (stage, engine) = (Stage::new(Store::Sqlite).await, Engine::start().await);
    let process = stage.start_with(engine.observe.clone(), engine.act.clone(), 2).await;
    let (mends, mends_now) = engine.crashed("mends", Crashes::First(1)).await;
    let (never, never_now) = engine.crashed("never", Crashes::Always).await;
    let (mended, broken) = (ticket_for(&mends_now), ticket_for(&never_now));
    stage.dispatch(&mended).await;
    stage.dispatch(&broken).await;
    let verified: v1::StepVerified = stage.heard(&mended).await;
    assert_eq!(verified.verification.as_ref().unwrap().verdict(), v1::Verdict::Passed, "{verified:?}");
    let verified: v1::StepVerified = stage.heard(&broken).await;
    assert_eq!(verified.verification.as_ref().unwrap().verdict(), v1::Verdict::Failed, "{verified:?}");
    assert_eq!((mends.starts(), never.starts()), (2, 2));

    stage.dispatch(&mended).await;
    let running = engine.observe.inspect(&mends.id).await.unwrap();
    let again = ticket_for(&running);
    stage.dispatch(&again).await;
    let verified: v1::StepVerified = stage.heard(&again).await;
    assert_eq!(verified.verification.as_ref().unwrap().verdict(), v1::Verdict::Passed, "{verified:?}");
    assert_eq!(mends.starts(), 3, "its own stop is no new exit");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acts_nothing_on_bad_tickets() {
    let (stage, engine) = (Stage::new(Store::Sqlite).await, Engine::start().await);
    let process = stage.start_with(engine.observe.clone(), engine.act.clone(), 1).await;
    let (container, snapshot) = engine.crashed("stays", Crashes::First(1)).await;
    let good = ticket_for(&snapshot);
    let stranger = Signer::from_pkcs8(&Signer::generate().unwrap()).unwrap();
    stage.send(stranger.sign(&good).into_wire(), &good).await;
    let bad = [
        Claims { expires: Timestamp::now(), ..ticket_for(&snapshot) },
        Claims { site: "away".parse().unwrap(), ..ticket_for(&snapshot) },
        Claims { target: crate::world::fingerprint("other", 0), ..ticket_for(&snapshot) },
    ];
    for claims in &bad {
        stage.dispatch(claims).await;
    }
    assert_eq!(container.starts(), 1);
    assert_eq!(engine.observe.inspect(&container.id).await.unwrap().witness, snapshot.witness);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waits_for_an_engine_that_died_and_looks_again() {
    let (stage, engine) = (Stage::new(Store::Sqlite).await, Engine::start().await);
    let process = stage.start_with(engine.observe.clone(), engine.act.clone(), 1).await;
    let (container, snapshot) = engine.crashed("waits", Crashes::First(1)).await;
    let claims = ticket_for(&snapshot);
    engine.docker.kill_engine().await;
    let dispatched = stage.dispatch(&claims);
    let back = async {
        until("waiting", SOON, async || (!process.health.is_ready()).then_some(())).await;
        engine.docker.restart_engine().await;
    };
    tokio::join!(dispatched, back);
    let _verified: v1::StepVerified = stage.heard(&claims).await;
    assert_eq!(container.starts(), 2);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finds_the_restart_that_the_engine_finished_after_the_crash() {
    let (stage, engine) = (Stage::new(Store::Sqlite).await, Engine::start().await);
    let process = stage.start_with(engine.observe.clone(), engine.act.clone(), 1).await;
    let mut events = engine.docker.events().await;
    // It takes no notice of SIGTERM, so that its restart lasts the whole grace.
    let program = "trap '' TERM; while :; do sleep 3600; done";
    let id = engine.docker.run(&["run", "--detach", "busybox:local", "sh", "-c", program]).await;
    let claims = ticket_for(&engine.observe.inspect(&id).await.unwrap());
    stage.dispatch(&claims).await;
    events.wait_for(&id, "kill", SOON).await;
    process.kill().await;
    let process = stage.start_with(engine.observe.clone(), engine.act.clone(), 1).await;
    let verified: v1::StepVerified = stage.heard(&claims).await;
    assert_eq!(verified.verification.as_ref().unwrap().verdict(), v1::Verdict::Passed, "{verified:?}");
    events.wait_for(&id, "restart", SOON).await;
    process.stop().await;
}
