//! Deny by default: every call of a service carries the cluster's secret and names its actor, and every method's
//! permission is checked here, in front of the service that answers, whoever forwarded the call.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue};
use overseer_contract::Contract;
use overseer_model::{Actor, Permission};
use tonic::Status;

use crate::{Code, Problem, Secret};

/// Shown by Overseer's services to each other; whoever has it speaks for any actor.
pub type ClusterSecret = Arc<Secret>;

pub(crate) const SECRET_HEADER: &str = "overseer-cluster";
pub(crate) const ACTOR_HEADER: &str = "overseer-actor";

/// gRPC's own services, which tell nothing but the published contract and that this process lives.
fn is_grpc_own(path: &str) -> bool {
    path.starts_with("/grpc.health.v1.Health/") || path.starts_with("/grpc.reflection.v1.ServerReflection/")
}

/// Lets a call through to its service when its actor may make it.
pub(crate) async fn gate(State(secret): State<ClusterSecret>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if is_grpc_own(&path) {
        return next.run(request).await;
    }
    match admit(&secret, &path, request.headers()) {
        Ok(actor) => {
            request.extensions_mut().insert(actor);
            next.run(request).await
        }
        Err(problem) => Status::from(problem).into_http::<axum::body::Body>().into_response(),
    }
}

fn admit(secret: &Secret, path: &str, headers: &HeaderMap) -> Result<Actor, Problem> {
    let shown = headers.get(SECRET_HEADER).map(HeaderValue::as_bytes).unwrap_or_default();
    if !secret.matches(shown) {
        return Err(Problem::new(
            Code::Unauthenticated,
            "this port is for Overseer's own services",
            "call the gateway instead",
        ));
    }
    let actor = headers.get(ACTOR_HEADER).and_then(|value| serde_json::from_slice(value.as_bytes()).ok());
    let actor = actor.unwrap_or(Actor::Anonymous);
    actor_may(&actor, path)?;
    Ok(actor)
}

/// Whether `actor` may call the gRPC method at `path`.
///
/// # Errors
/// What the caller is told when it may not.
pub fn actor_may(actor: &Actor, path: &str) -> Result<(), Problem> {
    let method = Contract::get()
        .method(path)
        .ok_or_else(|| Problem::new(Code::NotFound, "there is no such method", "reflection lists those there are"))?;
    actor_has(actor, method.permission)
}

/// Whether `actor` has a permission.
///
/// # Errors
/// What the caller is told when it has not.
pub fn actor_has(actor: &Actor, permission: Permission) -> Result<(), Problem> {
    match (actor.may(permission), actor) {
        (true, _) => Ok(()),
        (false, Actor::Anonymous) => {
            Err(Problem::new(Code::Unauthenticated, "no valid token was sent", "send `Authorization: Bearer <token>`"))
        }
        (false, Actor::User { .. } | Actor::Service(_)) => Err(Problem::new(
            Code::Forbidden,
            "this token does not allow that",
            match permission {
                Permission::Approve => "use a token with the role approver",
                Permission::Audit | Permission::Configure => "use a token with the role admin",
                Permission::Public | Permission::Read => "use a token with the role viewer",
                Permission::Internal => "this method is for Overseer's own services",
            },
        )),
    }
}

/// The actor's header, escaped so that any name fits into it.
pub(crate) fn actor_header(actor: &Actor) -> HeaderValue {
    let json = serde_json::to_string(actor).unwrap_or_default();
    let mut ascii = String::with_capacity(json.len());
    for unit in json.chars() {
        if (' '..='~').contains(&unit) {
            ascii.push(unit);
        } else {
            let mut units = [0; 2];
            for unit in unit.encode_utf16(&mut units) {
                ascii.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    HeaderValue::from_str(&ascii).unwrap_or(HeaderValue::from_static(""))
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
mod tests {
    use super::*;

    const APPROVE: &str = "/overseer.v1.PlanService/ApprovePlan";

    fn call(path: &str, secret: &str, actor: &Actor) -> Result<Actor, Code> {
        let mut headers = HeaderMap::new();
        headers.insert(SECRET_HEADER, HeaderValue::from_str(secret).unwrap());
        headers.insert(ACTOR_HEADER, actor_header(actor));
        admit(&Secret::new(b"right".to_vec()), path, &headers).map_err(|problem| problem.code)
    }

    #[test]
    fn lets_an_actor_through_only_with_the_secret_and_the_permission() {
        use overseer_model::{Role, ServiceName};
        let user = |roles: &[Role]| Actor::User { name: "ünï\n☃".into(), roles: roles.to_vec() };
        let approver = user(&[Role::Approver]);
        assert_eq!(call(APPROVE, "right", &approver), Ok(approver.clone()));
        assert_eq!(call(APPROVE, "wrong", &approver), Err(Code::Unauthenticated));
        assert_eq!(call(APPROVE, "", &approver), Err(Code::Unauthenticated));
        assert_eq!(call(APPROVE, "right", &user(&[Role::Viewer, Role::Admin])), Err(Code::Forbidden));
        assert_eq!(call(APPROVE, "right", &Actor::Service(ServiceName::Gateway)), Err(Code::Forbidden));
        assert_eq!(call(APPROVE, "right", &Actor::Anonymous), Err(Code::Unauthenticated));
        assert_eq!(call("/overseer.v1.PlanService/Other", "right", &approver), Err(Code::NotFound));
        assert_eq!(
            call("/overseer.v1.IdentityService/Authenticate", "right", &user(&[Role::Admin])),
            Err(Code::Forbidden)
        );
    }
}
