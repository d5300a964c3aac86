//! One service asks another, in this process or over a port: the same answers, and the same refusals.

use std::collections::HashMap;
use std::sync::Arc;

use overseer_bus::InProcess;
use overseer_contract::v1::chain_service_client::ChainServiceClient;
use overseer_contract::v1::{Chain, VerifyChainRequest};
use overseer_model::{Actor, Role, ServiceName, Timestamp};
use overseer_runtime::{Code, Health, Peers, Problem, Secret, Service, bind, serve};
use overseer_storage::audit;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::house::House;

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
    fn remote(&self, secret: &str) -> Peers {
        let addresses = HashMap::from([(ServiceName::Executor, self.address.clone())]);
        Peers::new(Arc::new(Secret::new(secret.into())), &addresses).unwrap()
    }
}

async fn ask(peers: &Peers, actor: &Actor) -> Result<Chain, Problem> {
    let mut client = ChainServiceClient::new(peers.to(ServiceName::Executor, actor));
    let answer = client.verify_chain(VerifyChainRequest {}).await;
    answer.map(tonic::Response::into_inner).map_err(|status| Problem::from_status(&status))
}

fn inside() -> Actor {
    Actor::Service(ServiceName::ControlPlane)
}

#[tokio::test]
async fn a_peer_here_and_a_peer_elsewhere_answer_alike() {
    let both = both().await;
    let mut tx = both.house.base.db.begin_write().await.unwrap();
    let record = audit::Record { at: Timestamp::now(), actor: "anna", action: "a", object: "o", detail: "" };
    audit::append(&mut tx.conn(), &record).await.unwrap();
    tx.commit().await.unwrap();

    let here = ask(&both.house.base.peers, &inside()).await.unwrap();
    assert_eq!((here.service.as_str(), here.entries, here.intact), ("executor", 1, true));
    assert_eq!(ask(&both.remote("cluster"), &inside()).await.unwrap(), here);

    let everything = vec![Role::Viewer, Role::Operator, Role::Approver, Role::Admin];
    for (actor, code) in [
        (Actor::User { name: "änna\n".to_owned(), roles: everything }, Code::Forbidden),
        (Actor::Anonymous, Code::Unauthenticated),
    ] {
        let here = ask(&both.house.base.peers, &actor).await.unwrap_err();
        assert_eq!(here.code, code, "{actor:?}");
        assert_eq!(ask(&both.remote("cluster"), &actor).await.unwrap_err(), here);
    }
}

#[tokio::test]
async fn a_port_answers_nobody_without_the_secret_of_the_cluster() {
    let both = both().await;
    for secret in ["", "cluste", "cluster2", "CLUSTER"] {
        let refused = ask(&both.remote(secret), &inside()).await.unwrap_err();
        assert_eq!(refused.code, Code::Unauthenticated, "`{secret}`");
        assert!(refused.what.contains("Overseer's own services"), "{}", refused.what);
    }
}

#[tokio::test]
async fn a_peer_that_is_away_is_unavailable_not_broken() {
    let both = both().await;
    let remote = both.remote("cluster");
    ask(&remote, &inside()).await.unwrap();
    both.stop.cancel();
    overseer_testkit::until("the port is closed", crate::house::SOON, async || ask(&remote, &inside()).await.err())
        .await;
    assert_eq!(ask(&remote, &inside()).await.unwrap_err().code, Code::Unavailable);
    // One that is not built yet, in this process.
    let local = Peers::new(Arc::new(Secret::new(b"cluster".to_vec())), &HashMap::new()).unwrap();
    assert_eq!(ask(&local, &inside()).await.unwrap_err().code, Code::Unavailable);
}

#[test]
fn an_address_that_does_not_parse_is_named() {
    let addresses = HashMap::from([(ServiceName::Executor, "no address".to_owned())]);
    let error = Peers::new(Arc::new(Secret::new(vec![])), &addresses).err().unwrap();
    assert!(error.to_string().contains("no address"), "{error}");
}
