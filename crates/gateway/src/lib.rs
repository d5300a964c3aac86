//! The only public door: REST and gRPC on one port, and live events.
//!
//! It promises that nobody reaches a service without the permission that the contract asks for, that nothing malformed
//! is forwarded, and that both doors give the same answer. It holds no data and decides nothing: each service checks
//! the permission again at its own gate.

mod answer;
mod auth;
mod config;
mod events;
mod grpc;
mod limit;
mod openapi;
mod rest;
mod route;
mod streams;
mod strict;
mod transcode;
mod version;
mod way;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use overseer_bus::Bus;
use overseer_runtime::{BuildError, Code, Peers, Task};
use tokio_util::sync::CancellationToken;

pub use config::GatewayConfig;

use answer::Refusal;
use auth::{Auth, Credential};
use events::Feed;
use grpc::Grpc;
use rest::Rest;
use streams::Streams;
use way::{Ways, unavailable};

/// Longest time until an answer begins. Only streams may then go on.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Largest sum of a request's path and headers.
const LARGEST_HEAD: usize = 32 << 10;

struct Gateway {
    auth: Auth,
    rest: Rest,
    grpc: Grpc,
    feed: Feed,
    streams: Streams,
    openapi: String,
}

/// The routes of the gateway, and what runs beside them until `stop` fires.
///
/// # Errors
/// When the configuration or the contract cannot be served, or the bus cannot be watched.
pub async fn build(
    peers: Peers,
    bus: Arc<dyn Bus>,
    config: GatewayConfig,
    stop: CancellationToken,
) -> Result<(Router, Vec<Task>), BuildError> {
    config.check()?;
    let endpoints = route::Endpoint::all();
    let openapi = openapi::document(&endpoints).to_string();
    let ways = Ways { peers, own: grpc::own()? };
    let auth = Auth::new(ways.clone(), &config);
    let feed = Feed::new(stop.clone());
    let streams = Streams::new(config.subscriptions, auth.clone(), stop.clone());
    let events = bus.watch().await.map_err(BuildError::Bus)?;
    let listening = feed.clone().run(bus, events);
    let gateway = Gateway {
        auth: auth.clone(),
        rest: Rest {
            routes: route::Routes::new(endpoints)?,
            auth: auth.clone(),
            ways: ways.clone(),
            streams: streams.clone(),
        },
        grpc: Grpc { auth, ways, streams: streams.clone(), stop },
        feed,
        streams,
        openapi,
    };
    let router = Router::new()
        .fallback(front)
        .with_state(Arc::new(gateway))
        .layer(axum::middleware::map_response(answer::with_headers));
    let task = Task::new("events", async move {
        listening.await;
        Ok(())
    });
    Ok((router, vec![task]))
}

/// Every request, whatever it asks for.
async fn front(State(gateway): State<Arc<Gateway>>, mut request: Request) -> Response {
    let is_grpc = grpc::is_grpc(request.headers());
    let refused = |refusal: Refusal| if is_grpc { refusal.into_grpc() } else { refusal.into_response() };
    if head_size(&request) > LARGEST_HEAD {
        return refused(too_large_a_head());
    }
    strip_inside_names(request.headers_mut());
    let (mut parts, body) = request.into_parts();
    let credential = Credential::take(&mut parts.headers, &parts.extensions);
    let request = Request::from_parts(parts, body);
    let answered = tokio::time::timeout(ANSWER_WITHIN, gateway.answer(request, credential, is_grpc)).await;
    let answered = answered.unwrap_or_else(|_| Err(unavailable().into()));
    metrics::counter!("overseer_gateway_requests_total", "door" => if is_grpc { "grpc" } else { "rest" }).increment(1);
    answered.unwrap_or_else(refused)
}

impl Gateway {
    async fn answer(
        &self,
        request: http::Request<Body>,
        credential: Credential,
        is_grpc: bool,
    ) -> Result<Response, Refusal> {
        match request.uri().path() {
            _ if is_grpc => self.grpc.answer(request, credential).await,
            openapi::PATH if request.method() == http::Method::GET => Ok(answer::json(self.openapi.clone())),
            openapi::PATH => Err(Refusal::wrong_verb("GET".to_owned())),
            events::PATH => self.feed.answer(&request.into_parts().0, &self.auth, &self.streams, credential).await,
            _ => self.rest.answer(request, credential).await,
        }
    }
}

fn head_size(request: &Request) -> usize {
    let uri = request.uri();
    let path = uri.path().len() + uri.query().map_or(0, str::len);
    request.headers().iter().fold(path, |sum, (name, value)| sum + name.as_str().len() + value.len())
}

fn too_large_a_head() -> Refusal {
    Refusal::new(Code::LimitExceeded, "path and headers exceed 32 KiB", "send a smaller request")
        .with_status(http::StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
}

/// What Overseer's services tell each other in headers is not for anybody else to say.
fn strip_inside_names(headers: &mut HeaderMap) {
    let inside: Vec<_> = headers.keys().filter(|name| name.as_str().starts_with("overseer-")).cloned().collect();
    for name in inside {
        headers.remove(name);
    }
}
