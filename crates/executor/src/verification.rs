//! Did the action mend its target? Judged over the stabilization window, by what the platform says at its end and what
//! happened until then. What could not be asked is inconclusive, never passed.

use std::time::Duration;

use overseer_model::{Health, ResourceState, Timestamp, Verdict};
use overseer_provider_port::{ClockOffset, PlatformEvent, PlatformEventKind, Witness};
use serde::{Deserialize, Serialize};

use crate::attempt::Acted;
use crate::platform::{Next, Sight};

/// How long after the window an engine that is away is asked again, until it is left inconclusive. Restarts of a Docker
/// engine take less. The longest window and this make the 5 minutes that a verification may take.
const ASK_UNTIL: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckName {
    Running,
    NoNewExit,
    Healthy,
    Down,
    NoNewStart,
}

impl CheckName {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::NoNewExit => "no_new_exit",
            Self::Healthy => "healthy",
            Self::Down => "down",
            Self::NoNewStart => "no_new_start",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub name: CheckName,
    pub verdict: Verdict,
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    pub verdict: Verdict,
    pub checks: Vec<Check>,
    pub from: Timestamp,
    pub until: Timestamp,
}

/// Since when an exit is a new one, at the platform's own time: the start of the run that the action made.
pub fn since(acted: &Acted, clock: ClockOffset, skew: Duration) -> Timestamp {
    acted.after.and_then(|after| after.started_at).unwrap_or(clock.platform(acted.at) - skew)
}

/// What is checked after one kind of effect, by one look.
pub type Judge = fn(&Acted, &Sight, &[PlatformEvent]) -> Vec<Check>;

/// Settled at the end of the window, or at once when it broke before.
pub fn watch(judge: Judge, acted: &Acted, sight: &Sight, seen: &[PlatformEvent], now: Timestamp) -> Next<Verification> {
    let window_ended = now >= acted.verify_until;
    let asked = *sight != Sight::Unasked;
    let given_up = acted.verify_until + ASK_UNTIL;
    let verification = verdict_of(judge(acted, sight, seen), acted, now);
    if broke(&verification) || (window_ended && asked) || now >= given_up {
        return Next::Settled(verification);
    }
    Next::Wait(Some(if window_ended { given_up } else { acted.verify_until }))
}

/// A run that ended cannot mend itself, nor one that began be undone; the other checks can still turn until the end of
/// the window.
fn broke(verification: &Verification) -> bool {
    verification.checks.iter().any(|check| match check.name {
        CheckName::NoNewExit | CheckName::NoNewStart => check.verdict == Verdict::Failed,
        CheckName::Running | CheckName::Healthy | CheckName::Down => false,
    })
}

fn verdict_of(checks: Vec<Check>, acted: &Acted, now: Timestamp) -> Verification {
    let any = |verdict| checks.iter().any(|check| check.verdict == verdict);
    let verdict = if any(Verdict::Failed) {
        Verdict::Failed
    } else if any(Verdict::Inconclusive) {
        Verdict::Inconclusive
    } else {
        Verdict::Passed
    };
    Verification { verdict, checks, from: acted.at, until: now }
}

/// After a start or a restart: the run goes on.
pub fn stays_up(acted: &Acted, sight: &Sight, seen: &[PlatformEvent]) -> Vec<Check> {
    let mut checks = vec![running(sight), no_new_exit(acted.after.as_ref(), sight, seen)];
    checks.extend(healthy(sight));
    checks
}

/// After a stop: nothing runs.
pub fn stays_down(acted: &Acted, sight: &Sight, _: &[PlatformEvent]) -> Vec<Check> {
    vec![down(sight), no_new_start(acted.after.as_ref(), sight)]
}

fn down(sight: &Sight) -> Check {
    let (verdict, detail) = match sight {
        Sight::Unasked => (Verdict::Inconclusive, "the platform is unreachable"),
        Sight::Gone => (Verdict::Inconclusive, "it was removed"),
        Sight::Seen(snapshot) => match snapshot.witness.state {
            ResourceState::Exited | ResourceState::Created => (Verdict::Passed, "it is down"),
            ResourceState::Running => (Verdict::Failed, "it runs"),
            ResourceState::Paused => (Verdict::Failed, "it is paused"),
            ResourceState::Restarting => (Verdict::Failed, "the platform is about to start it"),
            ResourceState::Removed => (Verdict::Inconclusive, "it was removed"),
            ResourceState::Unknown => (Verdict::Inconclusive, "the platform reports an unknown state"),
        },
    };
    Check { name: CheckName::Down, verdict, detail: detail.to_owned() }
}

/// A start that ended again within the window shows in the time of the last run.
fn no_new_start(after: Option<&Witness>, sight: &Sight) -> Check {
    let (verdict, detail) = match (after, sight) {
        (None, _) => (Verdict::Inconclusive, "its state after the action was not observed"),
        (Some(_), Sight::Unasked) => (Verdict::Inconclusive, "the platform is unreachable"),
        (Some(_), Sight::Gone) => (Verdict::Inconclusive, "it was removed"),
        (Some(after), Sight::Seen(snapshot)) if snapshot.witness.started_at != after.started_at => {
            (Verdict::Failed, "it was started again")
        }
        (Some(_), Sight::Seen(_)) => (Verdict::Passed, "it was not started again"),
    };
    Check { name: CheckName::NoNewStart, verdict, detail: detail.to_owned() }
}

fn running(sight: &Sight) -> Check {
    let (verdict, detail) = match sight {
        Sight::Unasked => (Verdict::Inconclusive, "the platform is unreachable"),
        Sight::Gone => (Verdict::Failed, "it was removed"),
        Sight::Seen(snapshot) => match snapshot.witness.state {
            ResourceState::Running => (Verdict::Passed, "it runs"),
            ResourceState::Created => (Verdict::Failed, "it was not started"),
            ResourceState::Paused => (Verdict::Failed, "it is paused"),
            ResourceState::Restarting => (Verdict::Failed, "the platform waits before it starts it again"),
            ResourceState::Exited => (Verdict::Failed, "it exited"),
            ResourceState::Removed => (Verdict::Failed, "it was removed"),
            ResourceState::Unknown => (Verdict::Inconclusive, "the platform reports an unknown state"),
        },
    };
    Check { name: CheckName::Running, verdict, detail: detail.to_owned() }
}

fn no_new_exit(after: Option<&Witness>, sight: &Sight, seen: &[PlatformEvent]) -> Check {
    let exit = after.and_then(|after| seen.iter().find_map(|event| exit_of_this_run(after, event)));
    let check = |verdict, detail: &str| Check { name: CheckName::NoNewExit, verdict, detail: detail.to_owned() };
    match (after, exit, sight) {
        (_, Some(code), _) => check(Verdict::Failed, &format!("it exited again with code {code}")),
        (_, None, Sight::Gone) => check(Verdict::Failed, "it was removed"),
        (None, None, _) => check(Verdict::Inconclusive, "the run started by the action was not observed"),
        (Some(_), None, Sight::Unasked) => check(Verdict::Inconclusive, "the platform is unreachable"),
        (Some(after), None, Sight::Seen(snapshot)) => match snapshot.witness {
            now if now.started_at != after.started_at || now.restart_count > after.restart_count => {
                check(Verdict::Failed, "it was restarted since the action")
            }
            now if now.state == ResourceState::Exited => check(Verdict::Failed, "it exited again"),
            _ => check(Verdict::Passed, "it is the run started by the action"),
        },
    }
}

/// The code of an exit after the start of the run that the action made; the exit that the action itself caused is older.
fn exit_of_this_run(after: &Witness, event: &PlatformEvent) -> Option<i32> {
    let this_run = after.started_at.is_none_or(|started| event.at >= started);
    match event.kind {
        PlatformEventKind::Exited { code } => Some(code).filter(|_| this_run),
        PlatformEventKind::Created
        | PlatformEventKind::Started
        | PlatformEventKind::StopRequested
        | PlatformEventKind::RestartRequested
        | PlatformEventKind::OomKilled
        | PlatformEventKind::Paused
        | PlatformEventKind::Unpaused
        | PlatformEventKind::Health(_)
        | PlatformEventKind::Renamed
        | PlatformEventKind::Removed => None,
    }
}

/// Only for a target that has a health check.
fn healthy(sight: &Sight) -> Option<Check> {
    let Sight::Seen(snapshot) = sight else { return None };
    let (verdict, detail) = match snapshot.health {
        Health::Unchecked => return None,
        Health::Healthy => (Verdict::Passed, "its health check passes"),
        Health::Starting => (Verdict::Inconclusive, "its first health check is pending"),
        Health::Unhealthy => (Verdict::Failed, "its health check fails"),
    };
    Some(Check { name: CheckName::Healthy, verdict, detail: detail.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::fixtures::{resource, snapshot};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }
    fn witness(state: ResourceState, started: i64, restart_count: u32) -> Witness {
        Witness { state, started_at: Some(at(started)), restart_count }
    }
    fn acted() -> Acted {
        Acted { at: at(100), after: Some(witness(ResourceState::Running, 99, 0)), verify_until: at(120) }
    }
    fn seen(state: ResourceState, started: i64, restart_count: u32, health: Health) -> Sight {
        let mut snapshot = snapshot(witness(state, started, restart_count));
        snapshot.health = health;
        Sight::Seen(Box::new(snapshot))
    }
    fn exit(seconds: i64) -> PlatformEvent {
        PlatformEvent { resource: resource(), at: at(seconds), kind: PlatformEventKind::Exited { code: 1 } }
    }

    #[test]
    fn the_verdict_follows_from_the_last_look_and_what_happened() {
        use ResourceState::{Exited, Paused, Restarting, Running, Unknown};
        use Verdict::{Failed, Inconclusive, Passed};
        let table: [(Sight, Vec<PlatformEvent>, Verdict); 14] = [
            (seen(Running, 99, 0, Health::Unchecked), vec![], Passed),
            (seen(Running, 99, 0, Health::Healthy), vec![], Passed),
            (seen(Running, 99, 0, Health::Starting), vec![], Inconclusive),
            (seen(Running, 99, 0, Health::Unhealthy), vec![], Failed),
            // The action itself ended the run before.
            (seen(Running, 99, 0, Health::Unchecked), vec![exit(98)], Passed),
            (seen(Running, 99, 0, Health::Unchecked), vec![exit(101)], Failed),
            (seen(Running, 105, 0, Health::Unchecked), vec![], Failed),
            (seen(Running, 99, 1, Health::Unchecked), vec![], Failed),
            (seen(Exited, 99, 0, Health::Unchecked), vec![], Failed),
            (seen(Restarting, 99, 0, Health::Unchecked), vec![], Failed),
            (seen(Paused, 99, 0, Health::Unchecked), vec![], Failed),
            (seen(Unknown, 99, 0, Health::Unchecked), vec![], Inconclusive),
            (Sight::Gone, vec![], Failed),
            (Sight::Unasked, vec![], Inconclusive),
        ];
        for (sight, events, expected) in table {
            assert_eq!(
                verdict_of(stays_up(&acted(), &sight, &events), &acted(), at(120)).verdict,
                expected,
                "{sight:?} {events:?}"
            );
        }
    }

    #[test]
    fn a_stop_is_verified_by_what_stays_down() {
        use ResourceState::{Exited, Restarting, Running};
        let acted = Acted { after: Some(witness(Exited, 99, 0)), ..acted() };
        let judged = |sight| verdict_of(stays_down(&acted, &sight, &[]), &acted, at(120)).verdict;
        assert_eq!(judged(seen(Exited, 99, 0, Health::Unhealthy)), Verdict::Passed, "health is no matter of a stop");
        for failed in [seen(Running, 101, 0, Health::Healthy), seen(Restarting, 99, 0, Health::Unchecked)] {
            assert_eq!(judged(failed), Verdict::Failed);
        }
        assert_eq!(judged(seen(Exited, 101, 0, Health::Unchecked)), Verdict::Failed, "it ran in between");
        assert_eq!(judged(Sight::Gone), Verdict::Inconclusive);
        let again = watch(stays_down, &acted, &seen(Running, 101, 0, Health::Unchecked), &[], at(101));
        assert!(matches!(again, Next::Settled(_)), "a new start ends the window at once");
    }

    #[test]
    fn a_run_that_was_not_seen_after_the_action_is_inconclusive() {
        let acted = Acted { after: None, ..acted() };
        let sight = seen(ResourceState::Running, 99, 0, Health::Unchecked);
        assert_eq!(verdict_of(stays_up(&acted, &sight, &[exit(98)]), &acted, at(120)).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn an_exit_ends_the_window_at_once_and_nothing_else_does() {
        let settled = |sight: &Sight, events: &[PlatformEvent], now| match watch(stays_up, &acted(), sight, events, now)
        {
            Next::Settled(verification) => Ok(verification.verdict),
            Next::Wait(until) => Err(until),
        };
        let runs = seen(ResourceState::Running, 99, 0, Health::Unchecked);
        let unhealthy = seen(ResourceState::Running, 99, 0, Health::Unhealthy);
        assert_eq!(settled(&runs, &[], at(101)), Err(Some(at(120))));
        assert_eq!(settled(&unhealthy, &[], at(101)), Err(Some(at(120))));
        assert_eq!(settled(&runs, &[exit(101)], at(101)), Ok(Verdict::Failed));
        assert_eq!(settled(&Sight::Gone, &[], at(101)), Ok(Verdict::Failed));
        assert_eq!(settled(&runs, &[], at(120)), Ok(Verdict::Passed));
    }

    #[test]
    fn an_engine_that_is_away_is_waited_for_and_then_left_inconclusive() {
        assert_eq!(watch(stays_up, &acted(), &Sight::Unasked, &[], at(110)), Next::Wait(Some(at(120))));
        assert_eq!(watch(stays_up, &acted(), &Sight::Unasked, &[], at(121)), Next::Wait(Some(at(150))));
        let Next::Settled(verification) = watch(stays_up, &acted(), &Sight::Unasked, &[], at(150)) else {
            panic!("it waits on")
        };
        assert_eq!(verification.verdict, Verdict::Inconclusive);
    }
}
