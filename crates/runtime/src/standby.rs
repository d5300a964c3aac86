//! Two processes of a service that must not run twice: one holds, the other waits, ready, and forwards what it is asked to
//! the one that holds. Which one that is says the database ([`overseer_storage::Competitor`]).

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use overseer_model::ServiceName;
use overseer_storage::{Competitor, Db, Held, PROBE_EVERY, Term};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::Endpoint;
use tower::ServiceExt;

use crate::service::{Service, Task, run_until_stopped};
use crate::{Dependency, Health, RunError};

/// Marks what a standby forwarded: it goes no further, so that two that each take the other for the holder end it.
const FORWARDED: &str = "overseer-forwarded";
/// Longest wait for the holder to take a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// The methods of a service, whoever answers them at the moment.
#[derive(Clone)]
pub struct Switch(Arc<RwLock<Router>>);

impl Switch {
    /// Before it is known who answers, callers are told to ask again.
    #[must_use]
    pub fn starting() -> Self {
        let starting = || async { Status::unavailable("the service is being started").into_http::<axum::body::Body>() };
        Self(Arc::new(RwLock::new(Router::new().fallback(starting))))
    }

    fn set(&self, router: Router) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = router;
    }

    /// To be served for as long as the process runs.
    pub fn router(&self) -> Router {
        Router::new().fallback(switched).with_state(self.clone())
    }
}

async fn switched(State(switch): State<Switch>, request: Request) -> Response {
    let router = switch.0.read().unwrap_or_else(PoisonError::into_inner).clone();
    match router.oneshot(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}

/// What forwards to the holder.
#[derive(Clone)]
struct Forwarder {
    service: ServiceName,
    competitor: Arc<Competitor>,
    db: Db,
}

impl Forwarder {
    fn router(self) -> Router {
        Router::new().fallback(forward).with_state(self)
    }
}

async fn forward(State(forwarder): State<Forwarder>, mut request: Request) -> Response {
    let unavailable = |text: String| Status::unavailable(text).into_http::<axum::body::Body>().into_response();
    let service = forwarder.service;
    if request.headers().contains_key(FORWARDED) {
        return unavailable(format!("no process runs {service} at the moment"));
    }
    let address = match forwarder.competitor.address_of_holder(&forwarder.db).await {
        Ok(Some(address)) => address,
        Ok(None) => return unavailable(format!("no process runs {service} yet")),
        Err(_) => return unavailable(format!("the database of {service} is unavailable")),
    };
    let Ok(endpoint) = Endpoint::from_shared(address) else {
        return unavailable(format!("the holder of {service} has no usable address: correct advertise"));
    };
    request.headers_mut().insert(FORWARDED, HeaderValue::from_static("1"));
    let channel = endpoint.connect_timeout(CONNECT_WITHIN).tcp_nodelay(true).connect_lazy();
    match channel.oneshot(request.map(tonic::body::Body::new)).await {
        Ok(answer) => answer.map(axum::body::Body::new),
        Err(_) => unavailable(format!("the process that runs {service} does not answer")),
    }
}

/// One service that runs only while this process holds its lock.
pub struct Alone<F> {
    pub service: ServiceName,
    pub competitor: Arc<Competitor>,
    pub db: Db,
    pub switch: Switch,
    pub health: Health,
    pub stop: CancellationToken,
    /// Builds the service for one term; its tasks end when the token fires.
    pub build: F,
}

impl<F, B, E> Alone<F>
where
    F: Fn(Term, CancellationToken) -> B + Send + Sync + 'static,
    B: Future<Output = Result<Service, E>> + Send,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub fn task(self) -> Task {
        Task::new("standby", async move { self.run().await })
    }

    /// Waits until the lock is had. Outages of the database are waited for as well.
    async fn acquire(&self) -> Held {
        let mut last = None;
        loop {
            let (state, outage) = match self.competitor.attempt().await {
                Ok(Some(held)) => return held,
                Ok(None) => (Dependency::Standby, None),
                Err(error) => (Dependency::Waiting, Some(error)),
            };
            if last != Some(state) {
                self.health.set(self.service.as_str(), state);
                match outage {
                    None => tracing::info!(service = %self.service, "another process runs the service; standing by"),
                    Some(error) => {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(service = %self.service, error, "waiting for the database");
                    }
                }
            }
            last = Some(state);
            tokio::time::sleep(PROBE_EVERY).await;
        }
    }

    /// Term after term, until `stop` fires.
    async fn run(self) -> Result<(), RunError> {
        let forwarder =
            Forwarder { service: self.service, competitor: self.competitor.clone(), db: self.db.clone() }.router();
        loop {
            self.switch.set(forwarder.clone());
            let mut held = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(()),
                held = self.acquire() => held,
            };
            self.health.set(self.service.as_str(), Dependency::Waiting);
            tracing::info!(service = %self.service, "this process runs the service now");
            let term = self.stop.child_token();
            let built = (self.build)(held.term(), term.clone()).await;
            let service =
                built.map_err(|error| RunError::Task { name: self.service.as_str(), source: error.into() })?;
            self.switch.set(service.router.clone());
            self.health.set(self.service.as_str(), Dependency::Ready);
            let running = run_until_stopped(vec![service], vec![], term.clone());
            tokio::pin!(running);
            tokio::select! {
                biased;
                ended = &mut running => {
                    held.release().await;
                    // By the process's own end, or by a task's failure, which is the process's.
                    return ended;
                }
                () = held.lost() => {}
            }
            tracing::warn!(service = %self.service, "the lock was lost: another process may run the service now");
            self.switch.set(forwarder.clone());
            term.cancel();
            // Writes of this term are refused from now on; what fails for that is no fault.
            if let Err(error) = running.await {
                tracing::warn!(service = %self.service, error = &error as &dyn std::error::Error, "a lost term ended");
            }
            tokio::time::sleep(PROBE_EVERY).await;
        }
    }
}
