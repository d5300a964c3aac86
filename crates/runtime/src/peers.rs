//! How one service asks another: in this process directly, in another process over gRPC. The caller does not know.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use overseer_credentials::{Assertion, Credential};
use overseer_model::{ServiceName, Timestamp};
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tower::{Service, ServiceExt};

use crate::gate::{ASSERTION_HEADER, CALLER_HEADER, header};

/// What may wait of one answer, and of all answers of a service together. Bytes. A stream whose reader stalls keeps what
/// one answer may, so all of them must have room beside every other answer.
const ANSWER_WINDOW: u32 = 256 << 10;
const ANSWERS_WINDOW: u32 = 128 << 20;

const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// Longest wait for the beginning of an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

#[derive(Clone)]
enum Target {
    /// Filled once that service is built.
    Local(Arc<OnceLock<Router>>),
    Remote(Channel),
}

/// The way of one service to every service.
#[derive(Clone)]
pub struct Peers {
    targets: Arc<HashMap<ServiceName, Target>>,
    own: Credential,
}

#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    #[error("invalid service address `{address}`: expected http://host:port")]
    BadAddress { address: String },
    #[error("service `{service}` is not started yet")]
    NotBuilt {
        service: ServiceName,
        /// What a generated client makes of it.
        #[source]
        source: tonic::Status,
    },
    #[error("service `{service}` is unavailable")]
    NoAnswer {
        service: ServiceName,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The connection to a service in another process, made when it is used first. The time that an answer may take ends with
/// its beginning: a stream takes as long as it takes.
pub(crate) fn channel(address: &str) -> Result<Channel, UpstreamError> {
    let endpoint = Endpoint::from_shared(address.to_owned())
        .map_err(|_| UpstreamError::BadAddress { address: address.to_owned() })?;
    Ok(endpoint
        .connect_timeout(CONNECT_WITHIN)
        .timeout(ANSWER_WITHIN)
        .tcp_nodelay(true)
        .initial_stream_window_size(ANSWER_WINDOW)
        .initial_connection_window_size(ANSWERS_WINDOW)
        .connect_lazy())
}

impl Peers {
    /// The ways of the service whose credential it is. `remote` has the addresses of the services that run elsewhere; all
    /// others run here.
    ///
    /// # Errors
    /// When an address does not parse.
    pub fn new(own: Credential, remote: &HashMap<ServiceName, String>) -> Result<Self, UpstreamError> {
        let target = |service| match remote.get(&service) {
            None => Ok(Target::Local(Arc::default())),
            Some(address) => channel(address).map(Target::Remote),
        };
        let targets = ServiceName::ALL.into_iter().map(|service| Ok((service, target(service)?)));
        Ok(Self { targets: Arc::new(targets.collect::<Result<_, UpstreamError>>()?), own })
    }

    /// The same ways for another service of this process.
    #[must_use]
    pub fn of(&self, own: Credential) -> Self {
        Self { targets: self.targets.clone(), own }
    }

    /// Says that a service runs here, and how it is reached.
    pub fn built(&self, service: ServiceName, router: Router) {
        if let Some(Target::Local(slot)) = self.targets.get(&service) {
            let _already = slot.set(router);
        }
    }

    /// What the service proves itself with, and what it believes of others.
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.own
    }

    /// The way to `service`, for itself. Give it to a generated client.
    #[must_use]
    pub fn to(&self, service: ServiceName) -> Upstream {
        let target = self.targets.get(&service).cloned().unwrap_or(Target::Local(Arc::default()));
        Upstream { service, target, own: self.own.clone(), assertion: None }
    }

    /// The same on behalf of a person.
    #[must_use]
    pub fn on_behalf(&self, service: ServiceName, assertion: &Assertion) -> Upstream {
        Upstream { assertion: header(assertion.as_str()), ..self.to(service) }
    }
}

/// One service as seen by another, for itself or on behalf of one person.
#[derive(Clone)]
pub struct Upstream {
    service: ServiceName,
    target: Target,
    own: Credential,
    assertion: Option<http::HeaderValue>,
}

impl Service<http::Request<Body>> for Upstream {
    type Response = http::Response<Body>;
    type Error = UpstreamError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let token = self.own.call(self.service, request.uri().path(), Timestamp::now());
        for (name, value) in [(CALLER_HEADER, header(token.as_str())), (ASSERTION_HEADER, self.assertion.clone())] {
            match value {
                Some(value) => drop(request.headers_mut().insert(name, value)),
                None => drop(request.headers_mut().remove(name)),
            }
        }
        let (service, target) = (self.service, self.target.clone());
        Box::pin(async move {
            match target {
                Target::Local(slot) => {
                    let router = slot.get().cloned().ok_or_else(|| {
                        let source = tonic::Status::unavailable("the service is being started");
                        UpstreamError::NotBuilt { service, source }
                    })?;
                    let answer = match router.oneshot(request.map(axum::body::Body::new)).await {
                        Ok(answer) => answer,
                        Err(never) => match never {},
                    };
                    Ok(answer.map(Body::new))
                }
                Target::Remote(channel) => channel
                    .oneshot(request)
                    .await
                    .map_err(|source| UpstreamError::NoAnswer { service, source: source.into() }),
            }
        })
    }
}
