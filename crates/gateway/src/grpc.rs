//! gRPC: calls are forwarded by path to the service that owns the method, bodies streaming both ways. Health and
//! reflection are answered here.

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, header};
use http_body::Frame;
use http_body_util::{BodyExt, BodyStream, Limited, StreamBody};
use overseer_contract::v1::system_service_server::SystemServiceServer;
use overseer_contract::{Contract, DESCRIPTORS};
use overseer_model::ServiceName;
use overseer_runtime::{BuildError, Code, Problem};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::service::Routes;
use tower::ServiceExt;

use crate::answer::Refusal;
use crate::auth::{Auth, Caller, Credential};
use crate::rest::LARGEST_BODY;
use crate::route::open_to_all;
use crate::streams::{Next, Streams};
use crate::version::System;
use crate::way::Ways;

/// The services that the gateway answers itself.
pub(crate) fn own() -> Result<Router, BuildError> {
    let (_, health) = tonic_health::server::health_reporter();
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .build_v1()
        .map_err(|source| BuildError::Config {
            what: "the compiled contract cannot be reflected".to_owned(),
            source: Some(source.into()),
        })?;
    let routes = Routes::new(health).add_service(reflection).add_service(SystemServiceServer::new(System));
    Ok(routes.into_axum_router())
}

pub(crate) fn is_grpc(headers: &http::HeaderMap) -> bool {
    let declared = headers.get(header::CONTENT_TYPE).map(http::HeaderValue::as_bytes).unwrap_or_default();
    declared.strip_prefix(b"application/grpc").is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

pub(crate) struct Grpc {
    pub auth: Auth,
    pub ways: Ways,
    pub streams: Streams,
    pub stop: CancellationToken,
}

impl Grpc {
    pub(crate) async fn answer(
        &self,
        request: http::Request<Body>,
        credential: Credential,
    ) -> Result<Response, Refusal> {
        let path = request.uri().path();
        if path.starts_with("/grpc.health.v1.Health/") || path.starts_with("/grpc.reflection.v1.ServerReflection/") {
            let answer = self.forward(ServiceName::Gateway, &Caller::Anonymous, request).await?;
            // Their streams have no end of their own, and nobody may hold up the end by listening.
            let stopped = self.stop.clone().cancelled_owned();
            return Ok(answer.map(|body| Body::new(StreamBody::new(BodyStream::new(body).take_until(stopped)))));
        }
        let found = Contract::get().method(path).and_then(|method| Some((method, open_to_all(method)?)));
        let (method, owner) = found.ok_or_else(no_such_method)?;
        let caller = self.auth.admit(&credential, path).await?;
        if !method.descriptor.is_server_streaming() {
            return self.forward(owner, &caller, request).await;
        }
        let lease = self.streams.open(credential, method.permission)?;
        let answer = self.forward(owner, &caller, request).await?;
        Ok(answer.map(|body| {
            let frames = lease.guard(BodyStream::new(body).map(Ok)).map(|next| match next {
                Next::Item(frame) => frame,
                Next::Cut(problem) => Ok(last_frame(problem)),
            });
            Body::new(StreamBody::new(frames))
        }))
    }

    async fn forward(
        &self,
        owner: ServiceName,
        caller: &Caller,
        request: http::Request<Body>,
    ) -> Result<Response, Refusal> {
        let limited = |body| Limited::new(body, LARGEST_BODY).map_err(|_| too_large());
        let forwarded = self.ways.to(owner, caller).oneshot(request.map(|body| tonic::body::Body::new(limited(body))));
        let answer = forwarded.await.map_err(|status| Problem::from_status(&status))?;
        Ok(answer.map(Body::new))
    }
}

/// Why a stream ends before its time, as gRPC says it.
fn last_frame(problem: Problem) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    // What cannot be said in a header leaves the reader with a stream that broke off.
    let _best_effort = Status::from(problem).add_header(&mut trailers);
    Frame::trailers(trailers)
}

fn too_large() -> Status {
    Problem::new(Code::LimitExceeded, "the request exceeds 1 MiB", "send a smaller request").into()
}

fn no_such_method() -> Refusal {
    Refusal::new(Code::NotFound, "unknown method", "use reflection to list the methods")
}
