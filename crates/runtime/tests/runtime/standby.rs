//! What a standby is asked is answered by the process that runs the service.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use futures::StreamExt;
use http::{HeaderMap, Request, Response};
use overseer_model::ServiceName;
use overseer_runtime::{Alone, Health, Service, Switch, bind, run_until_stopped, serve};
use overseer_storage::{Competitor, Db, HolderName, Location, Migrations};
use overseer_testkit::{Postgres, until};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tower::ServiceExt;

use crate::house::SOON;

const SERVICE: ServiceName = ServiceName::ControlPlane;

/// One process of the service on a port of its own.
struct Process {
    channel: Channel,
    address: String,
    health: Health,
    stop: CancellationToken,
    /// Lets the second part of a stream go.
    second: Arc<Notify>,
}

impl Process {
    /// `advertised` where that is not its own address.
    async fn start(location: &Location, advertised: Option<&str>) -> Self {
        let db = Db::open(location, SERVICE, Migrations(&[])).await.unwrap();
        let port = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = format!("http://{}", port.local_addr().unwrap());
        let name = HolderName { service: SERVICE, scope: "*".to_owned() };
        let advertised = advertised.unwrap_or(&address).to_owned();
        let competitor = Arc::new(Competitor::new(location, name, advertised).unwrap().unwrap());
        let (switch, health, stop) = (Switch::starting(), Health::default(), CancellationToken::new());
        let second = Arc::new(Notify::new());
        let (of_service, by) = (second.clone(), address.clone());
        let alone = Alone {
            service: SERVICE,
            competitor,
            db,
            switch: switch.clone(),
            health: health.clone(),
            stop: stop.clone(),
            build: move |_, _| {
                let router = answers(by.clone(), of_service.clone());
                async move { Ok::<_, std::io::Error>(Service::without_store(SERVICE, router, vec![])) }
            },
        };
        tokio::spawn(serve(port, switch.router(), health.clone(), stop.clone()));
        tokio::spawn(run_until_stopped(vec![], vec![alone.task()], stop.clone()));
        let channel = Endpoint::from_shared(address.clone()).unwrap().connect_lazy();
        Self { channel, address, health, stop, second }
    }

    async fn is(&self, state: &str) {
        let state = format!("{SERVICE}: {state}");
        until(&state, SOON, async || self.health.report().contains(&state).then_some(())).await;
    }

    async fn ask(&self, path: &str, headers: &[(&'static str, &'static str)]) -> Response<tonic::body::Body> {
        let mut request = Request::post(format!("{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(tonic::body::Body::new(Body::from("question"))).unwrap();
        self.channel.clone().oneshot(request).await.unwrap()
    }

    async fn refusal(&self, headers: &[(&'static str, &'static str)]) -> String {
        let answer = self.ask("/echo", headers).await;
        assert_eq!(answer.headers()["grpc-status"], "14");
        answer.headers()["grpc-message"].to_str().unwrap().replace("%20", " ")
    }
}

/// A service that says who answers, and what arrived.
fn answers(by: String, second: Arc<Notify>) -> Router {
    let echo = move |headers: HeaderMap, body: String| async move {
        let asked = headers.get("overseer-call").map_or("", |value| value.to_str().unwrap());
        [("answered-by", by), ("asked-with", asked.to_owned()), ("asked", body)]
    };
    let stream = move || async move {
        let parts = futures::stream::iter(["first", "second"]).then(move |part| {
            let second = second.clone();
            async move {
                if part == "second" {
                    second.notified().await;
                }
                Ok::<_, std::io::Error>(part)
            }
        });
        Body::from_stream(parts)
    };
    Router::new().route("/echo", post(echo)).route("/stream", post(stream))
}

async fn store() -> Location {
    Location::Postgres { address: Postgres::shared().await.scratch_url().await }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_passes_calls_on_and_streams_as_they_come() {
    let location = store().await;
    let holder = Process::start(&location, None).await;
    holder.is("ready").await;
    let standby = Process::start(&location, None).await;
    standby.is("standby").await;

    for _ in 0..2 {
        let answer = standby.ask("/echo", &[("overseer-call", "token")]).await;
        let headers: HashMap<&str, &str> =
            answer.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(headers["answered-by"], holder.address);
        assert_eq!((headers["asked-with"], headers["asked"]), ("token", "question"));
    }

    let mut parts = Body::new(standby.ask("/stream", &[]).await.into_body()).into_data_stream();
    let part = async |parts: &mut axum::body::BodyDataStream| {
        tokio::time::timeout(SOON, parts.next()).await.expect("in time").map(Result::unwrap)
    };
    assert_eq!(part(&mut parts).await.unwrap(), "first");
    holder.second.notify_one();
    assert_eq!(part(&mut parts).await.unwrap(), "second");
    while let Some(rest) = part(&mut parts).await {
        assert_eq!(rest, "", "an end may have a frame of its own");
    }

    // The other takes over, and answers for itself.
    holder.stop.cancel();
    standby.is("ready").await;
    let answer = standby.ask("/echo", &[]).await;
    assert_eq!(answer.headers()["answered-by"], standby.address.as_str());
    standby.stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_says_why_nobody_answers() {
    let location = store().await;
    let nobody = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let silent = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let holder = Process::start(&location, Some(&silent)).await;
    holder.is("ready").await;
    let standby = Process::start(&location, None).await;
    standby.is("standby").await;
    assert_eq!(standby.refusal(&[]).await, "the process that runs control-plane does not answer");
    // What another standby passed on goes no further.
    let marked = standby.refusal(&[("overseer-forwarded", "1")]).await;
    assert_eq!(marked, "no process runs control-plane at the moment");
    holder.stop.cancel();
    standby.stop.cancel();
}
