use overseer_provider_act::{Act, ActError};
use overseer_provider_docker_act::DockerAct;

async fn act(docker: &DockerAct) -> Result<(), ActError> {
    docker.carry_out().await
}

fn main() {}
