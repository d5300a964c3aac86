//! Stand-in services behind their real gates, and a gateway in front of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, StreamExt};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use overseer_bus::{Bus, InProcess};
use overseer_contract::v1::{self, AuthenticateRequest, AuthenticateResponse};
use overseer_contract::{Contract, Method, Owner};
use overseer_gateway::GatewayConfig;
use overseer_model::{Actor, Permission, Role, ServiceName, Timestamp};
use overseer_runtime::{
    Base, Code, Consumers, Credential, Health, Keyring, Peers, Person, Problem, Relay, Service, bind,
    run_until_stopped, serve,
};
use overseer_storage::{Db, Location, Migrations};
use prost::Message;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, Value};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::service::Routes;
use tower::ServiceExt;

pub const VIEWER: &str = "viewer-token";
pub const APPROVER: &str = "approver-token";
pub const ADMIN: &str = "admin-token";
/// An id that no service has.
pub const MISSING: &str = "missing";

/// Tokens and roles, as identity knows them now.
type Tokens = Arc<Mutex<HashMap<String, v1::Role>>>;

/// What the stand-in for identity answers with.
#[derive(Clone)]
struct Known {
    tokens: Tokens,
    identity: Credential,
}

pub struct House {
    pub router: Router,
    pub bus: Arc<InProcess>,
    pub tokens: Tokens,
    pub stop: CancellationToken,
    keyring: Keyring,
    _folder: tempfile::TempDir,
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub fn config() -> GatewayConfig {
    GatewayConfig {
        requests_per_s: 1_000_000,
        requests_burst: 1_000_000,
        wrong_tokens_per_s: 1,
        wrong_tokens_burst: 3,
        subscriptions: 3,
    }
}

impl House {
    pub async fn new() -> Self {
        Self::with(config(), &[]).await
    }

    /// All in one process, but for the services that are `away`.
    pub async fn with(config: GatewayConfig, away: &[ServiceName]) -> Self {
        Self::build(config, away, false).await
    }

    /// Each service behind a port of its own; nothing listens where those `away` should.
    pub async fn apart(away: &[ServiceName]) -> Self {
        Self::build(config(), away, true).await
    }

    async fn build(config: GatewayConfig, away: &[ServiceName], apart: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bus = Arc::new(InProcess::new());
        let stop = CancellationToken::new();
        let tokens: Tokens = Arc::default();
        for (token, role) in [(VIEWER, v1::Role::Viewer), (APPROVER, v1::Role::Approver), (ADMIN, v1::Role::Admin)] {
            tokens.lock().unwrap().insert(token.to_owned(), role);
        }
        let keyring = Keyring::in_memory("test".parse().unwrap()).unwrap();
        let credential = |service| keyring.credential(service).unwrap();
        let mut peers = Peers::new(credential(ServiceName::Gateway), &HashMap::new()).unwrap();
        let mut addresses: HashMap<_, _> = away.iter().map(|away| (*away, "http://127.0.0.1:1".to_owned())).collect();
        let inside = ServiceName::ALL.into_iter().filter(|s| *s != ServiceName::Gateway && !away.contains(s));
        for service in inside {
            let location = Location::Sqlite { folder: folder.path().to_owned() };
            let db = Db::open(&location, service, Migrations(&[])).await.unwrap();
            let base = Base {
                service,
                site: "home".parse().unwrap(),
                db,
                bus: bus.clone(),
                peers: peers.of(credential(service)),
                relay: Relay::default(),
                health: Health::default(),
                consumers: Consumers::default(),
                stop: stop.clone(),
            };
            let known = Known { tokens: tokens.clone(), identity: credential(ServiceName::Identity) };
            let routes = Routes::from(Router::new().fallback(stand_in).with_state(known));
            let router = Service::new(&base, routes, vec![]).router;
            if apart {
                let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
                addresses.insert(service, format!("http://{}", listener.local_addr().unwrap()));
                tokio::spawn(serve(listener, router, Health::default(), stop.clone()));
            }
        }
        if apart {
            peers = Peers::new(credential(ServiceName::Gateway), &addresses).unwrap();
        }
        let watched: Arc<dyn Bus> = bus.clone();
        let (router, tasks) = overseer_gateway::build(peers, watched, config, stop.clone()).await.unwrap();
        tokio::spawn(run_until_stopped(vec![], tasks, stop.clone()));
        Self { router, bus, tokens, stop, keyring, _folder: folder }
    }

    /// True credentials, as somebody might have got hold of them: a call of the gateway, for an administrator.
    pub fn stolen(&self, service: ServiceName, path: &str) -> HeaderMap {
        let (credential, now) = (|service| self.keyring.credential(service).unwrap(), Timestamp::now());
        let roles = vec![Role::Viewer, Role::Operator, Role::Approver, Role::Admin];
        let boss = Person { name: "boss".to_owned(), roles };
        let assertion = credential(ServiceName::Identity).assert(boss, now).as_str().parse().unwrap();
        let caller = credential(ServiceName::Gateway).call(service, path, now).as_str().parse().unwrap();
        let named = |(name, value): (&'static str, HeaderValue)| (header::HeaderName::from_static(name), value);
        [("overseer-assertion", assertion), ("overseer-caller", caller)].map(named).into_iter().collect()
    }

    pub async fn send(&self, request: http::Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub async fn rest(&self, verb: &str, path: &str, token: &str, body: &str) -> (StatusCode, serde_json::Value) {
        read(self.send(rest(verb, path, token, body)).await).await
    }

    /// The answer, or the problem, of a gRPC call.
    pub async fn grpc(&self, method: &Method, token: &str, json: &str) -> Result<serde_json::Value, Problem> {
        let mut input = serde_json::Deserializer::from_str(json);
        let message = DynamicMessage::deserialize(method.descriptor.input(), &mut input).unwrap();
        let response = self.send(grpc(&method.path, token, &message.encode_to_vec())).await;
        assert_eq!(response.status(), 200);
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned();
        let status = Status::from_header_map(&parts.headers)
            .or_else(|| Status::from_header_map(&trailers.unwrap_or_default()))
            .expect("a status");
        if status.code() != tonic::Code::Ok {
            return Err(Problem::from_status(&status));
        }
        let answer = DynamicMessage::decode(method.descriptor.output(), &body.to_bytes()[5..]).unwrap();
        Ok(serde_json::to_value(&answer).unwrap())
    }
}

pub async fn read(response: Response) -> (StatusCode, serde_json::Value) {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (parts.status, serde_json::from_slice(&bytes).unwrap_or_default())
}

pub fn rest(verb: &str, path: &str, token: &str, body: &str) -> http::Request<Body> {
    let mut request = http::Request::builder().method(verb).uri(path);
    if !token.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if !body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

pub fn grpc(path: &str, token: &str, message: &[u8]) -> http::Request<Body> {
    let mut request = rest("POST", path, token, "");
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    *request.body_mut() = Body::from(framed(message));
    request
}

fn framed(message: &[u8]) -> Bytes {
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    frame.into()
}

/// The methods that callers from outside may know of.
pub fn outside() -> Vec<&'static Method> {
    Contract::get()
        .methods()
        .filter(|method| method.permission != Permission::Internal && method.owner != Owner::Every)
        .collect()
}

pub fn method(path: &str) -> &'static Method {
    Contract::get().method(path).unwrap()
}

/// A token that may call the method.
pub fn token_for(method: &Method) -> &'static str {
    match method.permission {
        Permission::Public => "",
        Permission::Read => VIEWER,
        Permission::Approve => APPROVER,
        Permission::Audit | Permission::Configure | Permission::Internal => ADMIN,
    }
}

/// How a stream of a stand-in ends after two messages; the request says it as its workload.
pub const ENDLESS: &str = "endless";
pub const BROKEN: &str = "broken";
/// As when the service dies.
pub const DYING: &str = "dying";

/// Answers any method of the contract.
async fn stand_in(State(known): State<Known>, request: Request) -> Response {
    let is_stream = Contract::get().method(request.uri().path()).unwrap().descriptor.is_server_streaming();
    match answer(&known, request).await {
        Ok((asked, message)) if is_stream => in_grpc(streamed(&asked, &message)),
        Ok((_, message)) => in_grpc(Body::new(Full::new(framed(&message)).with_trailers(async { Some(Ok(ok())) }))),
        Err(status) => status.into_http::<Body>(),
    }
}

fn in_grpc(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "application/grpc")], body).into_response()
}

fn ok() -> HeaderMap {
    HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))])
}

fn streamed(asked: &DynamicMessage, message: &[u8]) -> Body {
    let frames = stream::iter([framed(message), framed(message)].map(Frame::data));
    let how = asked.get_field_by_name("workload").and_then(|how| how.as_str().map(str::to_owned)).unwrap_or_default();
    let mut trailers = ok();
    if how == BROKEN {
        Status::from(Problem::new(Code::Conflict, "it broke", "mend it")).add_header(&mut trailers).unwrap();
    }
    let end = stream::once(async move {
        if how == ENDLESS {
            std::future::pending::<()>().await;
        }
        if how == DYING { Err(std::io::Error::other("the service died")) } else { Ok(Frame::trailers(trailers)) }
    });
    Body::new(StreamBody::new(frames.map(Ok).chain(end)))
}

/// What was asked, and the answer.
async fn answer(known: &Known, request: Request) -> Result<(DynamicMessage, Vec<u8>), Status> {
    let method = Contract::get().method(request.uri().path()).unwrap();
    let actor = request.extensions().get::<Actor>().cloned().unwrap();
    assert!(request.headers().get(header::AUTHORIZATION).is_none(), "a token went further than the gateway");
    let body = request.into_body().collect().await.map_err(|error| Status::from_error(error.into()))?.to_bytes();
    let message = &body[5..];
    let asked = DynamicMessage::decode(method.descriptor.input(), message).unwrap();
    if method.descriptor.name() == "Authenticate" {
        let AuthenticateRequest { token } = AuthenticateRequest::decode(message).unwrap();
        let role = known.tokens.lock().unwrap().get(&token).copied();
        let role = role.ok_or_else(|| Problem::new(Code::Unauthenticated, "unknown", "another"))?;
        let person = Person { name: token, roles: vec![role.try_into().unwrap()] };
        let assertion = known.identity.assert(person, Timestamp::now()).as_str().to_owned();
        return Ok((asked, AuthenticateResponse { assertion }.encode_to_vec()));
    }
    let id = asked.get_field_by_name("id").and_then(|id| id.as_str().map(str::to_owned));
    if id.as_deref() == Some(MISSING) {
        return Err(Problem::not_found("thing", "the list").into());
    }
    let mut sample = sample(&method.descriptor.output(), &actor.to_string(), 4);
    if let (Some(id), true) = (id, sample.descriptor_has_text("id")) {
        sample.set_field_by_name("id", Value::String(id));
    }
    Ok((asked, sample.encode_to_vec()))
}

trait HasText {
    fn descriptor_has_text(&self, name: &str) -> bool;
}
impl HasText for DynamicMessage {
    fn descriptor_has_text(&self, name: &str) -> bool {
        self.get_field_by_name(name).is_some_and(|value| value.as_str().is_some())
    }
}

/// A message with something in every field, down to `levels`.
fn sample(descriptor: &MessageDescriptor, text: &str, levels: u32) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields() {
        let value = match field.kind() {
            Kind::String => Value::String(text.to_owned()),
            Kind::Bool => Value::Bool(true),
            Kind::Int32 => Value::I32(-7),
            Kind::Int64 => Value::I64(1_795_237_443),
            Kind::Uint32 => Value::U32(7),
            Kind::Uint64 => Value::U64(u64::MAX),
            Kind::Double => Value::F64(0.5),
            Kind::Enum(_) => Value::EnumNumber(1),
            Kind::Message(inside) if levels > 0 => Value::Message(sample(&inside, text, levels - 1)),
            _ => continue,
        };
        if descriptor.full_name() != "google.protobuf.Timestamp" || field.name() == "seconds" {
            message.set_field(&field, if field.is_list() { Value::List(vec![value]) } else { value });
        }
    }
    message
}
