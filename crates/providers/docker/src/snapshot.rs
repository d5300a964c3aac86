//! From an inspect answer to a [`Snapshot`]. A field that must be there and is not makes the answer partial, from which
//! nothing may be concluded.

use std::collections::HashMap;

use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerStateStatusEnum as Status, HealthStatusEnum, RestartPolicy,
    RestartPolicyNameEnum,
};
use overseer_model::{
    Capability, Digest, Fingerprint, Health, ResourceKey, ResourceKind, ResourceRef, ResourceState, RestartRule, Site,
    Source, Uri, plain,
};
use overseer_provider_port::{ContainerDetails, Details, ObserveError, Snapshot, Traits, Witness};

use crate::NAME;
use crate::time;

const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";

/// What an engine can do with any container.
const CAPABILITIES: [Capability; 3] = [Capability::Restart, Capability::Start, Capability::Stop];

/// The key of a container; `None` when the id cannot be one.
pub(crate) fn key(id: &str, source: &Source, site: &Site) -> Option<ResourceKey> {
    let uri = Uri { source: source.clone(), kind: ResourceKind::Container, id: id.parse().ok()? };
    Some(uri.at(site.clone()))
}

pub(crate) fn read(answer: ContainerInspectResponse, source: &Source, site: &Site) -> Result<Snapshot, ObserveError> {
    let ContainerInspectResponse { id, name, created, image, restart_count, state, host_config, config, .. } = answer;
    let id = needed(id, "Id")?;
    let name = plain(needed(name, "Name")?.trim_start_matches('/'), NAME);
    let state = needed(state, "State")?;
    let config = needed(config, "Config")?;
    let image_id = needed(image, "Image")?;
    let created = needed(created, "Created")?;
    let fingerprint = Fingerprint(Digest::of_parts(&[&id, &image_id, &created.to_string()]));
    let witness = Witness {
        state: state_of(&state)?,
        started_at: state.started_at.as_deref().and_then(time::read),
        restart_count: u32::try_from(needed(restart_count, "RestartCount")?).unwrap_or(0),
    };
    let container = ContainerDetails {
        image: plain(&config.image.unwrap_or(image_id), NAME),
        rule: rule(needed(host_config, "HostConfig")?.restart_policy),
        stop_timeout_s: config.stop_timeout.and_then(|seconds| u32::try_from(seconds).ok()),
    };
    Ok(Snapshot {
        traits: Traits {
            fingerprint,
            workload: workload(config.labels.as_ref(), &name),
            capabilities: CAPABILITIES.to_vec(),
            details: Details::Container(container),
        },
        resource: ResourceRef { key: needed(key(&id, source, site), "Id")?, name },
        health: health(&state),
        exit_code: exit_code(&state, witness)?,
        witness,
    })
}

fn needed<T>(value: Option<T>, field: &'static str) -> Result<T, ObserveError> {
    value.ok_or(ObserveError::Partial { field })
}

fn state_of(state: &ContainerState) -> Result<ResourceState, ObserveError> {
    match needed(state.status, "State.Status")? {
        Status::CREATED => Ok(ResourceState::Created),
        Status::RUNNING | Status::STOPPING => Ok(ResourceState::Running),
        Status::PAUSED => Ok(ResourceState::Paused),
        Status::RESTARTING => Ok(ResourceState::Restarting),
        // One that is being removed runs no more, nor does one whose removal failed.
        Status::EXITED | Status::REMOVING | Status::DEAD => Ok(ResourceState::Exited),
        Status::EMPTY => Err(ObserveError::Partial { field: "State.Status" }),
    }
}

fn health(state: &ContainerState) -> Health {
    match state.health.as_ref().and_then(|health| health.status) {
        None | Some(HealthStatusEnum::EMPTY | HealthStatusEnum::NONE) => Health::Unchecked,
        Some(HealthStatusEnum::STARTING) => Health::Starting,
        Some(HealthStatusEnum::HEALTHY) => Health::Healthy,
        Some(HealthStatusEnum::UNHEALTHY) => Health::Unhealthy,
    }
}

fn exit_code(state: &ContainerState, witness: Witness) -> Result<Option<i32>, ObserveError> {
    let ended = matches!(witness.state, ResourceState::Exited | ResourceState::Restarting);
    if !ended || witness.started_at.is_none() {
        return Ok(None);
    }
    let code = needed(state.exit_code, "State.ExitCode")?;
    Ok(Some(i32::try_from(code).unwrap_or(-1)))
}

/// No policy means that it is left down, as the engine itself takes it.
fn rule(policy: Option<RestartPolicy>) -> RestartRule {
    let Some(RestartPolicy { name, maximum_retry_count }) = policy else { return RestartRule::Never };
    match name {
        None | Some(RestartPolicyNameEnum::EMPTY | RestartPolicyNameEnum::NO) => RestartRule::Never,
        Some(RestartPolicyNameEnum::ALWAYS) => RestartRule::Always,
        Some(RestartPolicyNameEnum::UNLESS_STOPPED) => RestartRule::UnlessStopped,
        Some(RestartPolicyNameEnum::ON_FAILURE) => {
            // 0 means no limit.
            let most = maximum_retry_count.and_then(|most| u32::try_from(most).ok()).filter(|most| *most > 0);
            RestartRule::OnFailure { most }
        }
    }
}

/// As long as any name: what takes names has a bound for them, and whoever starts a container writes its labels.
fn workload(labels: Option<&HashMap<String, String>>, name: &str) -> String {
    let label = |key| labels.and_then(|labels| labels.get(key)).filter(|text| !text.is_empty());
    match (label(PROJECT), label(SERVICE)) {
        (Some(project), Some(service)) => format!("{}/{}", plain(project, NAME / 2), plain(service, NAME / 2)),
        (Some(_) | None, Some(_) | None) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::{ContainerConfig, Health as HealthPb, HostConfig};

    use super::*;

    fn answer(status: Status) -> ContainerInspectResponse {
        ContainerInspectResponse {
            id: Some("c1".into()),
            name: Some("/we\nb".into()),
            created: Some("2026-11-21T05:04:03.000000001Z".into()),
            image: Some("sha256:1".into()),
            restart_count: Some(2),
            state: Some(ContainerState {
                status: Some(status),
                started_at: Some("2026-11-21T05:04:03Z".into()),
                exit_code: Some(137),
                ..Default::default()
            }),
            host_config: Some(HostConfig::default()),
            config: Some(ContainerConfig {
                image: Some("shop:1".into()),
                stop_timeout: Some(100),
                ..Default::default()
            }),
            ..Default::default()
        }
    }
    fn read_at_home(answer: ContainerInspectResponse) -> Result<Snapshot, ObserveError> {
        let source = Source { provider: overseer_model::Provider::Docker, instance: "nas".parse().unwrap() };
        read(answer, &source, &"home".parse().unwrap())
    }
    fn snapshot(answer: ContainerInspectResponse) -> Snapshot {
        read_at_home(answer).unwrap()
    }
    fn container(snapshot: &Snapshot) -> &ContainerDetails {
        match &snapshot.traits.details {
            Details::Container(container) => container,
        }
    }

    #[test]
    fn reads_what_is_needed_and_bounds_text() {
        let seen = snapshot(answer(Status::EXITED));
        assert_eq!(seen.resource.key.to_string(), "home/docker://nas/c1");
        assert_eq!((seen.resource.name.as_str(), seen.traits.workload.as_str()), ("we\u{fffd}b", "we\u{fffd}b"));
        assert_eq!((seen.witness.state, seen.exit_code), (ResourceState::Exited, Some(137)));
        let ContainerDetails { image, rule, stop_timeout_s } = container(&seen);
        assert_eq!((image.as_str(), *rule, *stop_timeout_s), ("shop:1", RestartRule::Never, Some(100)));
        assert_eq!(seen.health, Health::Unchecked);
        assert_eq!(snapshot(answer(Status::RUNNING)).exit_code, None);
        let mut recreated = answer(Status::EXITED);
        recreated.image = Some("sha256:2".into());
        assert_ne!(snapshot(recreated).traits.fingerprint, seen.traits.fingerprint);
    }

    #[test]
    fn an_answer_without_a_needed_field_is_partial() {
        let lacks: [fn(&mut ContainerInspectResponse); 5] = [
            |a| a.id = None,
            |a| a.state = None,
            |a| a.host_config = None,
            |a| a.image = None,
            |a| a.restart_count = None,
        ];
        for lack in lacks {
            let mut partial = answer(Status::RUNNING);
            lack(&mut partial);
            assert!(matches!(read_at_home(partial), Err(ObserveError::Partial { .. })));
        }
    }

    #[test]
    fn compose_labels_health_and_rules_are_read() {
        let mut one = answer(Status::RUNNING);
        let labels = HashMap::from([(PROJECT.to_owned(), "shop".to_owned()), (SERVICE.to_owned(), "web".to_owned())]);
        one.config.as_mut().unwrap().labels = Some(labels);
        one.state.as_mut().unwrap().health =
            Some(HealthPb { status: Some(HealthStatusEnum::UNHEALTHY), ..Default::default() });
        let policy = |name, most| Some(RestartPolicy { name: Some(name), maximum_retry_count: Some(most) });
        one.host_config.as_mut().unwrap().restart_policy = policy(RestartPolicyNameEnum::ON_FAILURE, 3);
        let seen = snapshot(one);
        assert_eq!((seen.traits.workload.as_str(), seen.health), ("shop/web", Health::Unhealthy));
        assert_eq!(container(&seen).rule, RestartRule::OnFailure { most: Some(3) });
        assert_eq!(rule(policy(RestartPolicyNameEnum::ON_FAILURE, 0)), RestartRule::OnFailure { most: None });
        assert_eq!(rule(policy(RestartPolicyNameEnum::UNLESS_STOPPED, 0)), RestartRule::UnlessStopped);
    }
}
