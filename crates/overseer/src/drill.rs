//! Drills: a labelled throw-away container breaks, and the loop is shown as it happens, with the milliseconds of each
//! step. The drill's container is the user's own doing, on the user's own engine; Overseer's services see it as any
//! other. Nothing else is touched, and it is removed at the end.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig, RestartPolicy, RestartPolicyNameEnum};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, CreateImageOptionsBuilder, EventsOptionsBuilder, RemoveContainerOptionsBuilder,
    StartContainerOptions,
};
use futures::{Stream, StreamExt, TryStreamExt};
use overseer_contract::v1 as pb;
use overseer_contract::{EventPayload, from_json};
use overseer_model::{EventId, Instance, Timestamp};
use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::client::{Client, TooLate, segment};
use crate::show;
use crate::sse::Events;

/// What the container does once it is started again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Recovers,
    NeverRecovers,
}

const LABEL: &str = "overseer.drill";
const IMAGE: &str = "overseer-drill:1";
/// With three restarts by the engine.
const CRASHES: u32 = 4;
const KNOWN_WITHIN: Duration = Duration::from_secs(10);
/// Crashes, approval, the longest stabilization window there is, and some.
const PATIENCE: Duration = Duration::from_secs(360);

pub async fn restart_loop(ending: Ending) -> anyhow::Result<()> {
    let client = Client::new()?;
    let docker = engine().await?;
    image(&docker).await?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    let events = client.events("/api/v1/events").await?;
    let name = format!("overseer-drill-{}", suffix());
    let id = create(&docker, &name, ending).await?;
    println!("drill       container {name} crashes {CRASHES} times, then the engine gives up");
    let watched = tokio::select! {
        watched = tokio::time::timeout(PATIENCE, watch(&client, &docker, events, &id, ending)) => {
            watched.unwrap_or_else(|_| {
                Err(TooLate { what: "the end of the drill".to_owned(), seconds: PATIENCE.as_secs() }.into())
            })
        }
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
        _ = terminated.recv() => Err(anyhow::anyhow!("interrupted")),
        _ = hung_up.recv() => Err(anyhow::anyhow!("interrupted")),
    };
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    match docker.remove_container(&id, Some(options)).await {
        Ok(()) => println!("removed     container {name}"),
        Err(error) => eprintln!("container {name} could not be removed, use `docker rm -f {name}`: {error}"),
    }
    watched
}

/// Waits until Overseer knows the container, so that a drill on another engine than Overseer's ends at once.
async fn known(client: &Client, id: &str) -> anyhow::Result<()> {
    let path = format!("/api/v1/resources/{}", segment(&format!("docker://{}/{id}", Instance::default())));
    let seen = tokio::time::timeout(KNOWN_WITHIN, async {
        while client.get(&path).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    seen.await
        .ok()
        .context("Overseer does not see the drill's container: set DOCKER_HOST to the engine that it watches")
}

async fn engine() -> anyhow::Result<Docker> {
    let host = "".parse::<overseer_provider_docker::Host>()?;
    let connected = tokio::time::timeout(Duration::from_secs(10), overseer_provider_docker::connect(&host)).await;
    connected
        .map_err(anyhow::Error::from)
        .and_then(|docker| docker.map_err(anyhow::Error::from))
        .with_context(|| format!("no Docker engine answers at {host}: start it, or set DOCKER_HOST"))
}

/// Makes sure of an image with a shell: from this machine's own static busybox when there is one, so that no internet is
/// needed, else pulled.
async fn image(docker: &Docker) -> anyhow::Result<()> {
    if docker.inspect_image(IMAGE).await.is_ok() {
        return Ok(());
    }
    let busybox = Path::new("/bin/busybox");
    if is_static(busybox) {
        let tar = tokio::process::Command::new("tar")
            .args(["--create", "--directory", "/", "--dereference", "bin/busybox"])
            .output()
            .await
            .context("`tar` is needed to make the drill's image")?;
        let options = CreateImageOptionsBuilder::new().from_src("-").repo("overseer-drill").tag("1").build();
        let body = bollard::body_full(bytes::Bytes::from(tar.stdout));
        let made: Result<Vec<_>, _> = docker.create_image(Some(options), Some(body), None).try_collect().await;
        made.context("the engine did not import the drill's image")?;
        return Ok(());
    }
    println!("image       pulling busybox:stable (once)");
    let options = CreateImageOptionsBuilder::new().from_image("busybox").tag("stable").build();
    let pulled: Result<Vec<_>, _> = docker.create_image(Some(options), None, None).try_collect().await;
    pulled.context("the drill needs an image: install busybox-static, or let the engine pull busybox:stable")?;
    let tag = bollard::query_parameters::TagImageOptionsBuilder::new().repo("overseer-drill").tag("1").build();
    docker.tag_image("busybox:stable", Some(tag)).await.context("the drill's image could not be named")
}

/// An ELF file without an interpreter runs in an image that has nothing else.
fn is_static(file: &Path) -> bool {
    let Ok(bytes) = std::fs::read(file) else { return false };
    let needle = b"/lib64/ld-linux";
    bytes.starts_with(b"\x7fELF") && !bytes.windows(needle.len()).take(4096).any(|window| window == needle)
}

fn suffix() -> String {
    let id = EventId::fresh().to_string();
    id.chars().rev().take(8).collect()
}

async fn create(docker: &Docker, name: &str, ending: Ending) -> anyhow::Result<String> {
    let crashes = match ending {
        Ending::Recovers => CRASHES,
        Ending::NeverRecovers => u32::MAX,
    };
    let script = format!(
        "n=$(/bin/busybox cat /starts 2>/dev/null || echo 0); n=$((n+1)); echo $n >/starts; \
         if [ $n -le {crashes} ]; then echo 'ERROR cannot connect to db:5432' >&2; exit 1; fi; \
         trap 'exit 0' TERM; while :; do /bin/busybox sleep 1; done"
    );
    let body = ContainerCreateBody {
        image: Some(IMAGE.to_owned()),
        cmd: Some(["/bin/busybox", "sh", "-c", &script].map(str::to_owned).to_vec()),
        labels: Some(HashMap::from([(LABEL.to_owned(), "restart-loop".to_owned())])),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            memory: Some(64 << 20),
            pids_limit: Some(32),
            cap_drop: Some(vec!["ALL".to_owned()]),
            restart_policy: Some(RestartPolicy {
                name: Some(RestartPolicyNameEnum::ON_FAILURE),
                maximum_retry_count: Some(i64::from(CRASHES) - 1),
            }),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::new().name(name).build();
    let made = docker.create_container(Some(options), body).await.context("the drill's container cannot be made")?;
    Ok(made.id)
}

/// One line of `/api/v1/events`.
#[derive(Deserialize)]
struct LiveEvent {
    #[serde(rename = "type")]
    kind: String,
    data: serde_json::Value,
}

impl LiveEvent {
    fn read<P: EventPayload>(&self) -> Option<P> {
        (self.kind == P::KIND.as_str()).then(|| from_json(&self.data.to_string()).ok()).flatten()
    }
}

/// What the live events tell of Overseer's own.
fn told(events: Events) -> impl Stream<Item = anyhow::Result<LiveEvent>> + Unpin {
    events.try_filter_map(async |event| Ok(serde_json::from_str(&event.data).ok())).boxed()
}

/// Prints each step as it happens.
struct Screen {
    /// The engine's own time of the last crash.
    crash: Option<Timestamp>,
}

impl Screen {
    fn step(&self, what: &str, text: &str) {
        let since = self.crash.map(|crash| show::millis(crash, Timestamp::now()));
        let since = since.map_or_else(String::new, |millis| format!("{millis:>9.1} ms  "));
        println!("{what:<12}{since}{}", show::plain(text));
    }
}

async fn watch(client: &Client, docker: &Docker, events: Events, id: &str, ending: Ending) -> anyhow::Result<()> {
    let filters =
        HashMap::from([("container".to_owned(), vec![id.to_owned()]), ("event".to_owned(), vec!["die".to_owned()])]);
    let mut told = told(events);
    known(client, id).await?;
    // The request is sent at the first poll, after the start; the engine remembers what came in between. The container is
    // new, so every time will do.
    let options = EventsOptionsBuilder::new().since("1").filters(&filters).build();
    let mut deaths = docker.events(Some(options)).boxed();
    docker.start_container(id, None::<StartContainerOptions>).await.context("the drill's container does not start")?;
    let mut crashes = 0;
    let mut screen = Screen { crash: None };
    let mut story = Story { incident: String::new(), ending, unresolved: false, refused: false };
    loop {
        tokio::select! {
            biased;
            Some(death) = deaths.next() => {
                let at = death.context("connection to the Docker engine lost")?.time_nano.unwrap_or(0) / 1000;
                crashes += 1;
                if crashes <= CRASHES {
                    screen.crash = Some(Timestamp::from_micros(at));
                    println!("crashed     {crashes} of {CRASHES}");
                } else {
                    screen.step("crashed", "again, after the restart");
                }
            }
            next = told.next() => {
                let told = next.context("connection to Overseer lost")??;
                if story.on(client, &screen, &told, id).await? == Next::Done {
                    return Ok(());
                }
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum Next {
    Goes,
    Done,
}

/// What the drill has seen of its incident.
struct Story {
    incident: String,
    ending: Ending,
    unresolved: bool,
    refused: bool,
}

impl Story {
    async fn on(&mut self, client: &Client, screen: &Screen, told: &LiveEvent, id: &str) -> anyhow::Result<Next> {
        if let Some(pb::IncidentDetected { incident: Some(incident) }) = told.read() {
            if incident.resource.as_ref().is_some_and(|resource| resource.id == id) {
                screen.step("detected", &format!("{} {}", incident.id, incident.title));
                self.incident = incident.id;
                self.narrate(client, screen).await?;
            }
            return Ok(Next::Goes);
        }
        if self.incident.is_empty() || !told.data.to_string().contains(&self.incident) {
            return Ok(Next::Goes);
        }
        if let Some(pb::ApprovalRequired { plan: Some(plan) }) = told.read() {
            screen.step("asked", &format!("for approval of {}", plan.id));
            client.approve(&plan.id).await?;
        } else {
            self.plan(screen, told);
            self.step(screen, told);
            self.outcome(screen, told)?;
        }
        let over = match self.ending {
            Ending::Recovers => told.read::<pb::IncidentResolved>().is_some(),
            Ending::NeverRecovers => self.unresolved && self.refused,
        };
        if over {
            screen.step("story", &format!("overseer incident show {}", self.incident));
        }
        Ok(if over { Next::Done } else { Next::Goes })
    }

    fn plan(&mut self, screen: &Screen, told: &LiveEvent) {
        if let Some(pb::PlanReady { plan: Some(plan) }) = told.read() {
            screen.step("proposed", &format!("{} {}", plan.id, plan.title));
        } else if let Some(granted) = told.read::<pb::ApprovalGranted>() {
            screen.step("approved", &format!("by {}", granted.approved_by));
        } else if let Some(pb::PlanRejected { plan: Some(plan) }) = told.read() {
            let reason = plan.refusal.map(|refusal| refusal.reason).unwrap_or_default();
            screen.step("refused", &reason);
            self.refused = true;
        }
    }

    fn step(&self, screen: &Screen, told: &LiveEvent) {
        if told.read::<pb::StepActed>().is_some() {
            screen.step("restarted", "by the executor, with a signed ticket");
        } else if let Some(pb::StepVerified { verification: Some(verification), .. }) = told.read() {
            let verdict = verification.verdict().as_str_name().trim_start_matches("VERDICT_").to_lowercase();
            let checks: Vec<_> = verification.checks.iter().map(|check| check.detail.clone()).collect();
            screen.step("verified", &format!("{verdict}: {}", checks.join("; ")));
        } else if let Some(failed) = told.read::<pb::StepFailed>() {
            screen.step("failed", &failed.detail);
        }
    }

    fn outcome(&mut self, screen: &Screen, told: &LiveEvent) -> anyhow::Result<()> {
        if let Some(pb::IncidentUpdated { incident: Some(incident) }) = told.read() {
            if incident.outcome() == pb::Outcome::Unresolved && !self.unresolved {
                screen.step("recorded", "outcome unresolved");
                self.unresolved = true;
            }
        } else if let Some(pb::IncidentResolved { incident: Some(incident) }) = told.read() {
            let outcome = incident.outcome().as_str_name().trim_start_matches("OUTCOME_").to_lowercase();
            screen.step("recorded", &format!("outcome {outcome}"));
            if self.ending == Ending::NeverRecovers || incident.outcome() != pb::Outcome::Resolved {
                anyhow::bail!("the drill did not end as expected");
            }
        }
        Ok(())
    }

    async fn narrate(&self, client: &Client, screen: &Screen) -> anyhow::Result<()> {
        let path = format!("/api/v1/incidents/{}", segment(&self.incident));
        let detail: pb::IncidentDetail = client.get(&path).await?.read()?;
        let narrative = detail.narrative.unwrap_or_default();
        screen.step("narrated", narrative.symptoms.first().map_or("", String::as_str));
        Ok(())
    }
}
