use overseer_permit::Permit;
use overseer_provider_act::{Act, ActError};
use overseer_provider_docker_act::DockerAct;

async fn act(docker: &DockerAct, permit: Permit) -> Result<(), ActError> {
    docker.carry_out(permit).await
}

fn main() {
    let _ = act;
}
