//! Every service checks its own audit chain when asked from inside.

use overseer_contract::v1::chain_service_server::{ChainService, ChainServiceServer};
use overseer_contract::v1::{Chain, VerifyChainRequest};
use overseer_model::ServiceName;
use overseer_storage::{Db, audit};
use tonic::{Request, Response, Status};

use crate::Problem;

pub(crate) struct OwnChain {
    pub service: ServiceName,
    pub db: Db,
}

impl OwnChain {
    pub(crate) fn server(self) -> ChainServiceServer<Self> {
        ChainServiceServer::new(self)
    }
}

#[tonic::async_trait]
impl ChainService for OwnChain {
    async fn verify_chain(&self, _: Request<VerifyChainRequest>) -> Result<Response<Chain>, Status> {
        let check = async {
            let mut reader = self.db.reader().await?;
            audit::verify(&mut reader.conn()).await
        };
        let service = self.service.to_string();
        Ok(Response::new(match check.await.map_err(Problem::from)? {
            audit::Check::Intact { entries, head } => Chain { service, entries, head, intact: true, broken_at: 0 },
            audit::Check::Broken { entries, at } => {
                Chain { service, entries, head: String::new(), intact: false, broken_at: at }
            }
        }))
    }
}
