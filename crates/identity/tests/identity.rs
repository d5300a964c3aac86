//! The identity service on both databases: tokens in, assertions out, and who is told.

// A test that cannot go on must panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::HashMap;
use std::sync::Arc;

use overseer_bus::InProcess;
use overseer_contract::v1::identity_service_client::IdentityServiceClient;
use overseer_contract::v1::{AuthenticateRequest, WhoAmIRequest};
use overseer_identity::{FirstToken, MIGRATIONS, build};
use overseer_model::{Role, ServiceName, Timestamp};
use overseer_runtime::{
    Assertion, Base, Code, Consumers, Credential, Health, Keyring, Peers, Person, Problem, Relay, Upstream,
};
use overseer_storage::{Db, Location, audit};
use overseer_testkit::Postgres;
use tokio_util::sync::CancellationToken;

const IDENTITY: ServiceName = ServiceName::Identity;

struct House {
    keyring: Keyring,
    location: Location,
    _folder: tempfile::TempDir,
}

impl House {
    async fn on(store: Store) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = match store {
            Store::Sqlite => Location::Sqlite { folder: folder.path().to_owned() },
            Store::Postgres => Location::Postgres { address: Postgres::shared().await.scratch_url().await },
        };
        Self { keyring: Keyring::in_memory("test".parse().unwrap()).unwrap(), location, _folder: folder }
    }

    fn credential(&self, service: ServiceName) -> Credential {
        self.keyring.credential(service).unwrap()
    }

    async fn db(&self) -> Db {
        Db::open(&self.location, IDENTITY, MIGRATIONS).await.unwrap()
    }

    /// Starts identity; the ways to it, and the token of a first start.
    async fn start(&self) -> (Peers, Option<String>) {
        let peers = Peers::new(self.credential(IDENTITY), &HashMap::new()).unwrap();
        let base = Base {
            service: IDENTITY,
            site: "home".parse().unwrap(),
            db: self.db().await,
            bus: Arc::new(InProcess::new()),
            peers: peers.clone(),
            relay: Relay::default(),
            health: Health::default(),
            consumers: Consumers::default(),
            stop: CancellationToken::new(),
        };
        let mut first = None;
        let keep = |token: &FirstToken| {
            first = Some(String::from_utf8(token.0.expose().to_vec()).unwrap());
            Ok(())
        };
        build(base, keep).await.unwrap();
        (peers, first)
    }
}

async fn authenticate(upstream: Upstream, token: &str) -> Result<Assertion, Code> {
    let mut identity = IdentityServiceClient::new(upstream);
    let answer = identity.authenticate(AuthenticateRequest { token: token.to_owned() }).await;
    let answer = answer.map_err(|status| Problem::from_status(&status).code)?;
    Ok(Assertion::from_wire(answer.into_inner().assertion))
}

#[derive(Clone, Copy)]
enum Store {
    Sqlite,
    Postgres,
}

macro_rules! on_both_stores {
    ($($case:ident)*) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $case() { super::$case(super::Store::Sqlite).await; })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $case() { super::$case(super::Store::Postgres).await; })*
        }
    };
}
on_both_stores! {
    the_first_start_makes_one_token_and_no_later_start_another
    a_good_token_becomes_an_assertion_that_every_service_believes
    a_wrong_token_becomes_nothing
    nobody_but_the_gateway_authenticates
}

async fn the_first_start_makes_one_token_and_no_later_start_another(store: Store) {
    let house = House::on(store).await;
    // A folder with SQLite belongs to one process, so its tables are not made by two at once.
    drop(house.db().await);
    // Two at once, as two processes on one database may.
    let ((peers, one), (_, other)) = tokio::join!(house.start(), house.start());
    let token = match (one, other) {
        (Some(token), None) | (None, Some(token)) => token,
        (one, other) => panic!("one token, not {one:?} and {other:?}"),
    };
    assert!(token.starts_with("ovs_") && token.len() == 68, "{token}");
    assert_eq!(house.start().await.1, None);
    let gateway = peers.of(house.credential(ServiceName::Gateway)).to(IDENTITY);
    assert!(authenticate(gateway, &token).await.is_ok());

    let db = house.db().await;
    let mut reader = db.reader().await.unwrap();
    let entries = audit::list(&mut reader.conn(), None, 10).await.unwrap();
    let told: Vec<_> = entries.iter().map(|entry| (entry.actor.as_str(), entry.action.as_str())).collect();
    assert_eq!(told, [("service:identity", "token.made")]);
    assert!(matches!(audit::verify(&mut reader.conn()).await.unwrap(), audit::Check::Intact { .. }));
}

async fn a_good_token_becomes_an_assertion_that_every_service_believes(store: Store) {
    let house = House::on(store).await;
    let (peers, token) = house.start().await;
    let gateway = peers.of(house.credential(ServiceName::Gateway));
    let assertion = authenticate(gateway.to(IDENTITY), &token.unwrap()).await.unwrap();
    let roles = vec![Role::Viewer, Role::Operator, Role::Approver, Role::Admin];
    for service in ServiceName::ALL {
        let person = house.credential(service).trust().person(assertion.as_str(), Timestamp::now());
        assert_eq!(person, Ok(Person { name: "token:admin".to_owned(), roles: roles.clone() }), "{service}");
    }
    let mut identity = IdentityServiceClient::new(gateway.on_behalf(IDENTITY, &assertion));
    let told = identity.who_am_i(WhoAmIRequest {}).await.unwrap().into_inner();
    assert_eq!((told.name.as_str(), told.roles.len()), ("token:admin", 4));
}

async fn a_wrong_token_becomes_nothing(store: Store) {
    let house = House::on(store).await;
    let (peers, token) = house.start().await;
    let gateway = peers.of(house.credential(ServiceName::Gateway)).to(IDENTITY);
    let token = token.unwrap();
    let hash = overseer_model::Digest::of(token.as_bytes()).to_string();
    for wrong in ["", "ovs_", &token[..67], &token.to_uppercase(), &hash, "' OR 1=1 --"] {
        assert_eq!(authenticate(gateway.clone(), wrong).await, Err(Code::Unauthenticated), "{wrong}");
    }
}

async fn nobody_but_the_gateway_authenticates(store: Store) {
    let house = House::on(store).await;
    let (peers, token) = house.start().await;
    let token = token.unwrap();
    for service in ServiceName::ALL.into_iter().filter(|service| *service != ServiceName::Gateway) {
        let refused = authenticate(peers.of(house.credential(service)).to(IDENTITY), &token).await;
        assert_eq!(refused, Err(Code::Forbidden), "{service}");
    }
}
