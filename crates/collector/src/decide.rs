//! What an observation means for what is known of a resource: the next knowledge and the facts. Pure; the same input
//! gives the same answer, so a transaction that failed is decided again.
//!
//! Whether the engine will restart a container is foretold from its rule, because asking the engine after an exit takes
//! longer than the exit may. The rules are those of moby's restart manager (`restartmanager.ShouldRestart`).

use std::time::Duration;

use overseer_model::{
    AfterExit, Capability, ExitCause, FactSource, Fingerprint, Health, Observation, ResourceRef, ResourceState,
    RestartRule, Timestamp,
};
use overseer_provider_port::{Happening, Snapshot, What};
use serde::{Deserialize, Serialize};

/// A request to stop explains an exit that follows within this time. Programs get 10 s by default, and up to a minute
/// where their owners gave them more.
const STOP_EXPLAINS: Duration = Duration::from_secs(60);
/// How far behind a repeated event can be. An older one means that the engine's clock was set back.
const REPEATS_WITHIN: Duration = Duration::from_secs(60);
/// For an exit whose code the engine did not tell.
const NO_CODE: i32 = -1;

/// What is known of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    pub resource: ResourceRef,
    pub state: ResourceState,
    pub health: Health,
    /// As the engine last told it.
    pub restart_count: u32,
    /// `None` until it was looked at.
    pub traits: Option<Traits>,
    pub observed_at: Timestamp,
    /// When somebody last started or restarted it by request; `None` when that was not seen.
    pub started_by_request_at: Option<Timestamp>,
    run: Run,
    seen: Seen,
}

impl Known {
    /// What goes on when the container is made anew: its Compose service, or its name.
    pub fn workload(&self) -> &str {
        self.traits.as_ref().map_or(&self.resource.name, |traits| &traits.workload)
    }
}

/// What does not change from run to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traits {
    pub fingerprint: Fingerprint,
    pub image: String,
    pub workload: String,
    pub rule: RestartRule,
    pub capabilities: Vec<Capability>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    started_at: Option<Timestamp>,
    stop_requested_at: Option<Timestamp>,
    /// What was foretold at the last exit.
    after_exit: Option<AfterExit>,
    /// Restarts by the engine since the last start by hand: what its limit counts.
    automatic: u32,
}

/// The last happening, so that one that is told again is not taken twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    at: Timestamp,
    /// All of that very time.
    what: Vec<String>,
}

/// What others are told of a resource when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub state: ResourceState,
    pub fingerprint: Option<Fingerprint>,
    pub started_by_request_at: Option<Timestamp>,
}

/// What follows from one observation of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What was told of it before; `None` when nothing was known.
    pub before: Option<Told>,
    pub known: Known,
    pub facts: Vec<Draft>,
}

/// A fact without its place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draft {
    pub observed_at: Timestamp,
    pub source: FactSource,
    pub observation: Observation,
}

impl Known {
    /// The time of the last happening; what is told later than that is new.
    #[must_use]
    pub fn told_until(&self) -> Timestamp {
        self.seen.at
    }

    #[must_use]
    pub fn told(&self) -> Told {
        Told {
            state: self.state,
            fingerprint: self.traits.as_ref().map(|traits| traits.fingerprint),
            started_by_request_at: self.started_by_request_at,
        }
    }

    fn fresh(resource: ResourceRef, observed_at: Timestamp) -> Self {
        Self {
            resource,
            state: ResourceState::Unknown,
            health: Health::Unchecked,
            restart_count: 0,
            traits: None,
            observed_at,
            started_by_request_at: None,
            run: Run::default(),
            seen: Seen::default(),
        }
    }

    /// Notes a happening; false when it was noted before.
    fn note(&mut self, happening: &Happening) -> bool {
        let what = format!("{:?}", happening.what);
        let behind = self.seen.at.since(happening.at);
        if !behind.is_zero() && behind < REPEATS_WITHIN {
            return false;
        }
        if happening.at != self.seen.at {
            self.seen = Seen { at: happening.at, what: vec![what] };
            return true;
        }
        let new = !self.seen.what.contains(&what);
        self.seen.what.push(what);
        new
    }

    fn learn(&mut self, snapshot: &Snapshot) {
        let Snapshot {
            resource,
            fingerprint,
            image,
            workload,
            rule,
            health: _,
            witness: _,
            exit_code: _,
            capabilities,
        } = snapshot;
        self.resource = resource.clone();
        self.traits = Some(Traits {
            fingerprint: *fingerprint,
            image: image.clone(),
            workload: workload.clone(),
            rule: *rule,
            capabilities: capabilities.clone(),
        });
    }

    fn cause_of_exit(&self, at: Timestamp) -> ExitCause {
        let requested = self.run.stop_requested_at.is_some_and(|stop| at.since(stop) <= STOP_EXPLAINS);
        if requested { ExitCause::Requested } else { ExitCause::Own }
    }

    fn exit(&mut self, code: i32, at: Timestamp) -> Observation {
        let cause = self.cause_of_exit(at);
        let after = foretell(self.traits.as_ref().map(|traits| traits.rule), cause, code, self.run.automatic);
        self.state = match after {
            AfterExit::Restarts => ResourceState::Restarting,
            AfterExit::StaysDown => ResourceState::Exited,
            AfterExit::Unknown => ResourceState::Unknown,
        };
        if after == AfterExit::Restarts {
            self.run.automatic = self.run.automatic.saturating_add(1);
        }
        self.run.after_exit = Some(after);
        self.run.stop_requested_at = None;
        Observation::Exit { code, cause, after }
    }

    /// `None` when it is known to run: then a look was quicker than this event.
    fn start(&mut self, at: Timestamp) -> Option<Observation> {
        if is_up(self.state) {
            return None;
        }
        match self.run.after_exit {
            // It was the engine, or it may have been; a look tells.
            Some(AfterExit::Restarts | AfterExit::Unknown) => {}
            Some(AfterExit::StaysDown) | None => {
                self.run.automatic = 0;
                self.started_by_request_at = Some(at);
            }
        }
        self.state = ResourceState::Running;
        self.run.started_at = Some(at);
        self.run.stop_requested_at = None;
        Some(Observation::Start)
    }

    /// Somebody asks for the end. In the pause before a restart there is none to come: this is it.
    fn stop(&mut self, at: Timestamp) -> Option<Observation> {
        match self.state {
            // The engine tells `stop` again after the exit; that explains no later one.
            ResourceState::Exited => None,
            ResourceState::Restarting => {
                self.state = ResourceState::Exited;
                self.run.after_exit = Some(AfterExit::StaysDown);
                let (cause, after) = (ExitCause::Requested, AfterExit::StaysDown);
                Some(Observation::Exit { code: NO_CODE, cause, after })
            }
            ResourceState::Created
            | ResourceState::Running
            | ResourceState::Paused
            | ResourceState::Removed
            | ResourceState::Unknown => {
                self.run.stop_requested_at = Some(at);
                None
            }
        }
    }

    fn become_state(&mut self, state: ResourceState) -> Option<Observation> {
        let new = self.state != state;
        self.state = state;
        new.then_some(Observation::State(state))
    }
}

/// Whether the engine starts it again after this exit, when the engine has done so `automatic` times since it was last
/// started by hand.
#[must_use]
pub fn foretell(rule: Option<RestartRule>, cause: ExitCause, code: i32, automatic: u32) -> AfterExit {
    let restarts = |yes| if yes { AfterExit::Restarts } else { AfterExit::StaysDown };
    match (cause, rule) {
        (ExitCause::Requested, _) => AfterExit::StaysDown,
        (ExitCause::Own, None) => AfterExit::Unknown,
        (ExitCause::Own, Some(RestartRule::Never)) => AfterExit::StaysDown,
        (ExitCause::Own, Some(RestartRule::Always | RestartRule::UnlessStopped)) => AfterExit::Restarts,
        (ExitCause::Own, Some(RestartRule::OnFailure { most })) => {
            restarts(code != 0 && most.is_none_or(|most| automatic < most))
        }
    }
}

/// What an event of the engine means; `None` when it means nothing new.
#[must_use]
pub fn on_happening(known: Option<&Known>, happening: &Happening) -> Option<Change> {
    let Happening { resource, at, what } = happening;
    let mut next = known.cloned().unwrap_or_else(|| Known::fresh(resource.clone(), *at));
    // Ids are never used again, so what still comes of a removed one is late.
    if next.state == ResourceState::Removed || !next.note(happening) {
        return None;
    }
    if !resource.name.is_empty() {
        next.resource.name.clone_from(&resource.name);
    }
    let observation = match what {
        What::Created if known.is_none() => next.become_state(ResourceState::Created),
        What::Started => next.start(*at),
        What::Exited { code } => Some(next.exit(*code, *at)),
        What::StopRequested => next.stop(*at),
        What::OomKilled => Some(Observation::OomKill),
        What::Paused => next.become_state(ResourceState::Paused),
        What::Unpaused => next.become_state(ResourceState::Running),
        What::Health(health) => (next.health != *health).then(|| {
            next.health = *health;
            Observation::Health(*health)
        }),
        What::Removed => next.become_state(ResourceState::Removed),
        What::RestartRequested => {
            next.started_by_request_at = Some(*at);
            None
        }
        What::Created | What::Renamed => None,
    };
    next.observed_at = *at;
    let draft = |observation| Draft { observed_at: *at, source: FactSource::Event, observation };
    Some(Change { before: known.map(Known::told), known: next, facts: observation.map(draft).into_iter().collect() })
}

const fn is_up(state: ResourceState) -> bool {
    match state {
        ResourceState::Running | ResourceState::Paused => true,
        ResourceState::Created
        | ResourceState::Restarting
        | ResourceState::Exited
        | ResourceState::Removed
        | ResourceState::Unknown => false,
    }
}

/// Whether it ran since what is known, beyond what the last happening told.
fn has_newer_run(known: &Known, snapshot: &Snapshot) -> bool {
    let told = known.run.started_at.map_or(known.seen.at, |started| started.max(known.seen.at));
    snapshot.witness.started_at.is_some_and(|started| started > told)
}

/// Whether a start or an exit lies between what is known and the snapshot: either its event is still on its way, or it
/// was lost.
#[must_use]
pub fn misses_events(known: &Known, snapshot: &Snapshot) -> bool {
    known.state == ResourceState::Removed
        || is_up(known.state) != is_up(snapshot.witness.state)
        || has_newer_run(known, snapshot)
}

/// What is seen of a resource that nothing was known of, or that was taken for removed. Old exits are history, not news.
#[must_use]
pub fn on_first_sight(known: Option<&Known>, snapshot: &Snapshot, source: FactSource, now: Timestamp) -> Change {
    let mut next = Known::fresh(snapshot.resource.clone(), now);
    next.seen = known.map(|known| known.seen.clone()).unwrap_or_default();
    next.learn(snapshot);
    let mut told = vec![Observation::State(snapshot.witness.state)];
    tell_current(&mut next, snapshot, &mut told);
    change(known, next, told, snapshot, source, now)
}

/// What a look means for a resource when no happening came after it began. What it shows beyond the happenings was
/// missed for good and is told now; [`misses_events`] says when to make sure of that first.
#[must_use]
pub fn on_snapshot(known: &Known, snapshot: &Snapshot, source: FactSource, now: Timestamp) -> Change {
    if known.state == ResourceState::Removed {
        return on_first_sight(Some(known), snapshot, source, now);
    }
    let mut next = known.clone();
    next.learn(snapshot);
    let mut told = missed(&mut next, snapshot, now);
    told.extend(next.become_state(snapshot.witness.state));
    tell_current(&mut next, snapshot, &mut told);
    change(Some(known), next, told, snapshot, source, now)
}

/// Whether the engine would have started it again, had nobody asked for its end. A start that failed leaves one of the
/// codes 125 to 128.
fn left_down_by_hand(snapshot: &Snapshot) -> bool {
    let restarted = matches!(snapshot.rule, RestartRule::Always | RestartRule::UnlessStopped);
    let start_failed = snapshot.exit_code.is_none_or(|code| (125..=128).contains(&code));
    restarted && !start_failed && snapshot.witness.state == ResourceState::Exited
}

/// The start and the exit that the snapshot proves. An exit that a new start already followed has left no code.
fn missed(next: &mut Known, snapshot: &Snapshot, now: Timestamp) -> Vec<Observation> {
    let newer_run = has_newer_run(next, snapshot);
    let (was_up, is_up) = (is_up(next.state), is_up(snapshot.witness.state));
    let started = newer_run || (!was_up && is_up);
    let ended = !is_up && (was_up || newer_run);
    let exit = ended.then(|| Observation::Exit {
        code: snapshot.exit_code.unwrap_or(NO_CODE),
        cause: if left_down_by_hand(snapshot) { ExitCause::Requested } else { next.cause_of_exit(now) },
        after: after_by_state(snapshot.witness.state).unwrap_or(AfterExit::Unknown),
    });
    if started || ended {
        next.run.stop_requested_at = None;
        next.state = match (&exit, is_up) {
            (Some(_), _) => snapshot.witness.state,
            (None, _) => ResourceState::Running,
        };
    }
    started.then_some(Observation::Start).into_iter().chain(exit).collect()
}

/// Takes over everything that the snapshot says of now, and tells what is new in it.
fn tell_current(next: &mut Known, snapshot: &Snapshot, told: &mut Vec<Observation>) {
    let Snapshot { health, witness, .. } = snapshot;
    if next.health != *health {
        told.push(Observation::Health(*health));
    }
    if next.restart_count != witness.restart_count {
        told.push(Observation::RestartCount(witness.restart_count));
    }
    next.state = witness.state;
    next.health = *health;
    next.restart_count = witness.restart_count;
    next.run.automatic = witness.restart_count;
    next.run.started_at = witness.started_at.max(next.run.started_at);
    next.run.after_exit = after_by_state(witness.state).or(next.run.after_exit);
}

const fn after_by_state(state: ResourceState) -> Option<AfterExit> {
    match state {
        ResourceState::Restarting => Some(AfterExit::Restarts),
        ResourceState::Exited | ResourceState::Removed => Some(AfterExit::StaysDown),
        ResourceState::Created | ResourceState::Running | ResourceState::Paused | ResourceState::Unknown => None,
    }
}

fn change(
    before: Option<&Known>,
    mut known: Known,
    told: Vec<Observation>,
    snapshot: &Snapshot,
    source: FactSource,
    now: Timestamp,
) -> Change {
    let at = |observation: &Observation| match observation {
        Observation::Start => snapshot.witness.started_at.unwrap_or(now),
        Observation::State(_)
        | Observation::Health(_)
        | Observation::RestartCount(_)
        | Observation::Exit { .. }
        | Observation::OomKill => now,
    };
    let draft = |observation| Draft { observed_at: at(&observation), source, observation };
    known.observed_at = now;
    Change { before: before.map(Known::told), known, facts: told.into_iter().map(draft).collect() }
}

/// What a look teaches when happenings came after it began: only what does not change from run to run.
#[must_use]
pub fn on_late_snapshot(known: &Known, snapshot: &Snapshot) -> Option<Change> {
    let mut next = known.clone();
    next.learn(snapshot);
    // A happening may have renamed it since.
    next.resource.clone_from(&known.resource);
    (next != *known).then(|| Change { before: Some(known.told()), known: next, facts: vec![] })
}

/// It is not there any more.
#[must_use]
pub fn on_absence(known: &Known, source: FactSource, now: Timestamp) -> Option<Change> {
    let mut next = known.clone();
    let gone = next.become_state(ResourceState::Removed)?;
    next.observed_at = now;
    let facts = vec![Draft { observed_at: now, source, observation: gone }];
    Some(Change { before: Some(known.told()), known: next, facts })
}

#[cfg(test)]
mod tests;
