//! A platform in memory. It keeps its own ledger of effects, which is what the tests believe.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use overseer_model::{
    Action, Capability, Digest, Fingerprint, Health, ResourceRef, ResourceState, RestartRule, Source, Timestamp,
};
use overseer_permit::Permit;
use overseer_provider_act::{Act, ActError};
use overseer_provider_port::{
    ClockOffset, ContainerDetails, Details, NotFound, Observe, ObserveError, PlatformEvent, PlatformEventKind,
    Snapshot, Traits, Witness,
};
use tokio::sync::broadcast;

/// What the next call to act does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    Works,
    Refuses,
    /// Acts, and the answer is lost.
    LosesAnswer,
    /// Nothing arrives at the platform.
    LosesCall,
    /// Acts; then it restarts itself, without an answer and with an empty memory.
    Forgets,
    /// No connection was had.
    NotReached,
    /// The call hangs after all is done.
    HangsAfter,
    /// The platform goes away while it works; it has acted when it comes back.
    GoesAway,
}

/// A gate is hanging.
const HANGING: i64 = -1;

pub struct World {
    source: Source,
    inner: Mutex<Inner>,
    events: broadcast::Sender<PlatformEvent>,
    changed: tokio::sync::watch::Sender<()>,
    /// Passings of [`World::gate`] until one hangs; none left, none hangs.
    gates: AtomicI64,
}

struct Inner {
    away: bool,
    script: Script,
    targets: HashMap<String, Target>,
    memory: Vec<PlatformEvent>,
    /// The ids acted on, in order.
    effects: Vec<String>,
}

struct Target {
    witness: Witness,
    health: Health,
    /// Of the container that now has this id's place.
    made: u32,
}

pub fn target(id: &str) -> ResourceRef {
    ResourceRef { key: format!("home/docker://local/{id}").parse().unwrap(), name: format!("name-of-{id}") }
}

pub fn fingerprint(id: &str, made: u32) -> Fingerprint {
    Fingerprint(Digest::of_parts(&[id, &made.to_string()]))
}

impl World {
    pub fn new() -> Arc<Self> {
        let exited = |ago| Target {
            witness: Witness {
                state: ResourceState::Exited,
                started_at: Some(Timestamp::now() - Duration::from_secs(ago)),
                restart_count: 0,
            },
            health: Health::Unchecked,
            made: 0,
        };
        let targets = HashMap::from([("c1".to_owned(), exited(60)), ("c2".to_owned(), exited(60))]);
        Arc::new(Self {
            source: target("c1").source().clone(),
            inner: Mutex::new(Inner { away: false, script: Script::Works, targets, memory: vec![], effects: vec![] }),
            events: broadcast::Sender::new(1000),
            changed: tokio::sync::watch::Sender::new(()),
            gates: AtomicI64::new(0),
        })
    }

    /// The `nth` passing of a gate from now on never ends.
    pub fn hang_at(&self, nth: i64) {
        self.gates.store(nth, Ordering::SeqCst);
    }
    pub fn hangs(&self) -> bool {
        self.gates.load(Ordering::SeqCst) == HANGING
    }
    pub fn go_on(&self) {
        self.gates.store(0, Ordering::SeqCst);
    }
    /// Before each answer, and before and after each effect.
    async fn gate(&self) {
        let next = |left| match left {
            1 => Some(HANGING),
            2.. => Some(left - 1),
            _ => None,
        };
        if self.gates.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next) == Ok(1) {
            std::future::pending::<()>().await;
        }
    }

    pub fn script(&self, script: Script) {
        self.inner.lock().unwrap().script = script;
    }
    pub fn effects(&self) -> Vec<String> {
        self.inner.lock().unwrap().effects.clone()
    }
    pub fn go_away(&self) {
        self.inner.lock().unwrap().away = true;
        self.changed.send_replace(());
    }
    pub fn come_back(&self) {
        self.inner.lock().unwrap().away = false;
    }
    pub fn remove(&self, id: &str) {
        self.inner.lock().unwrap().targets.remove(id);
    }
    /// Another container in its place.
    pub fn make_anew(&self, id: &str) {
        self.inner.lock().unwrap().targets.get_mut(id).unwrap().made += 1;
    }
    pub fn set_health(&self, id: &str, health: Health) {
        self.inner.lock().unwrap().targets.get_mut(id).unwrap().health = health;
    }
    pub fn exit(&self, id: &str) {
        self.inner.lock().unwrap().targets.get_mut(id).unwrap().witness.state = ResourceState::Exited;
        self.tell(id, PlatformEventKind::Exited { code: 1 });
    }

    fn tell(&self, id: &str, kind: PlatformEventKind) {
        let event = PlatformEvent { resource: target(id), at: Timestamp::now(), kind };
        self.inner.lock().unwrap().memory.push(event.clone());
        let _nobody_listens = self.events.send(event);
    }

    fn restart(&self, id: &str) {
        {
            let mut inner = self.inner.lock().unwrap();
            inner.effects.push(id.to_owned());
            let target = inner.targets.get_mut(id).unwrap();
            target.witness.state = ResourceState::Running;
            target.witness.started_at = Some(Timestamp::now());
        }
        self.tell(id, PlatformEventKind::Started);
        self.tell(id, PlatformEventKind::RestartRequested);
    }

    fn stop(&self, id: &str) {
        {
            let mut inner = self.inner.lock().unwrap();
            inner.effects.push(id.to_owned());
            inner.targets.get_mut(id).unwrap().witness.state = ResourceState::Exited;
        }
        self.tell(id, PlatformEventKind::StopRequested);
        self.tell(id, PlatformEventKind::Exited { code: 0 });
    }

    fn ask(&self) -> Result<std::sync::MutexGuard<'_, Inner>, ObserveError> {
        let inner = self.inner.lock().unwrap();
        if inner.away { Err(away()) } else { Ok(inner) }
    }
}

fn away() -> ObserveError {
    ObserveError::Unreachable { place: "world".into(), source: "away".into() }
}

fn snapshot(id: &str, of: &Target) -> Snapshot {
    Snapshot {
        resource: target(id),
        traits: Traits {
            fingerprint: fingerprint(id, of.made),
            workload: id.to_owned(),
            capabilities: vec![Capability::Restart],
            details: Details::Container(ContainerDetails {
                image: "web:1".into(),
                rule: RestartRule::Never,
                stop_timeout_s: None,
            }),
        },
        health: of.health,
        witness: of.witness,
        exit_code: None,
    }
}

#[async_trait]
impl Observe for World {
    fn source(&self) -> &Source {
        &self.source
    }
    fn clock(&self) -> ClockOffset {
        ClockOffset::default()
    }
    async fn list(&self) -> Result<Vec<Snapshot>, ObserveError> {
        let inner = self.ask()?;
        Ok(inner.targets.iter().map(|(id, target)| snapshot(id, target)).collect())
    }
    async fn inspect(&self, id: &str) -> Result<Snapshot, ObserveError> {
        self.gate().await;
        let inner = self.ask()?;
        let target = inner.targets.get(id).ok_or(ObserveError::NotFound { what: NotFound::Container })?;
        Ok(snapshot(id, target))
    }
    async fn follow(
        &self,
        since: Option<Timestamp>,
    ) -> Result<BoxStream<'static, Result<PlatformEvent, ObserveError>>, ObserveError> {
        assert!(since.is_none(), "the executor follows from now on");
        drop(self.ask()?);
        let (mut events, mut changed) = (self.events.subscribe(), self.changed.subscribe());
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    Ok(event) = events.recv() => if sender.send(Ok(event)).is_err() { return },
                    _ = changed.changed() => return,
                    () = sender.closed() => return,
                }
            }
        });
        let next = |mut receiver: tokio::sync::mpsc::UnboundedReceiver<_>| async move {
            receiver.recv().await.map(|event| (event, receiver))
        };
        Ok(futures::stream::unfold(receiver, next).boxed())
    }
    async fn history(&self, id: &str, from: Timestamp, until: Timestamp) -> Result<Vec<PlatformEvent>, ObserveError> {
        self.gate().await;
        let inner = self.ask()?;
        let of_it = |event: &&PlatformEvent| event.resource.id() == id && (from..=until).contains(&event.at);
        Ok(inner.memory.iter().filter(of_it).cloned().collect())
    }
}

#[async_trait]
impl Act for World {
    async fn carry_out(&self, permit: Permit) -> Result<(), ActError> {
        let id = permit.action().target().id().to_owned();
        if let Action::StopResource { .. } = permit.action() {
            self.stop(&id);
            return Ok(());
        }
        let script = self.inner.lock().unwrap().script;
        match script {
            Script::Works => {
                self.gate().await;
                self.restart(&id);
                self.gate().await;
                Ok(())
            }
            Script::Refuses => Err(ActError::Refused { reason: "no\nsuch\u{1b} luck".repeat(100) }),
            Script::LosesAnswer => {
                self.restart(&id);
                Err(ActError::Unknown { source: None })
            }
            Script::LosesCall => Err(ActError::Unknown { source: None }),
            Script::Forgets => {
                self.restart(&id);
                self.inner.lock().unwrap().memory.clear();
                Err(ActError::Unknown { source: None })
            }
            Script::NotReached => Err(ActError::NotReached),
            Script::HangsAfter => {
                self.restart(&id);
                std::future::pending().await
            }
            Script::GoesAway => {
                self.go_away();
                self.restart(&id);
                Err(ActError::Unknown { source: None })
            }
        }
    }
}
