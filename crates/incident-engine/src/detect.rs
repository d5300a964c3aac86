//! The detectors: pure functions from what is remembered of one resource and one new fact to what is remembered next
//! and the trouble that the fact decides, if any. The same facts give the same incidents.
//!
//! A detector is a file with its state and one line in the registry below.

mod exits;

use std::time::Duration;

use overseer_model::{Fact, Timestamp};
use serde::{Deserialize, Serialize};

pub use exits::{Exit, MOST_EXITS, Memory};

#[derive(Clone, Copy, Debug)]
pub struct Thresholds {
    pub loop_exits: u32,
    pub loop_window: Duration,
}

/// What an incident is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    RestartLoop,
    UnexpectedExit,
}

impl Detector {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RestartLoop => "restart_loop",
            Self::UnexpectedExit => "unexpected_exit",
        }
    }
}

/// A symptom that makes an incident, or another occurrence of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub detector: Detector,
    pub at: Timestamp,
    /// The exits behind it, oldest first.
    pub exits: Vec<Exit>,
    pub aftermath: Aftermath,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aftermath {
    /// The platform keeps restarting it.
    KeepsRestarting,
    /// The platform leaves it down.
    StaysDown,
}

/// What one detector remembers of one resource.
trait Remembered: Default {
    /// What is remembered after `fact`, and the trouble that it decides.
    fn observe(self, fact: &Fact, thresholds: &Thresholds) -> (Self, Option<Trouble>);
    /// Since when the resource gives no more trouble; `None` while it does, or nobody knows.
    fn calm_since(&self) -> Option<Timestamp>;
    /// Without what belongs to a trouble that is over.
    fn cleared(self) -> Self;
}

macro_rules! registry {
    ($($name:ident = $word:literal, $state:ty;)*) => {
        /// What each detector remembers of one resource.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum DetectorState { $($name($state),)* }

        impl DetectorState {
            /// Of every detector, before the first fact.
            #[must_use]
            pub fn fresh() -> Vec<Self> {
                vec![$(Self::$name(Default::default()),)*]
            }
            /// The detector's name, as tables keep it.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => $word,)* }
            }
            fn observe(self, fact: &Fact, thresholds: &Thresholds) -> (Self, Option<Trouble>) {
                match self {
                    $(Self::$name(state) => {
                        let (state, trouble) = state.observe(fact, thresholds);
                        (Self::$name(state), trouble)
                    })*
                }
            }
            fn calm_since(&self) -> Option<Timestamp> {
                match self { $(Self::$name(state) => state.calm_since(),)* }
            }
            /// Without what belongs to a trouble that is over.
            #[must_use]
            pub fn cleared(self) -> Self {
                match self { $(Self::$name(state) => Self::$name(state.cleared()),)* }
            }
        }
    };
}

registry! {
    Exits = "exits", exits::History;
}

/// What every detector remembers after `fact`, and the troubles that it decides.
#[must_use]
pub fn observe(states: Vec<DetectorState>, fact: &Fact, thresholds: &Thresholds) -> (Vec<DetectorState>, Vec<Trouble>) {
    let (states, troubles): (Vec<_>, Vec<_>) = states.into_iter().map(|state| state.observe(fact, thresholds)).unzip();
    (states, troubles.into_iter().flatten().collect())
}

/// Since when the resource gives none of the detectors any trouble; `None` while it does, or nobody knows.
#[must_use]
pub fn calm_since(states: &[DetectorState]) -> Option<Timestamp> {
    let since: Option<Vec<Timestamp>> = states.iter().map(DetectorState::calm_since).collect();
    since?.into_iter().max()
}
