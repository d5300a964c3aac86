//! Answers who has a token, to the gateway; and to a person, who it is.

use overseer_contract::v1 as pb;
use overseer_contract::v1::identity_service_server::IdentityService;
use overseer_model::{Actor, Role, Timestamp};
use overseer_runtime::{Code, Credential, Person, Problem, actor_of};
use overseer_storage::Db;
use tonic::{Request, Response, Status};

use crate::{store, tokens};

pub struct Identity {
    pub db: Db,
    pub credential: Credential,
}

#[tonic::async_trait]
impl IdentityService for Identity {
    async fn authenticate(
        &self,
        request: Request<pb::AuthenticateRequest>,
    ) -> Result<Response<pb::AuthenticateResponse>, Status> {
        let hash = tokens::hash(request.into_inner().token.as_bytes());
        let found = async {
            let mut reader = self.db.reader().await?;
            store::token(&mut reader.conn(), &hash).await
        };
        let (name, roles) = found.await.map_err(Problem::from)?.ok_or_else(|| {
            Problem::new(
                Code::Unauthenticated,
                "missing or invalid token",
                "send `Authorization: Bearer <token>` with the token printed at the first start",
            )
        })?;
        let assertion = self.credential.assert(Person { name, roles }, Timestamp::now());
        Ok(Response::new(pb::AuthenticateResponse { assertion: assertion.as_str().to_owned() }))
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
