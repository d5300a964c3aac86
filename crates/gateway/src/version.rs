//! The one service that the gateway owns: which version this is.

use overseer_contract::v1::system_service_server::SystemService;
use overseer_contract::v1::{GetVersionRequest, Version};
use tonic::{Request, Response, Status};

pub(crate) struct System;

#[tonic::async_trait]
impl SystemService for System {
    async fn get_version(&self, _: Request<GetVersionRequest>) -> Result<Response<Version>, Status> {
        Ok(Response::new(Version { version: env!("CARGO_PKG_VERSION").to_owned() }))
    }
}
