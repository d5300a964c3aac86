//! With a real engine: a permit restarts its target, a refusal is a refusal, and silence is not.

use std::time::Duration;

use overseer_model::{
    Action, ApprovalId, Digest, Fingerprint, IncidentId, Instance, PlanId, Provider, ResourceKind, ResourceRef,
    ResourceState, Source, StepId, Subject, Timestamp, Uri,
};
use overseer_permit::{CLAIMS_VERSION, Claims, Permit, Signer, TICKET_LIFE, Target, Verifier};
use overseer_provider_act::{Act, ActError};
use overseer_provider_docker_act::DockerAct;
use overseer_testkit::{CrashPlan, Crashes, Docker, until};

const SOON: Duration = Duration::from_secs(20);

fn permit(id: &str, action: fn(ResourceRef) -> Action) -> Permit {
    let signer = Signer::from_pkcs8(&Signer::generate().unwrap()).unwrap();
    let (site, now) = ("home".parse().unwrap(), Timestamp::now());
    let verifier = Verifier::new(signer.public_key(), "home".parse().unwrap());
    let uri = Uri {
        source: Source { provider: Provider::Docker, instance: Instance::default() },
        kind: ResourceKind::Container,
        id: id.parse().unwrap(),
    };
    let target = ResourceRef { key: uri.at("home".parse().unwrap()), name: "shop".to_owned() };
    let fingerprint = Fingerprint(Digest::of(b"shop"));
    let claims = Claims {
        version: CLAIMS_VERSION,
        site,
        step: StepId::fresh(),
        plan: PlanId::fresh(),
        subject: Subject::Incident(IncidentId::fresh()),
        attempt: 1,
        action: action(target),
        target: fingerprint,
        preconditions: Vec::new(),
        approval: ApprovalId::fresh(),
        approved_by: "token:admin".into(),
        expires: now + TICKET_LIFE,
        nonce: "n".into(),
    };
    let target = Target { fingerprint, state: ResourceState::Exited };
    verifier.verify(&signer.sign(&claims), target, now).unwrap()
}

fn permit_to_restart(id: &str) -> Permit {
    permit(id, |target| Action::RestartResource { target })
}

#[tokio::test]
async fn restarts_its_target_and_tells_a_refusal_from_silence() {
    let docker = Docker::start().await;
    let act = DockerAct::new(&docker.host()).unwrap();
    let plan = CrashPlan { crashes: Crashes::First(1), restart_policy: "no" };
    let shop = docker.crashing_container("shop", plan).await;
    until("the crash", SOON, async || docker.run(&["ps", "-q"]).await.is_empty().then_some(())).await;

    act.carry_out(permit_to_restart(&shop.id)).await.unwrap();
    until("the second start", SOON, async || (shop.starts() == 2).then_some(())).await;

    for nobody in ["0".repeat(64), "../info".to_owned()] {
        let refused = act.carry_out(permit_to_restart(&nobody)).await.unwrap_err();
        assert!(matches!(refused, ActError::Refused { .. }), "{refused:?}");
    }
    docker.kill_engine().await;
    let away = act.carry_out(permit_to_restart(&shop.id)).await.unwrap_err();
    assert!(matches!(&away, ActError::NotReached), "{away:?}");
}

#[tokio::test]
async fn starts_what_is_down_and_stops_what_runs() {
    let docker = Docker::start().await;
    let act = DockerAct::new(&docker.host()).unwrap();
    let plan = CrashPlan { crashes: Crashes::First(1), restart_policy: "no" };
    let shop = docker.crashing_container("shop", plan).await;
    let running = async || docker.run(&["ps", "-q"]).await;
    until("the crash", SOON, async || running().await.is_empty().then_some(())).await;

    act.carry_out(permit(&shop.id, |target| Action::StartResource { target })).await.unwrap();
    until("the second start", SOON, async || (shop.starts() == 2).then_some(())).await;
    assert!(!running().await.is_empty());

    act.carry_out(permit(&shop.id, |target| Action::StopResource { target })).await.unwrap();
    assert!(running().await.is_empty());
    assert_eq!(shop.starts(), 2);
}
