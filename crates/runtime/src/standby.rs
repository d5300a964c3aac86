//! Two processes of a service that must not run twice: one holds, the other waits, ready, and forwards what it is asked to
//! the one that holds. Which one that is says the database ([`overseer_storage::Competitor`]).

mod forward;

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use overseer_model::ServiceName;
use overseer_storage::{Competitor, Db, Held, PROBE_EVERY, Term};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tower::ServiceExt;

use self::forward::Forwarder;
use crate::service::{Service, Task, run_until_stopped};
use crate::{Dependency, Health, RunError};

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

/// How a term ended.
enum Ended {
    /// With the service: nothing is left to run.
    Whole(Result<(), RunError>),
    /// Another term may follow.
    Early,
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
                    None => tracing::info!(service = %self.service, "standing by: another process runs the service"),
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

    /// Term after term, until `stop` fires or a task of a term fails.
    async fn run(self) -> Result<(), RunError> {
        let forwarder = Forwarder::new(self.service, self.competitor.clone(), self.db.clone()).router();
        loop {
            self.switch.set(forwarder.clone());
            let mut held = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(()),
                held = self.acquire() => held,
            };
            self.health.set(self.service.as_str(), Dependency::Waiting);
            tracing::info!(service = %self.service, "this process now runs the service");
            let ended = self.term(&mut held, &forwarder).await;
            held.release().await;
            match ended {
                // By the process's own end, or by a task's failure, which is the process's.
                Ended::Whole(result) => return result,
                Ended::Early => tokio::time::sleep(PROBE_EVERY).await,
            }
        }
    }

    /// Builds and runs the service for as long as the lock is held. While it is being built, the term before may still be
    /// ending in another process and hold what cannot be shared, so a build that fails is tried again in another term.
    async fn term(&self, held: &mut Held, forwarder: &Router) -> Ended {
        let term = self.stop.child_token();
        let building = (self.build)(held.term(), term.clone());
        let built = tokio::select! {
            biased;
            built = building => built.map_err(Into::into),
            () = held.lost() => Err("the lock was lost".into()),
        };
        let service = match built {
            Ok(service) => service,
            Err(_) if self.stop.is_cancelled() => return Ended::Whole(Ok(())),
            Err(error) => {
                term.cancel();
                let error: Box<dyn std::error::Error + Send + Sync> = error;
                tracing::error!(service = %self.service, error = &*error as &dyn std::error::Error, "service not started");
                return Ended::Early;
            }
        };
        self.switch.set(service.router.clone());
        self.health.set(self.service.as_str(), Dependency::Ready);
        let running = run_until_stopped(vec![service], vec![], term.clone());
        tokio::pin!(running);
        tokio::select! {
            biased;
            ended = &mut running => {
                self.switch.set(forwarder.clone());
                return Ended::Whole(ended);
            }
            () = held.lost() => {}
        }
        tracing::warn!(service = %self.service, "lock lost: another process may run the service now");
        self.health.set(self.service.as_str(), Dependency::Waiting);
        self.switch.set(forwarder.clone());
        term.cancel();
        // Writes of this term are refused from now on; what fails for that is no fault.
        if let Err(error) = running.await {
            tracing::warn!(service = %self.service, error = &error as &dyn std::error::Error, "term ended after its lock was lost");
        }
        Ended::Early
    }
}
