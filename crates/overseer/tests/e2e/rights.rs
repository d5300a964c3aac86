//! The real services with their real key files: whose key opens which method.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use overseer_contract::{Contract, Method, Owner, Right, right};
use overseer_credentials::{Credential, PublicKey, ServiceKey, Trust};
use overseer_model::ServiceName;
use overseer_runtime::Peers;
use overseer_testkit::{Mode, Overseer};
use tonic::Code;
use tower::ServiceExt;

use crate::start;

/// The ways of `service`, as whoever has read its key file.
fn ways(overseer: &Overseer, service: ServiceName) -> Peers {
    let file = |ending| overseer.data_dir().join(format!("keys/{}.{ending}", service.snake()));
    let key = ServiceKey::from_pkcs8(&std::fs::read(file("key")).unwrap()).unwrap();
    let public = PublicKey::from_bytes(&std::fs::read(file("pub")).unwrap()).unwrap();
    let trust = Trust::new("overseer".parse().unwrap(), HashMap::from([(service, public)]));
    let port = |service: ServiceName| format!("http://127.0.0.1:{}", overseer.port(service.as_str()));
    let remote = ServiceName::ALL.into_iter().map(|service| (service, port(service))).collect();
    Peers::new(Credential::new(service, key, Arc::new(trust)), &remote).unwrap()
}

/// The status of an empty call.
async fn call(ways: &Peers, owner: ServiceName, method: &Method) -> Code {
    let body = tonic::body::Body::new(http_body_util::Full::new(Bytes::from_static(&[0; 5])));
    let request = http::Request::post(&method.path).header("content-type", "application/grpc").body(body).unwrap();
    let answer = ways.to(owner).oneshot(request).await.unwrap();
    let status = answer.headers().get("grpc-status").map(|status| Code::from_bytes(status.as_bytes()));
    // With a body the status comes behind it: the gate let the call through.
    status.unwrap_or(Code::Ok)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_services_key_opens_what_the_table_grants_and_nothing_else() {
    let overseer = start(Mode::ProcessPerService).await;
    for caller in ServiceName::ALL {
        let ways = ways(&overseer, caller);
        for method in Contract::get().methods() {
            let owners = match method.owner {
                // Its port is the public one: credentials of services are nothing there.
                Owner::One(ServiceName::Gateway) => continue,
                Owner::One(owner) => vec![owner],
                Owner::Every => ServiceName::ALL.into_iter().filter(|s| *s != ServiceName::Gateway).collect(),
            };
            for owner in owners {
                let code = call(&ways, owner, method).await;
                let what = format!("{caller} calls {} of {owner}: {code:?}", method.path);
                match right(caller, method) {
                    // An empty token, or an empty id, is refused behind the gate.
                    Some(Right::AsItself) if method.path.ends_with("/Authenticate") => {
                        assert_eq!(code, Code::Unauthenticated, "{what}");
                    }
                    Some(Right::AsItself) => {
                        assert!(!matches!(code, Code::Unauthenticated | Code::PermissionDenied), "{what}");
                    }
                    // Nobody is there on whose behalf.
                    Some(Right::ForPerson) => assert_eq!(code, Code::Unauthenticated, "{what}"),
                    // Whose key a service has no need of, it does not even know.
                    None => assert!(matches!(code, Code::Unauthenticated | Code::PermissionDenied), "{what}"),
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_services_never_ask_for_what_they_may_not() {
    let overseer = start(Mode::ProcessPerService).await;
    overseer.text(&["drill", "restart-loop"]).await;
    overseer.text(&["audit", "verify"]).await;
    overseer.text(&["parked", "list"]).await;
    for process in overseer.processes() {
        let log = overseer.log_of(process);
        for refusal in ["NATS server error", "call refused", "anyone can publish"] {
            assert!(!log.contains(refusal), "{process}:\n{log}");
        }
    }
}
