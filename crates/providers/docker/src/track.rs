//! What an observation of a container means for what is recorded of it: the next record and the facts. Pure.
//!
//! Whether the engine will restart a container is foretold from its rule, because asking the engine after an exit takes
//! longer than the exit may. The rules are those of moby's restart manager (`restartmanager.ShouldRestart`).
//!
//! Times of the engine are compared with times of the engine only; facts get ours.

use std::time::Duration;

use overseer_model::{AfterExit, ExitCause, Observation, ResourceState, RestartRule, Timestamp};
use overseer_provider_port::{
    Change, ClockOffset, ContainerDetails, Details, FactDraft, Interpret, Moment, PlatformEvent, PlatformEventKind,
    ResourceRecord, Snapshot,
};

/// A request to stop explains an exit that follows within this time. An engine kills what does not end within its grace,
/// and reports that as a request of its own just before the exit; only a program that ends by itself within a very long
/// grace comes later. A longer time would take a crash for a stop, long after a signal that the program took as
/// something else.
const STOP_EXPLAINS: Duration = Duration::from_secs(15 * 60);
/// What a container's own grace is exceeded by until its exit is reported.
const STOP_MARGIN: Duration = Duration::from_secs(60);
/// For an exit whose code the engine did not tell.
const NO_CODE: i32 = -1;

/// Interprets what an engine reports of its containers.
pub struct Containers;

impl Interpret for Containers {
    fn event(&self, record: Option<&ResourceRecord>, event: &PlatformEvent, clock: ClockOffset) -> Option<Change> {
        let PlatformEvent { resource, at, kind } = event;
        let ours = clock.ours(*at);
        let mut next = record.cloned().unwrap_or_else(|| ResourceRecord::fresh(resource.clone(), ours));
        // Ids are never used again, so what still comes of a removed one is late.
        if next.state == ResourceState::Removed || !next.events.note(event) {
            return None;
        }
        if !resource.name.is_empty() {
            next.resource.name.clone_from(&resource.name);
        }
        let observation = match kind {
            PlatformEventKind::Created if record.is_none() => become_state(&mut next, ResourceState::Created),
            PlatformEventKind::Started => start(&mut next, *at, ours),
            PlatformEventKind::Exited { code } => Some(exit(&mut next, *code, *at)),
            PlatformEventKind::StopRequested => stop(&mut next, *at),
            PlatformEventKind::OomKilled => Some(Observation::OomKill),
            PlatformEventKind::Paused => become_state(&mut next, ResourceState::Paused),
            PlatformEventKind::Unpaused => become_state(&mut next, ResourceState::Running),
            PlatformEventKind::Health(health) => (next.health != *health).then(|| {
                next.health = *health;
                Observation::Health(*health)
            }),
            PlatformEventKind::Removed => become_state(&mut next, ResourceState::Removed),
            PlatformEventKind::RestartRequested => {
                next.started_by_request_at = Some(ours);
                None
            }
            PlatformEventKind::Created | PlatformEventKind::Renamed => None,
        };
        next.observed_at = ours;
        let source = overseer_model::FactSource::Event;
        let draft = |observation| FactDraft { observed_at: ours, source, observation };
        Some(Change {
            before: record.map(ResourceRecord::announced),
            record: next,
            facts: observation.map(draft).into_iter().collect(),
        })
    }

    fn misses_events(&self, record: &ResourceRecord, snapshot: &Snapshot) -> bool {
        record.state == ResourceState::Removed
            || is_up(record.state) != is_up(snapshot.witness.state)
            || has_newer_run(record, snapshot)
    }

    /// Old exits are history, not news.
    fn first_snapshot(&self, record: Option<&ResourceRecord>, snapshot: &Snapshot, at: Moment) -> Change {
        let mut next = ResourceRecord::fresh(snapshot.resource.clone(), at.now);
        next.events = record.map(|record| record.events.clone()).unwrap_or_default();
        learn(&mut next, snapshot);
        let mut observed = vec![Observation::State(snapshot.witness.state)];
        take_current(&mut next, snapshot, &mut observed);
        change(record, next, observed, snapshot, at)
    }

    fn snapshot(&self, record: &ResourceRecord, snapshot: &Snapshot, at: Moment) -> Change {
        if record.state == ResourceState::Removed {
            return self.first_snapshot(Some(record), snapshot, at);
        }
        let mut next = record.clone();
        learn(&mut next, snapshot);
        let mut observed = missed(&mut next, snapshot, at);
        observed.extend(become_state(&mut next, snapshot.witness.state));
        take_current(&mut next, snapshot, &mut observed);
        change(Some(record), next, observed, snapshot, at)
    }

    fn late_snapshot(&self, record: &ResourceRecord, snapshot: &Snapshot) -> Option<Change> {
        let mut next = record.clone();
        learn(&mut next, snapshot);
        // An event may have renamed it since.
        next.resource.clone_from(&record.resource);
        (next != *record).then(|| Change { before: Some(record.announced()), record: next, facts: vec![] })
    }

    fn absence(&self, record: &ResourceRecord, at: Moment) -> Option<Change> {
        let mut next = record.clone();
        let gone = become_state(&mut next, ResourceState::Removed)?;
        next.observed_at = at.now;
        let facts = vec![FactDraft { observed_at: at.now, source: at.source, observation: gone }];
        Some(Change { before: Some(record.announced()), record: next, facts })
    }
}

/// Whether the engine starts it again after this exit, when the engine has done so `automatic` times since it was last
/// started by request.
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

fn container(record: &ResourceRecord) -> Option<&ContainerDetails> {
    record.traits.as_ref().map(|traits| match &traits.details {
        Details::Container(container) => container,
    })
}

fn learn(record: &mut ResourceRecord, snapshot: &Snapshot) {
    record.resource = snapshot.resource.clone();
    record.traits = Some(snapshot.traits.clone());
}

/// `at` is the engine's time.
fn cause_of_exit(record: &ResourceRecord, at: Timestamp) -> ExitCause {
    let own_grace = container(record).and_then(|container| container.stop_timeout_s).unwrap_or_default();
    let explains = STOP_EXPLAINS.max(Duration::from_secs(own_grace.into()) + STOP_MARGIN);
    let requested = record.run.stop_requested_at.is_some_and(|stop| at.since(stop) <= explains);
    if requested { ExitCause::Requested } else { ExitCause::Own }
}

fn exit(record: &mut ResourceRecord, code: i32, at: Timestamp) -> Observation {
    let cause = cause_of_exit(record, at);
    let after = foretell(container(record).map(|container| container.rule), cause, code, record.run.automatic);
    record.state = match after {
        AfterExit::Restarts => ResourceState::Restarting,
        AfterExit::StaysDown => ResourceState::Exited,
        AfterExit::Unknown => ResourceState::Unknown,
    };
    if after == AfterExit::Restarts {
        record.run.automatic = record.run.automatic.saturating_add(1);
    }
    record.run.after_exit = Some(after);
    record.run.stop_requested_at = None;
    Observation::Exit { code, cause, after }
}

/// `None` when it is known to run: then an inspection was quicker than this event.
fn start(record: &mut ResourceRecord, at: Timestamp, ours: Timestamp) -> Option<Observation> {
    if is_up(record.state) {
        return None;
    }
    match record.run.after_exit {
        Some(AfterExit::Restarts | AfterExit::Unknown) => {}
        Some(AfterExit::StaysDown) | None => {
            record.run.automatic = 0;
            record.started_by_request_at = Some(ours);
        }
    }
    record.state = ResourceState::Running;
    record.run.started_at = Some(at);
    record.run.stop_requested_at = None;
    Some(Observation::Start)
}

/// Somebody asks for the end. In the pause before a restart there is none to come: this is it.
fn stop(record: &mut ResourceRecord, at: Timestamp) -> Option<Observation> {
    match record.state {
        // The engine reports `stop` again after the exit; that explains no later one.
        ResourceState::Exited => None,
        ResourceState::Restarting => {
            record.state = ResourceState::Exited;
            record.run.after_exit = Some(AfterExit::StaysDown);
            let (cause, after) = (ExitCause::Requested, AfterExit::StaysDown);
            Some(Observation::Exit { code: NO_CODE, cause, after })
        }
        ResourceState::Created
        | ResourceState::Running
        | ResourceState::Paused
        | ResourceState::Removed
        | ResourceState::Unknown => {
            record.run.stop_requested_at = Some(at);
            None
        }
    }
}

fn become_state(record: &mut ResourceRecord, state: ResourceState) -> Option<Observation> {
    let new = record.state != state;
    record.state = state;
    new.then_some(Observation::State(state))
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

/// Whether it ran since what is recorded, beyond what the last event reported.
fn has_newer_run(record: &ResourceRecord, snapshot: &Snapshot) -> bool {
    let reported = record.run.started_at.map_or(record.events.at, |started| started.max(record.events.at));
    snapshot.witness.started_at.is_some_and(|started| started > reported)
}

/// Whether the engine would have started it again, had nobody asked for its end. A start that failed leaves one of the
/// codes 125 to 128.
fn left_down_by_hand(snapshot: &Snapshot) -> bool {
    let Details::Container(container) = &snapshot.traits.details;
    let restarted = matches!(container.rule, RestartRule::Always | RestartRule::UnlessStopped);
    let start_failed = snapshot.exit_code.is_none_or(|code| (125..=128).contains(&code));
    restarted && !start_failed && snapshot.witness.state == ResourceState::Exited
}

/// The start and the exit that the snapshot proves. An exit that a new start already followed has left no code.
fn missed(next: &mut ResourceRecord, snapshot: &Snapshot, at: Moment) -> Vec<Observation> {
    let newer_run = has_newer_run(next, snapshot);
    let (was_up, is_up) = (is_up(next.state), is_up(snapshot.witness.state));
    let started = newer_run || (!was_up && is_up);
    let ended = !is_up && (was_up || newer_run);
    let by_hand = left_down_by_hand(snapshot);
    let exit = ended.then(|| Observation::Exit {
        code: snapshot.exit_code.unwrap_or(NO_CODE),
        cause: if by_hand { ExitCause::Requested } else { cause_of_exit(next, at.clock.platform(at.now)) },
        after: after_by_state(snapshot.witness.state).unwrap_or(AfterExit::Unknown),
    });
    if started || ended {
        next.run.stop_requested_at = None;
        next.state = match &exit {
            Some(_) => snapshot.witness.state,
            None => ResourceState::Running,
        };
    }
    started.then_some(Observation::Start).into_iter().chain(exit).collect()
}

/// Takes over everything that the snapshot says of now, and reports what is new in it.
fn take_current(next: &mut ResourceRecord, snapshot: &Snapshot, observed: &mut Vec<Observation>) {
    let Snapshot { resource: _, traits: _, health, witness, exit_code: _ } = snapshot;
    if next.health != *health {
        observed.push(Observation::Health(*health));
    }
    if next.restart_count != witness.restart_count {
        observed.push(Observation::RestartCount(witness.restart_count));
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
    before: Option<&ResourceRecord>,
    mut record: ResourceRecord,
    observed: Vec<Observation>,
    snapshot: &Snapshot,
    at: Moment,
) -> Change {
    let time_of = |observation: &Observation| match observation {
        Observation::Start => snapshot.witness.started_at.map_or(at.now, |started| at.clock.ours(started)),
        Observation::State(_)
        | Observation::Health(_)
        | Observation::RestartCount(_)
        | Observation::Exit { .. }
        | Observation::OomKill => at.now,
    };
    let draft = |observation| FactDraft { observed_at: time_of(&observation), source: at.source, observation };
    record.observed_at = at.now;
    let facts = observed.into_iter().map(draft).collect();
    Change { before: before.map(ResourceRecord::announced), record, facts }
}

#[cfg(test)]
mod tests;
