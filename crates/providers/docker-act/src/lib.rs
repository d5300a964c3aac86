//! Docker as a platform that is acted on. One permit, one request; nothing here tries again.

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::{RestartContainerOptionsBuilder, StopContainerOptionsBuilder};
use overseer_model::{Action, plain};
use overseer_permit::Permit;
use overseer_provider_act::{Act, ActError, DEADLINE, STOP_GRACE};
use overseer_provider_docker::{BadHost, Host, connect, is_id};

/// The longest wait for a connection; nothing has been asked of the engine until then. Together with the time within which
/// an executor acts it stays below the executor's lease.
const CONNECT: Duration = Duration::from_secs(3);
/// Longest text of the engine that is passed on.
const REASON: usize = 300;

/// Acts on one Docker engine.
pub struct DockerAct {
    host: Host,
}

impl DockerAct {
    /// Needs no running engine. An empty `host` means `DOCKER_HOST`, or else the usual socket.
    ///
    /// # Errors
    /// When `host` is not an address of an engine.
    pub fn new(host: &str) -> Result<Self, BadHost> {
        Ok(Self { host: host.parse()? })
    }

    /// A connection, before which nothing is asked of the engine.
    async fn connected(&self, id: &str) -> Result<Docker, ActError> {
        if !is_id(id) {
            return Err(refused("the target's id is not a Docker id"));
        }
        match tokio::time::timeout(CONNECT, connect(&self.host)).await {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(_)) | Err(_) => Err(ActError::NotReached),
        }
    }

    async fn restart(&self, id: &str) -> Result<(), ActError> {
        let client = self.connected(id).await?;
        let options = RestartContainerOptionsBuilder::default().t(grace()).build();
        answered(client.restart_container(id, Some(options))).await
    }

    async fn start(&self, id: &str) -> Result<(), ActError> {
        let client = self.connected(id).await?;
        answered(client.start_container(id, None)).await
    }

    async fn stop(&self, id: &str) -> Result<(), ActError> {
        let client = self.connected(id).await?;
        let options = StopContainerOptionsBuilder::default().t(grace()).build();
        answered(client.stop_container(id, Some(options))).await
    }
}

fn grace() -> i32 {
    i32::try_from(STOP_GRACE.as_secs()).unwrap_or(i32::MAX)
}

/// The answer within its deadline.
async fn answered(call: impl Future<Output = Result<(), Error>>) -> Result<(), ActError> {
    let answer = tokio::time::timeout(DEADLINE, call).await;
    answer.map_or(Err(ActError::Unknown { source: None }), |answer| answer.map_err(ended))
}

#[async_trait]
impl Act for DockerAct {
    async fn carry_out(&self, permit: Permit) -> Result<(), ActError> {
        let target = permit.action().target().id();
        match permit.action() {
            Action::RestartResource { .. } => self.restart(target).await,
            Action::StartResource { .. } => self.start(target).await,
            Action::StopResource { .. } => self.stop(target).await,
        }
    }
}

/// A client's error is a no before anything was done. A server's error can come half-way, after the stop and before the
/// start, and no answer can mean anything.
fn ended(error: Error) -> ActError {
    match error {
        Error::DockerResponseServerError { status_code: 400..=499, message } => refused(&message),
        other => ActError::Unknown { source: Some(Box::new(other)) },
    }
}

fn refused(reason: &str) -> ActError {
    ActError::Refused { reason: plain(reason, REASON) }
}
