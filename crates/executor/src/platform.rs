//! The platform as the executor looks at it: with deadlines, with readiness, and without polling. Whoever waits for
//! something is woken by what happens, and by a timer for what does not.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use overseer_model::{Source, Timestamp};
use overseer_provider_port::{ClockOffset, Observe, ObserveError, PlatformEvent, Snapshot};
use overseer_runtime::{Dependency, Health};
use tokio_util::sync::CancellationToken;

const DEPENDENCY: &str = "executor.docker";
/// Longest wait for one answer. A look at a Docker container that is being started waits for that.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Between two tries while the platform is away: the first, doubled each time, up to the last.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Events of one target that are kept while it is watched; older ones are in the platform's own memory, or stale.
const KEPT: usize = 256;

/// One look at a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    Seen(Box<Snapshot>),
    /// The platform says that there is no such target.
    Gone,
    /// No answer, or one from which nothing may be concluded.
    Unasked,
}

/// What a decision makes of a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<T> {
    Settled(T),
    /// Look again when something happens to the target, and at this time.
    Wait(Option<Timestamp>),
}

type PlatformEvents = BoxStream<'static, Result<PlatformEvent, ObserveError>>;

#[derive(Clone)]
pub struct Platform {
    observe: Arc<dyn Observe>,
    health: Health,
}

impl Platform {
    pub fn new(observe: Arc<dyn Observe>, health: Health) -> Self {
        // Until the first answer.
        health.set(DEPENDENCY, Dependency::Waiting);
        Self { observe, health }
    }

    /// Whether this is the platform of a source.
    pub fn is_of(&self, source: &Source) -> bool {
        self.observe.source() == source
    }

    /// How its clock differs from ours.
    pub fn clock(&self) -> ClockOffset {
        self.observe.clock()
    }

    /// One look. Says why when the platform is unreachable.
    pub async fn look(&self, id: &str) -> (Sight, Option<ObserveError>) {
        match self.ask(self.observe.inspect(id)).await {
            Ok(Some(snapshot)) => (Sight::Seen(Box::new(snapshot)), None),
            Ok(None) => (Sight::Unasked, None),
            Err(ObserveError::NotFound { .. }) => (Sight::Gone, None),
            Err(error) => (Sight::Unasked, Some(error)),
        }
    }

    /// Looks at the target, lets `decide` judge it with what happened since `since` by the platform's clock, and again at
    /// each event and at the time that `decide` names, until it settles. `None` when `stop` fires first.
    pub async fn watch<T>(
        &self,
        id: &str,
        since: Timestamp,
        stop: &CancellationToken,
        decide: impl FnMut(&Sight, &[PlatformEvent], Timestamp) -> Next<T> + Send,
    ) -> Option<T> {
        tokio::select! {
            biased;
            () = stop.cancelled() => None,
            settled = self.watch_on(id, since, decide) => Some(settled),
        }
    }

    async fn watch_on<T>(
        &self,
        id: &str,
        since: Timestamp,
        mut decide: impl FnMut(&Sight, &[PlatformEvent], Timestamp) -> Next<T> + Send,
    ) -> T {
        let mut live = VecDeque::new();
        let mut pause = BACKOFF.0;
        loop {
            // Opened before the look, so that what happens between both wakes us.
            let mut stream = self.ask(self.observe.follow(None)).await.ok().flatten();
            loop {
                let (sight, remembered) = self.recall(id, since).await;
                let seen: Vec<_> = remembered.into_iter().chain(live.iter().cloned()).collect();
                let until = match decide(&sight, &seen, Timestamp::now()) {
                    Next::Settled(settled) => return settled,
                    Next::Wait(until) => until,
                };
                if sight == Sight::Unasked || stream.is_none() {
                    break;
                }
                pause = BACKOFF.0;
                match happens(&mut stream, id, until).await {
                    Woken::Happened(event) => keep(&mut live, event),
                    Woken::Due => {}
                    Woken::Ended => break,
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(BACKOFF.1);
        }
    }

    /// The target, and what the platform remembers of it; both or nothing.
    async fn recall(&self, id: &str, since: Timestamp) -> (Sight, Vec<PlatformEvent>) {
        let (sight, _) = self.look(id).await;
        if sight == Sight::Unasked {
            return (sight, Vec::new());
        }
        // Asked after the look: what made the look's state is in it.
        match self.ask(self.observe.history(id, since, self.observe.clock().platform(Timestamp::now()))).await {
            Ok(Some(remembered)) => (sight, remembered),
            Err(ObserveError::NotFound { .. }) => (sight, Vec::new()),
            Ok(None) | Err(_) => (Sight::Unasked, Vec::new()),
        }
    }

    /// The answer; `None` when it took too long. Keeps the readiness.
    async fn ask<T>(&self, answer: impl Future<Output = Result<T, ObserveError>>) -> Result<Option<T>, ObserveError> {
        let answer = tokio::time::timeout(ANSWER_WITHIN, answer).await;
        let (state, answer) = match answer {
            Ok(Ok(answer)) => (Dependency::Ready, Ok(Some(answer))),
            Ok(Err(error @ (ObserveError::NotFound { .. } | ObserveError::Partial { .. }))) => {
                (Dependency::Ready, Err(error))
            }
            Ok(Err(error @ ObserveError::Unreachable { .. })) => (Dependency::Waiting, Err(error)),
            Err(_) => (Dependency::Waiting, Ok(None)),
        };
        self.health.set(DEPENDENCY, state);
        answer
    }

    /// Keeps a connection, so that readiness is true also while there is nothing to do.
    pub async fn watch_presence(&self, stop: CancellationToken) {
        let mut pause = BACKOFF.0;
        loop {
            let stay = async {
                if let Ok(Some(mut stream)) = self.ask(self.observe.follow(None)).await {
                    pause = BACKOFF.0;
                    while let Some(Ok(_)) = stream.next().await {}
                    self.health.set(DEPENDENCY, Dependency::Waiting);
                }
                tokio::time::sleep(pause).await;
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = stay => pause = (pause * 2).min(BACKOFF.1),
            }
        }
    }
}

enum Woken {
    Happened(PlatformEvent),
    Due,
    Ended,
}

/// The next event of the target, unless `until` comes before.
async fn happens(stream: &mut Option<PlatformEvents>, id: &str, until: Option<Timestamp>) -> Woken {
    let due = async {
        match until {
            Some(until) => tokio::time::sleep(until.since(Timestamp::now())).await,
            None => std::future::pending().await,
        }
    };
    let event = async {
        while let Some(Ok(event)) = next(stream).await {
            if event.resource.id() == id {
                return Woken::Happened(event);
            }
        }
        Woken::Ended
    };
    tokio::select! {
        woken = event => woken,
        () = due => Woken::Due,
    }
}

async fn next(stream: &mut Option<PlatformEvents>) -> Option<Result<PlatformEvent, ObserveError>> {
    match stream {
        Some(stream) => stream.next().await,
        None => None,
    }
}

fn keep(live: &mut VecDeque<PlatformEvent>, event: PlatformEvent) {
    if live.len() == KEPT {
        live.pop_front();
    }
    live.push_back(event);
}

#[cfg(test)]
pub mod fixtures {
    use overseer_model::{Digest, Fingerprint, Health, ResourceRef, RestartRule};
    use overseer_provider_port::{ContainerDetails, Details, Snapshot, Traits, Witness};

    pub fn resource() -> ResourceRef {
        ResourceRef { key: "home/docker://local/c1".parse().unwrap(), name: "web".into() }
    }

    pub fn snapshot(witness: Witness) -> Snapshot {
        Snapshot {
            resource: resource(),
            traits: Traits {
                fingerprint: Fingerprint(Digest::of(b"c1")),
                workload: "web".into(),
                capabilities: Vec::new(),
                details: Details::Container(ContainerDetails {
                    image: "web:1".into(),
                    rule: RestartRule::Never,
                    stop_timeout_s: None,
                }),
            },
            health: Health::Unchecked,
            witness,
            exit_code: None,
        }
    }
}
