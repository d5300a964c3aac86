//! The way from the gateway to the service that owns a method: its own methods here, all others through a peer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use overseer_model::ServiceName;
use overseer_runtime::{Code, Peers, Problem, Upstream, UpstreamError};
use tonic::Status;
use tonic::body::Body;
use tower::{Service, ServiceExt};

use crate::auth::Caller;

/// The ways to all services.
#[derive(Clone)]
pub(crate) struct Ways {
    pub peers: Peers,
    /// What the gateway answers itself.
    pub own: Router,
}

impl Ways {
    /// On behalf of `caller`.
    pub(crate) fn to(&self, service: ServiceName, caller: &Caller) -> Way {
        match service {
            ServiceName::Gateway => Way::Own(self.own.clone()),
            ServiceName::Identity
            | ServiceName::Collector
            | ServiceName::IncidentEngine
            | ServiceName::ControlPlane
            | ServiceName::Executor
            | ServiceName::Notifier => match caller {
                Caller::Anonymous => Way::Peer(self.peers.to(service)),
                Caller::Person { assertion, .. } => Way::Peer(self.peers.on_behalf(service, assertion)),
            },
        }
    }
}

#[derive(Clone)]
pub(crate) enum Way {
    Own(Router),
    Peer(Upstream),
}

/// A service that is away is a status here already, so that a caller learns no more than that.
impl Service<http::Request<Body>> for Way {
    type Response = http::Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        match self.clone() {
            Self::Own(router) => Box::pin(async move {
                match router.oneshot(request.map(axum::body::Body::new)).await {
                    Ok(answer) => Ok(answer.map(Body::new)),
                    Err(never) => match never {},
                }
            }),
            Self::Peer(upstream) => {
                Box::pin(async move { upstream.oneshot(request).await.map_err(|error| away(&error)) })
            }
        }
    }
}

fn away(error: &UpstreamError) -> Status {
    tracing::warn!(error = error as &dyn std::error::Error, "request could not be forwarded");
    unavailable().into()
}

pub(crate) fn unavailable() -> Problem {
    Problem::new(Code::Unavailable, "a service is unavailable", "retry; /readyz?verbose shows what is unavailable")
}
