//! REST: one generic transcoder for all routes of the contract, no handler per route. A method that answers with a
//! stream is server-sent events: `data` is a message's JSON; the event `problem` says why a stream ended before its time.

use std::error::Error;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use axum::response::sse::Event;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::{Stream, StreamExt};
use http::uri::PathAndQuery;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use overseer_runtime::{Code, Problem};
use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use crate::answer::{self, Refusal};
use crate::auth::{Auth, Credential};
use crate::route::{Endpoint, Routes};
use crate::streams::{Next, Streams};
use crate::transcode::{self, Sent};
use crate::way::{Way, Ways, unavailable};

/// Largest body of a request.
pub(crate) const LARGEST_BODY: usize = 1 << 20;
/// Longest wait for the next bytes of a body.
const NEXT_BYTES_WITHIN: Duration = Duration::from_secs(10);
/// Largest answer of a service: a page of 500 entries is far below it.
const LARGEST_ANSWER: usize = 32 << 20;

pub(crate) struct Rest {
    pub routes: Routes,
    pub auth: Auth,
    pub ways: Ways,
    pub streams: Streams,
}

impl Rest {
    pub(crate) async fn answer(
        &self,
        request: http::Request<Body>,
        credential: Credential,
    ) -> Result<Response, Refusal> {
        let (parts, body) = request.into_parts();
        let found = self.routes.find(parts.uri.path()).ok_or_else(Refusal::nothing_here)?;
        let endpoint = found.endpoint(&parts.method).map_err(Refusal::wrong_verb)?;
        let caller = self.auth.admit(&credential, &endpoint.method.path).await?;
        let body = read(&parts.headers, body).await?;
        let sent = Sent { captures: &found.captures, query: parts.uri.query().unwrap_or_default(), body: &body };
        let message = transcode::request(endpoint, &sent)?.encode_to_vec();
        let call = Call { way: self.ways.to(endpoint.owner, &caller), endpoint, message: message.into() };
        if !endpoint.is_stream() {
            return Ok(answer::json(call.unary().await?));
        }
        let lease = self.streams.open(credential, endpoint.method.permission)?;
        let events = lease.guard(call.stream().await?.boxed()).map(|next| match next {
            Next::Item(text) => Event::default().data(text),
            Next::Cut(problem) => answer::event(problem),
        });
        Ok(answer::sse(events))
    }
}

/// A call of the service that owns the method.
struct Call {
    way: Way,
    endpoint: Endpoint,
    message: Bytes,
}

impl Call {
    async fn unary(self) -> Result<String, Problem> {
        let (endpoint, path) = (self.endpoint, self.path());
        let (mut client, request) = self.ready().await?;
        let answer = client.unary(request, path, Plain).await.map_err(|status| Problem::from_status(&status))?;
        text(endpoint, &answer.into_inner())
    }

    async fn stream(self) -> Result<impl Stream<Item = Result<String, Problem>> + Send, Problem> {
        let (endpoint, path) = (self.endpoint, self.path());
        let (mut client, request) = self.ready().await?;
        let answer = client.server_streaming(request, path, Plain).await;
        let messages = answer.map_err(|status| Problem::from_status(&status))?.into_inner();
        Ok(messages.map(move |message| match message {
            Ok(bytes) => text(endpoint, &bytes),
            // What has a cause on this side is no answer: the service, or the way to it, is gone.
            Err(status) if status.source().is_some() => Err(unavailable()),
            Err(status) => Err(Problem::from_status(&status)),
        }))
    }

    fn path(&self) -> PathAndQuery {
        PathAndQuery::from_static(&self.endpoint.method.path)
    }

    async fn ready(self) -> Result<(tonic::client::Grpc<Way>, tonic::Request<Bytes>), Problem> {
        let mut client = tonic::client::Grpc::new(self.way).max_decoding_message_size(LARGEST_ANSWER);
        client.ready().await.map_err(|_| unavailable())?;
        Ok((client, tonic::Request::new(self.message)))
    }
}

fn text(endpoint: Endpoint, bytes: &[u8]) -> Result<String, Problem> {
    transcode::answer(endpoint, bytes).ok_or_else(|| {
        tracing::error!(method = endpoint.method.path, "response does not match the contract");
        Problem::new(Code::Internal, "Overseer failed", "check Overseer's log")
    })
}

/// The whole body, when it is JSON and not too large.
async fn read(headers: &HeaderMap, mut body: Body) -> Result<Bytes, Refusal> {
    let mut bytes = BytesMut::new();
    loop {
        let frame = tokio::time::timeout(NEXT_BYTES_WITHIN, body.frame()).await;
        let Some(frame) = frame.map_err(|_| Refusal::malformed("timed out reading the body"))? else { break };
        let frame = frame.map_err(|_| Refusal::malformed("the body ended early"))?;
        let data = frame.into_data().unwrap_or_default();
        if bytes.len() + data.len() > LARGEST_BODY {
            return Err(Refusal::new(Code::LimitExceeded, "the body exceeds 1 MiB", "send a smaller request"));
        }
        bytes.extend_from_slice(&data);
    }
    if bytes.is_empty() || is_json(headers) {
        return Ok(bytes.freeze());
    }
    let refusal = Refusal::malformed("unsupported media type: send `content-type: application/json`");
    Err(refusal.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

fn is_json(headers: &HeaderMap) -> bool {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (kind, parameters) = declared.split_once(';').unwrap_or((declared, ""));
    let parameters = parameters.trim();
    kind.trim().eq_ignore_ascii_case("application/json")
        && (parameters.is_empty() || parameters.eq_ignore_ascii_case("charset=utf-8"))
}

/// Messages that are encoded already.
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;
    fn encoder(&mut self) -> Self {
        Self
    }
    fn decoder(&mut self) -> Self {
        Self
    }
}
impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;
    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}
impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;
    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
