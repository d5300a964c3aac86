//! Tokens: 256 random bits, kept as their hash only. The first is made at the first start and told once.

use overseer_contract::v1 as pb;
use overseer_contract::v1::identity_service_server::IdentityService;
use overseer_model::{Actor, Digest, Role, Timestamp};
use overseer_runtime::{BuildError, Code, Problem, Secret, actor_of};
use overseer_storage::{Db, audit};
use tonic::{Request, Response, Status};

use crate::store;

/// The token of the first start. Show it once, then forget it.
pub struct FirstToken(pub Secret);

const PREFIX: &str = "ovs_";
/// A homelab has one person: administration and approval come with one token, as separate roles.
const FIRST_ROLES: [Role; 4] = [Role::Viewer, Role::Operator, Role::Approver, Role::Admin];

pub async fn first_token(db: &Db) -> Result<Option<FirstToken>, BuildError> {
    let random = Secret::random()
        .map_err(|error| BuildError::Config { what: "no token can be made".to_owned(), source: Some(error.into()) })?;
    let token = [PREFIX.as_bytes(), random.expose()].concat();
    let now = Timestamp::now();
    let mut tx = db.begin_write().await?;
    let hash = Digest::of(&token).to_string();
    let made = store::insert_first_token(&mut tx.conn(), &hash, "token:admin", &FIRST_ROLES, now).await?;
    if made {
        let record = audit::Record {
            at: now,
            actor: "service:control-plane",
            action: "token.made",
            object: "token:admin",
            detail: "first start",
        };
        audit::append(&mut tx.conn(), &record).await?;
    }
    tx.commit().await?;
    Ok(made.then(|| FirstToken(Secret::new(token))))
}

pub struct Identity {
    pub db: Db,
}

#[tonic::async_trait]
impl IdentityService for Identity {
    async fn authenticate(&self, request: Request<pb::AuthenticateRequest>) -> Result<Response<pb::Actor>, Status> {
        let hash = Digest::of(request.into_inner().token.as_bytes()).to_string();
        let found = async {
            let mut reader = self.db.reader().await?;
            store::token(&mut reader.conn(), &hash).await
        };
        let (name, roles) = found.await.map_err(Problem::from)?.ok_or_else(|| {
            Problem::new(
                Code::Unauthenticated,
                "no valid token was sent",
                "send `Authorization: Bearer <token>` with the token that the first start printed",
            )
        })?;
        Ok(Response::new(actor(name, roles)))
    }

    async fn who_am_i(&self, request: Request<pb::WhoAmIRequest>) -> Result<Response<pb::Actor>, Status> {
        Ok(Response::new(match actor_of(&request) {
            Actor::User { name, roles } => actor(name, roles),
            other @ (Actor::Anonymous | Actor::Service(_)) => actor(other.to_string(), Vec::new()),
        }))
    }
}

fn actor(name: String, roles: Vec<Role>) -> pb::Actor {
    pb::Actor { name, roles: roles.into_iter().map(|role| pb::Role::from(role).into()).collect() }
}
