//! The detector of restart loops and unexpected exits: what a resource's exits, starts and states mean.

use std::time::Duration;

use overseer_model::{AfterExit, ExitCause, Fact, FactId, Observation, ResourceState, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Aftermath, Detector, Remembered, Thresholds, Trouble};

/// Exits that are remembered of one resource.
pub const MOST_EXITS: u32 = 50;
/// An out-of-memory kill explains an exit that follows within this time. The engine reports both within milliseconds.
const OOM_EXPLAINS: Duration = Duration::from_secs(10);

/// One exit by the program's own doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    pub fact: FactId,
    pub at: Timestamp,
    pub code: i32,
    pub memory: Memory,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Memory {
    Enough,
    /// The kernel killed it for want of memory.
    Exhausted,
}

/// What the resource is doing, as far as trouble goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Unknown,
    Running {
        since: Timestamp,
    },
    /// Ended by itself; the platform will start it again.
    Restarting,
    /// Ended by itself, and what follows is not known yet.
    Undecided,
    /// Ended by itself and stays down.
    Down,
    /// Ended because somebody asked for it.
    Stopped {
        since: Timestamp,
    },
    Removed {
        since: Timestamp,
    },
}

/// What is remembered of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    pub exits: Vec<Exit>,
    pub phase: Phase,
    pub oom_at: Option<Timestamp>,
}

impl Default for History {
    fn default() -> Self {
        Self { exits: Vec::new(), phase: Phase::Unknown, oom_at: None }
    }
}

impl Remembered for History {
    fn observe(self, fact: &Fact, thresholds: &Thresholds) -> (Self, Option<Trouble>) {
        observe(self, fact, thresholds)
    }

    fn calm_since(&self) -> Option<Timestamp> {
        calm_since(self)
    }

    fn cleared(self) -> Self {
        Self { exits: Vec::new(), ..self }
    }
}

fn observe(mut history: History, fact: &Fact, thresholds: &Thresholds) -> (History, Option<Trouble>) {
    let at = fact.observed_at;
    let trouble = match fact.observation {
        Observation::Exit { cause: ExitCause::Requested, .. } => {
            history.phase = Phase::Stopped { since: at };
            history.exits.clear();
            None
        }
        Observation::Exit { code: 0, cause: ExitCause::Own, after: AfterExit::StaysDown } => {
            // A job that has done its work.
            history.phase = Phase::Stopped { since: at };
            None
        }
        Observation::Exit { code, cause: ExitCause::Own, after } => {
            remember(&mut history, fact, code, thresholds);
            after_exit(&mut history, after, at, thresholds)
        }
        Observation::State(state) => after_state(&mut history, state, at, thresholds),
        Observation::Start => {
            history.phase = Phase::Running { since: at };
            None
        }
        Observation::OomKill => {
            history.oom_at = Some(at);
            None
        }
        Observation::Health(_) | Observation::RestartCount(_) => None,
    };
    (history, trouble)
}

fn remember(history: &mut History, fact: &Fact, code: i32, thresholds: &Thresholds) {
    let at = fact.observed_at;
    let killed = history.oom_at.take().is_some_and(|oom| at.since(oom) <= OOM_EXPLAINS);
    let memory = if killed { Memory::Exhausted } else { Memory::Enough };
    history.exits.retain(|exit| at.since(exit.at) <= thresholds.loop_window);
    if history.exits.len() >= usize::try_from(MOST_EXITS).unwrap_or(usize::MAX) {
        history.exits.remove(0);
    }
    history.exits.push(Exit { fact: fact.id, at, code, memory });
}

fn after_exit(history: &mut History, after: AfterExit, at: Timestamp, thresholds: &Thresholds) -> Option<Trouble> {
    match after {
        AfterExit::Restarts => {
            history.phase = Phase::Restarting;
            let exits = u32::try_from(history.exits.len()).unwrap_or(u32::MAX);
            (exits >= thresholds.loop_exits)
                .then(|| trouble(history, Detector::RestartLoop, Aftermath::KeepsRestarting, at))
        }
        AfterExit::StaysDown => {
            history.phase = Phase::Down;
            let detector = match history.exits.len() {
                0 | 1 => Detector::UnexpectedExit,
                _ => Detector::RestartLoop,
            };
            Some(trouble(history, detector, Aftermath::StaysDown, at))
        }
        AfterExit::Unknown => {
            history.phase = Phase::Undecided;
            None
        }
    }
}

/// A state that was looked up: it decides an exit whose sequel was not known.
fn after_state(history: &mut History, state: ResourceState, at: Timestamp, thresholds: &Thresholds) -> Option<Trouble> {
    match (state, history.phase) {
        (ResourceState::Exited, Phase::Undecided | Phase::Restarting) => {
            let finished = history.exits.last().is_some_and(|exit| exit.code == 0);
            if finished {
                history.phase = Phase::Stopped { since: at };
                return None;
            }
            after_exit(history, AfterExit::StaysDown, at, thresholds)
        }
        (ResourceState::Restarting, Phase::Undecided) => after_exit(history, AfterExit::Restarts, at, thresholds),
        (
            ResourceState::Running,
            Phase::Unknown
            | Phase::Restarting
            | Phase::Undecided
            | Phase::Down
            | Phase::Stopped { .. }
            | Phase::Removed { .. },
        ) => {
            history.phase = Phase::Running { since: at };
            None
        }
        (ResourceState::Removed, _) => {
            history.phase = Phase::Removed { since: at };
            None
        }
        (ResourceState::Running, Phase::Running { .. })
        | (
            ResourceState::Exited,
            Phase::Unknown | Phase::Running { .. } | Phase::Down | Phase::Stopped { .. } | Phase::Removed { .. },
        )
        | (
            ResourceState::Restarting,
            Phase::Unknown
            | Phase::Running { .. }
            | Phase::Restarting
            | Phase::Down
            | Phase::Stopped { .. }
            | Phase::Removed { .. },
        )
        | (ResourceState::Created | ResourceState::Paused | ResourceState::Unknown, _) => None,
    }
}

fn trouble(history: &History, detector: Detector, aftermath: Aftermath, at: Timestamp) -> Trouble {
    Trouble { detector, at, exits: history.exits.clone(), aftermath }
}

const fn calm_since(history: &History) -> Option<Timestamp> {
    match history.phase {
        Phase::Running { since } | Phase::Stopped { since } | Phase::Removed { since } => Some(since),
        Phase::Unknown | Phase::Restarting | Phase::Undecided | Phase::Down => None,
    }
}

#[cfg(test)]
mod tests {
    use overseer_model::{FactSource, ResourceRef};
    use proptest::prelude::*;

    use super::*;

    const THRESHOLDS: Thresholds = Thresholds { loop_exits: 5, loop_window: Duration::from_secs(600) };

    fn fact(second: i64, observation: Observation) -> Fact {
        Fact {
            id: FactId::fresh(),
            sequence: 1,
            resource: ResourceRef { key: "home/docker://local/c".parse().unwrap(), name: "web".into() },
            observed_at: Timestamp::from_micros(second * 1_000_000),
            source: FactSource::Event,
            observation,
        }
    }

    fn own(code: i32, after: AfterExit) -> Observation {
        Observation::Exit { code, cause: ExitCause::Own, after }
    }

    fn detectors(facts: &[(i64, Observation)]) -> Vec<Option<Detector>> {
        let mut history = History::default();
        facts
            .iter()
            .map(|(second, observation)| {
                let (next, trouble) = observe(history.clone(), &fact(*second, *observation), &THRESHOLDS);
                history = next;
                trouble.map(|trouble| trouble.detector)
            })
            .collect()
    }

    #[test]
    fn one_crash_that_stays_down_is_an_unexpected_exit() {
        assert_eq!(detectors(&[(1, own(1, AfterExit::StaysDown))]), [Some(Detector::UnexpectedExit)]);
    }

    #[test]
    fn a_loop_is_told_when_the_platform_gives_up_and_not_before() {
        let facts = [
            (1, own(1, AfterExit::Restarts)),
            (2, Observation::Start),
            (3, own(1, AfterExit::Restarts)),
            (4, own(1, AfterExit::StaysDown)),
        ];
        assert_eq!(detectors(&facts), [None, None, None, Some(Detector::RestartLoop)]);
    }

    #[test]
    fn an_endless_loop_is_told_at_the_threshold_and_at_each_exit_after_it() {
        let facts: Vec<_> = (1..=6).map(|second| (second, own(1, AfterExit::Restarts))).collect();
        let told = Some(Detector::RestartLoop);
        assert_eq!(detectors(&facts), [None, None, None, None, told, told]);
    }

    #[test]
    fn slow_exits_are_no_loop() {
        let facts: Vec<_> = (1..=9).map(|n| (n * 300, own(1, AfterExit::Restarts))).collect();
        assert!(detectors(&facts).iter().all(Option::is_none));
    }

    #[test]
    fn what_was_asked_for_and_what_is_done_is_no_trouble() {
        let asked = Observation::Exit { code: 137, cause: ExitCause::Requested, after: AfterExit::StaysDown };
        assert_eq!(detectors(&[(1, asked), (2, own(0, AfterExit::StaysDown))]), [None, None]);
    }

    #[test]
    fn an_undecided_exit_is_decided_by_the_look_that_follows() {
        let undecided = own(1, AfterExit::Unknown);
        let facts = [(1, undecided), (2, Observation::State(ResourceState::Exited))];
        assert_eq!(detectors(&facts), [None, Some(Detector::UnexpectedExit)]);
        let facts = [(1, undecided), (2, Observation::State(ResourceState::Restarting))];
        assert_eq!(detectors(&facts), [None, None]);
    }

    #[test]
    fn an_exit_after_an_oom_kill_knows_it() {
        let (history, _) = observe(History::default(), &fact(1, Observation::OomKill), &THRESHOLDS);
        let (history, trouble) = observe(history, &fact(2, own(137, AfterExit::StaysDown)), &THRESHOLDS);
        assert_eq!(trouble.unwrap().exits[0].memory, Memory::Exhausted);
        assert_eq!(history.oom_at, None);
    }

    fn any_observation() -> impl Strategy<Value = Observation> {
        prop_oneof![
            (any::<i32>(), any::<bool>(), 0..3_u8).prop_map(|(code, asked, after)| Observation::Exit {
                code,
                cause: if asked { ExitCause::Requested } else { ExitCause::Own },
                after: [AfterExit::Restarts, AfterExit::StaysDown, AfterExit::Unknown][usize::from(after)],
            }),
            Just(Observation::Start),
            Just(Observation::OomKill),
            Just(Observation::State(ResourceState::Running)),
            Just(Observation::State(ResourceState::Exited)),
            Just(Observation::State(ResourceState::Restarting)),
            Just(Observation::State(ResourceState::Removed)),
        ]
    }

    proptest! {
        #[test]
        fn the_same_facts_give_the_same_troubles_in_bounded_memory(
            facts in proptest::collection::vec((0..10_000_i64, any_observation()), 0..200)
        ) {
            prop_assert_eq!(detectors(&facts), detectors(&facts));
            let mut history = History::default();
            for (second, observation) in &facts {
                let fact = fact(*second, *observation);
                let (next, trouble) = observe(history, &fact, &THRESHOLDS);
                history = next;
                prop_assert!(history.exits.len() <= MOST_EXITS as usize);
                if let Some(trouble) = trouble {
                    prop_assert!(!trouble.exits.is_empty());
                    prop_assert!(calm_since(&history).is_none());
                }
            }
        }
    }
}
