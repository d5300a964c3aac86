//! One service asks another, in this process or over a port: the same answers, and the same refusals.

use std::collections::HashMap;
use std::sync::Arc;

use overseer_bus::InProcess;
use overseer_contract::v1::chain_service_client::ChainServiceClient;
use overseer_contract::v1::{Chain, VerifyChainRequest};
use overseer_model::{Role, ServiceName, Timestamp};
use overseer_runtime::{Assertion, Code, Health, Keyring, Peers, Person, Problem, Service, Upstream, bind, serve};
use overseer_storage::audit;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::house::{House, keyring};

/// The executor in this process, and the same one over a port.
struct Both {
    house: House,
    address: String,
    stop: CancellationToken,
}

async fn both() -> Both {
    let house = House::new(Arc::new(InProcess::new())).await;
    let service = Service::new(&house.base, Routes::default(), vec![]);
    let port = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = format!("http://{}", port.local_addr().unwrap());
    let stop = CancellationToken::new();
    tokio::spawn(serve(port, service.router.clone(), Health::default(), stop.clone()));
    Both { house, address, stop }
}

impl Both {
    /// The ways of `service` over the port, as a key of `keyring` proves it.
    fn remote(&self, keyring: &Keyring, service: ServiceName) -> Peers {
        let addresses = HashMap::from([(ServiceName::Executor, self.address.clone())]);
        Peers::new(keyring.credential(service).unwrap(), &addresses).unwrap()
    }

    fn local(&self, service: ServiceName) -> Peers {
        self.house.base.peers.of(self.house.keyring.credential(service).unwrap())
    }
}

async fn ask(upstream: Upstream) -> Result<Chain, Problem> {
    let answer = ChainServiceClient::new(upstream).verify_chain(VerifyChainRequest {}).await;
    answer.map(tonic::Response::into_inner).map_err(|status| Problem::from_status(&status))
}

fn everybody(keyring: &Keyring) -> Assertion {
    let roles = vec![Role::Viewer, Role::Operator, Role::Approver, Role::Admin];
    let person = Person { name: "änna\n".to_owned(), roles };
    keyring.credential(ServiceName::Identity).unwrap().assert(person, Timestamp::now())
}

const EXECUTOR: ServiceName = ServiceName::Executor;

#[tokio::test]
async fn a_peer_here_and_a_peer_elsewhere_answer_alike() {
    let both = both().await;
    let mut tx = both.house.base.db.begin_write().await.unwrap();
    let record = audit::Record { at: Timestamp::now(), actor: "anna", action: "a", object: "o", detail: "" };
    audit::append(&mut tx.conn(), &record).await.unwrap();
    tx.commit().await.unwrap();

    let keyring = &both.house.keyring;
    let here = ask(both.local(ServiceName::ControlPlane).to(EXECUTOR)).await.unwrap();
    assert_eq!((here.service.as_str(), here.entries, here.intact), ("executor", 1, true));
    assert_eq!(ask(both.remote(keyring, ServiceName::ControlPlane).to(EXECUTOR)).await.unwrap(), here);

    // Who calls decides, and nobody's assertion helps.
    let everybody = everybody(keyring);
    for service in ServiceName::ALL {
        let (local, remote) = (both.local(service), both.remote(keyring, service));
        let mut ways = vec![(local.on_behalf(EXECUTOR, &everybody), remote.on_behalf(EXECUTOR, &everybody))];
        if service != ServiceName::ControlPlane {
            ways.push((local.to(EXECUTOR), remote.to(EXECUTOR)));
        }
        for (local, remote) in ways {
            let here = ask(local).await.unwrap_err();
            assert_eq!(here.code, Code::Forbidden, "{service}");
            assert_eq!(ask(remote).await.unwrap_err(), here);
        }
    }
}

#[tokio::test]
async fn a_port_answers_nobody_without_the_credential_of_a_service() {
    let both = both().await;
    let refused = ask(both.remote(&keyring(), ServiceName::ControlPlane).to(EXECUTOR)).await.unwrap_err();
    assert_eq!(refused.code, Code::Unauthenticated);
    assert!(refused.what.contains("Overseer's services"), "{}", refused.what);
    // What another service was sent is no use here.
    let other = HashMap::from([(ServiceName::Notifier, both.address.clone())]);
    let control_plane = both.house.keyring.credential(ServiceName::ControlPlane).unwrap();
    let meant_for_another = Peers::new(control_plane, &other).unwrap().to(ServiceName::Notifier);
    assert_eq!(ask(meant_for_another).await.unwrap_err().code, Code::Unauthenticated);
}

#[tokio::test]
async fn a_peer_that_is_away_is_unavailable_not_broken() {
    let both = both().await;
    let remote = || both.remote(&both.house.keyring, ServiceName::ControlPlane).to(EXECUTOR);
    ask(remote()).await.unwrap();
    both.stop.cancel();
    overseer_testkit::until("the port is closed", crate::house::SOON, async || ask(remote()).await.err()).await;
    assert_eq!(ask(remote()).await.unwrap_err().code, Code::Unavailable);
    // One that is not built yet, in this process.
    let own = keyring().credential(ServiceName::ControlPlane).unwrap();
    let local = Peers::new(own, &HashMap::new()).unwrap();
    assert_eq!(ask(local.to(EXECUTOR)).await.unwrap_err().code, Code::Unavailable);
}

#[test]
fn an_address_that_does_not_parse_is_named() {
    let addresses = HashMap::from([(ServiceName::Executor, "no address".to_owned())]);
    let error = Peers::new(keyring().credential(ServiceName::ControlPlane).unwrap(), &addresses).err().unwrap();
    assert!(error.to_string().contains("no address"), "{error}");
}
