//! Deny by default, in front of the service that answers: every call shows the credential of the service that makes it,
//! and may carry the assertion of the person on whose behalf. The caller comes from these two and from nothing else.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue};
use overseer_contract::{Contract, Method, Right, right};
use overseer_credentials::{Credential, Person, Refused};
use overseer_model::{Actor, Permission, ServiceName, Timestamp};
use tonic::Status;

use crate::{Code, Problem};

/// Which service calls; signed by it.
pub(crate) const CALLER_HEADER: &str = "overseer-caller";
/// On whose behalf; signed by identity.
pub(crate) const ASSERTION_HEADER: &str = "overseer-assertion";

/// gRPC's own services, which tell nothing but the published contract and that this process lives.
fn is_grpc_own(path: &str) -> bool {
    path.starts_with("/grpc.health.v1.Health/") || path.starts_with("/grpc.reflection.v1.ServerReflection/")
}

/// Lets a call through to its service when its caller may make it.
pub(crate) async fn gate(State(own): State<Credential>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if is_grpc_own(&path) {
        return next.run(request).await;
    }
    match admit(&own, &path, request.headers(), Timestamp::now()) {
        Ok(actor) => {
            request.extensions_mut().insert(actor);
            next.run(request).await
        }
        Err(problem) => Status::from(problem).into_http::<axum::body::Body>().into_response(),
    }
}

fn admit(own: &Credential, path: &str, headers: &HeaderMap, now: Timestamp) -> Result<Actor, Problem> {
    let caller = calling_service(own, path, headers, now).map_err(|refused| {
        refuse("caller", path, &refused);
        Problem::new(Code::Unauthenticated, "this port is for Overseer's services only", "call the gateway instead")
    })?;
    let method = method(path)?;
    let Some(right) = right(caller, method) else { return Err(forbidden_to(caller)) };
    match (right, person(own, path, headers, now)?) {
        (Right::AsItself, None) => Ok(Actor::Service(caller)),
        // It could claim the person's name for what it does itself.
        (Right::AsItself, Some(_)) => Err(forbidden_to(caller)),
        (Right::ForPerson, person) => {
            let actor = person.map_or(Actor::Anonymous, actor);
            actor_has(&actor, method.permission)?;
            Ok(actor)
        }
    }
}

fn calling_service(own: &Credential, path: &str, headers: &HeaderMap, now: Timestamp) -> Result<ServiceName, Refused> {
    let token = only(headers, CALLER_HEADER)?.ok_or(Refused::Missing)?;
    own.trust().caller(token, own.service(), path, now)
}

fn person(own: &Credential, path: &str, headers: &HeaderMap, now: Timestamp) -> Result<Option<Person>, Problem> {
    let verified = match only(headers, ASSERTION_HEADER) {
        Ok(None) => return Ok(None),
        Ok(Some(assertion)) => own.trust().person(assertion, now),
        Err(refused) => Err(refused),
    };
    verified.map(Some).map_err(|refused| {
        refuse("assertion", path, &refused);
        nobody()
    })
}

/// The one value of a header. Several are none that could be believed.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Refused> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Refused::Malformed),
        (Some(_), Some(_)) => Err(Refused::Malformed),
    }
}

fn refuse(credential: &'static str, path: &str, refused: &Refused) {
    metrics::counter!("overseer_gate_refused_total", "credential" => credential).increment(1);
    // The path is outside data until the method is found; it is shown escaped.
    tracing::warn!(credential, ?path, error = refused as &dyn std::error::Error, "call refused");
}

/// The actor that an asserted person is.
#[must_use]
pub fn actor(person: Person) -> Actor {
    let Person { name, roles } = person;
    Actor::User { name, roles }
}

fn method(path: &str) -> Result<&'static Method, Problem> {
    Contract::get()
        .method(path)
        .ok_or_else(|| Problem::new(Code::NotFound, "unknown method", "use reflection to list the methods"))
}

fn nobody() -> Problem {
    Problem::new(Code::Unauthenticated, "missing or invalid token", "send `Authorization: Bearer <token>`")
}

fn forbidden_to(service: ServiceName) -> Problem {
    let todo = "the contract's table of rights lists the allowed calls";
    Problem::new(Code::Forbidden, format!("the service `{service}` may not call that"), todo)
}

/// Whether `actor` may call the gRPC method at `path`, as far as the method's permission decides.
///
/// # Errors
/// What the caller is told when it may not.
pub fn actor_may(actor: &Actor, path: &str) -> Result<(), Problem> {
    actor_has(actor, method(path)?.permission)
}

/// Whether `actor` has a permission.
///
/// # Errors
/// What the caller is told when it has not.
pub fn actor_has(actor: &Actor, permission: Permission) -> Result<(), Problem> {
    match (actor.may(permission), actor) {
        (true, _) => Ok(()),
        (false, Actor::Anonymous) => Err(nobody()),
        (false, Actor::Service(service)) => Err(forbidden_to(*service)),
        (false, Actor::User { .. }) => Err(Problem::new(
            Code::Forbidden,
            "this token lacks the required role",
            match permission {
                Permission::Approve => "use a token with the role approver",
                Permission::Audit | Permission::Configure => "use a token with the role admin",
                Permission::Public | Permission::Read => "use a token with the role viewer",
                Permission::Internal => "this method is for Overseer's own services",
            },
        )),
    }
}

/// A credential as a header that is not printed; `None` cannot come of base64.
pub(crate) fn header(credential: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(credential).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Who makes this call, as the gate found.
#[must_use]
pub fn actor_of<T>(request: &tonic::Request<T>) -> Actor {
    request.extensions().get::<Actor>().cloned().unwrap_or(Actor::Anonymous)
}

/// The name of whoever makes this call, for records.
#[must_use]
pub fn caller<T>(request: &tonic::Request<T>) -> String {
    actor_of(request).to_string()
}

#[cfg(test)]
mod tests;
