//! How the gateway answers: problems as `application/problem+json` or as a rich status, and the headers of every
//! answer.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use http::{HeaderName, HeaderValue, StatusCode, header};
use overseer_runtime::{Code, Problem};
use tonic::Status;

/// A refusal on its way out, with what HTTP says beyond the problem's code.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub problem: Problem,
    status: StatusCode,
    hint: Hint,
}

/// A header that tells how to go on.
#[derive(Debug)]
enum Hint {
    Nothing,
    /// Show a token.
    Challenge,
    /// Wait a second.
    Wait,
    /// Use one of these methods.
    Allow(String),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let status = StatusCode::from_u16(problem.code.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let hint = if problem.code == Code::Unauthenticated { Hint::Challenge } else { Hint::Nothing };
        Self { problem, status, hint }
    }
}

impl Refusal {
    pub(crate) fn new(code: Code, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Problem::new(code, what, todo).into()
    }

    /// The same, under an HTTP status that says more than the one of its code.
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn malformed(what: impl Into<String>) -> Self {
        Self::new(Code::SchemaInvalid, what, "correct the request; /api/openapi.json describes it")
    }

    pub(crate) fn nothing_here() -> Self {
        Self::new(Code::NotFound, "path not found", "see /api/openapi.json for all paths")
    }

    pub(crate) fn too_often(what: &str) -> Self {
        let refusal = Self::new(Code::LimitExceeded, what, "wait a second, then send fewer requests");
        Self { hint: Hint::Wait, ..refusal.with_status(StatusCode::TOO_MANY_REQUESTS) }
    }

    pub(crate) fn wrong_verb(allowed: String) -> Self {
        let refusal = Self::new(Code::NotFound, "method not allowed on this path", format!("use {allowed}"));
        Self { hint: Hint::Allow(allowed), ..refusal.with_status(StatusCode::METHOD_NOT_ALLOWED) }
    }

    /// As gRPC says it.
    pub(crate) fn into_grpc(self) -> Response {
        Status::from(self.problem).into_http::<Body>()
    }
}

impl Hint {
    fn header(self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Nothing => None,
            Self::Challenge => Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::Wait => Some((header::RETRY_AFTER, HeaderValue::from_static("1"))),
            Self::Allow(verbs) => Some((header::ALLOW, HeaderValue::try_from(verbs).ok()?)),
        }
    }
}

/// As REST says it.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { problem, status, hint } = self;
        let body = body(problem, status);
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, value)) = hint.header() {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// As a stream that began already says it.
pub(crate) fn event(problem: Problem) -> Event {
    let Refusal { problem, status, hint: _ } = problem.into();
    Event::default().event("problem").data(body(problem, status).to_string())
}

fn body(Problem { code, what, todo }: Problem, status: StatusCode) -> serde_json::Value {
    let code = code.as_str();
    serde_json::json!({
        "type": format!("urn:overseer:problem:{code}"),
        "title": code.replace('_', " "),
        "status": status.as_u16(),
        "code": code,
        "detail": what,
        "todo": todo,
    })
}

pub(crate) fn json(text: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text.into()).into_response()
}

/// How often an open stream says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Server-sent events.
pub(crate) fn sse(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response()
}

/// What every answer carries: nothing of it is a page, and nobody may keep it.
pub(crate) async fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
