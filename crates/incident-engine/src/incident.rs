//! The incident and its life.

use overseer_model::{Digest, FactId, Fingerprint, IncidentId, PlanId, ResourceRef, Timestamp, Verdict};
use serde::{Deserialize, Serialize};

use crate::detect::{Aftermath, Detector, Exit, Trouble};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Warning,
    Critical,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Open,
    /// An approved step is under way.
    Resolving,
    Resolved,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing has been tried and nothing has recovered yet.
    Pending,
    Resolved,
    /// The symptom ended without a proof that the cause did.
    Mitigated,
    /// A fix was carried out and did not help.
    Unresolved,
}

/// What moves an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    StepBegun,
    RecoveryProven,
    /// A step was carried out and did not help, or its end could not be told.
    StepInVain,
    /// A step was given up before anything was done.
    StepAbandoned,
    /// The resource was calm for the quiet period.
    Calm,
    /// The resource is no more.
    Removed,
}

impl State {
    /// The state after `event`; `None` when the event means nothing here.
    #[must_use]
    pub const fn after(self, event: Event) -> Option<Self> {
        match (self, event) {
            (Self::Open, Event::StepBegun) => Some(Self::Resolving),
            (Self::Open | Self::Resolving, Event::RecoveryProven | Event::Removed) | (Self::Open, Event::Calm) => {
                Some(Self::Resolved)
            }
            (Self::Resolving, Event::StepInVain | Event::StepAbandoned) => Some(Self::Open),
            // While a step is under way its verification decides, not the calm that it may have made itself.
            (Self::Resolving, Event::Calm | Event::StepBegun)
            | (Self::Open, Event::StepInVain | Event::StepAbandoned)
            | (
                Self::Resolved,
                Event::StepBegun
                | Event::RecoveryProven
                | Event::StepInVain
                | Event::StepAbandoned
                | Event::Calm
                | Event::Removed,
            ) => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    pub id: IncidentId,
    pub resource: ResourceRef,
    pub detector: Detector,
    pub severity: Severity,
    pub state: State,
    pub outcome: Outcome,
    pub fingerprint: Fingerprint,
    pub opened_at: Timestamp,
    pub updated_at: Timestamp,
    pub resolved_at: Option<Timestamp>,
    pub occurrences: u32,
}

/// One thing that happened in the story of an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    pub at: Timestamp,
    pub what: What,
    pub evidence: Vec<FactId>,
}

impl Moment {
    /// Whether `next` tells the same symptom anew.
    #[must_use]
    pub fn is_repeated_by(&self, next: &Self) -> bool {
        match (&self.what, &next.what) {
            (
                What::Symptom { detector, aftermath, .. },
                What::Symptom { detector: detector_again, aftermath: aftermath_again, .. },
            ) => (detector, aftermath) == (detector_again, aftermath_again),
            _ => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Symptom {
        detector: Detector,
        exits: Vec<Exit>,
        aftermath: Aftermath,
    },
    Proposed {
        plan: PlanId,
        title: String,
    },
    /// No plan was made; the reason is one of Overseer's own sentences.
    Refused {
        plan: PlanId,
        reason: String,
    },
    Approved {
        plan: PlanId,
        by: String,
    },
    Denied {
        plan: PlanId,
        by: String,
    },
    Begun,
    Acted,
    Verified {
        verdict: Verdict,
        checks: Vec<(String, Verdict)>,
    },
    StepFailed {
        reason: String,
    },
    InDoubt,
    Calm,
    Removed,
}

/// Equal for the same trouble of the same workload. The name stands for the workload, because a re-created container
/// has a new id.
#[must_use]
pub fn fingerprint(resource: &ResourceRef) -> Fingerprint {
    Fingerprint(Digest::of_parts(&["exits", resource.site.as_str(), &resource.name]))
}

#[must_use]
pub fn open(resource: &ResourceRef, trouble: &Trouble, now: Timestamp) -> Incident {
    Incident {
        id: IncidentId::fresh(),
        resource: resource.clone(),
        detector: trouble.detector,
        severity: severity(trouble),
        state: State::Open,
        outcome: Outcome::Pending,
        fingerprint: fingerprint(resource),
        opened_at: trouble.at,
        updated_at: now,
        resolved_at: None,
        occurrences: 1,
    }
}

/// The same trouble again: it may have become worse, never better.
#[must_use]
pub fn join(incident: Incident, resource: &ResourceRef, trouble: &Trouble, now: Timestamp) -> Incident {
    let detector = match (incident.detector, trouble.detector) {
        (Detector::UnexpectedExit, Detector::UnexpectedExit) => Detector::UnexpectedExit,
        (Detector::RestartLoop, _) | (_, Detector::RestartLoop) => Detector::RestartLoop,
    };
    let severity = match (incident.severity, severity(trouble)) {
        (Severity::Warning, Severity::Warning) => Severity::Warning,
        (Severity::Critical, _) | (_, Severity::Critical) => Severity::Critical,
    };
    Incident {
        resource: resource.clone(),
        detector,
        severity,
        updated_at: now,
        occurrences: incident.occurrences.saturating_add(1),
        ..incident
    }
}

/// Down is worse than up and down.
const fn severity(trouble: &Trouble) -> Severity {
    match trouble.aftermath {
        Aftermath::StaysDown => Severity::Critical,
        Aftermath::KeepsRestarting => Severity::Warning,
    }
}

#[must_use]
pub fn symptom(trouble: &Trouble) -> Moment {
    let Trouble { detector, at, exits, aftermath } = trouble;
    Moment {
        at: *at,
        evidence: exits.iter().map(|exit| exit.fact).collect(),
        what: What::Symptom { detector: *detector, exits: exits.clone(), aftermath: *aftermath },
    }
}

/// The incident after `event`, with its outcome; `None` when the event means nothing in its state.
#[must_use]
pub fn advance(incident: &Incident, event: Event, now: Timestamp) -> Option<Incident> {
    let state = incident.state.after(event)?;
    let outcome = match (event, incident.outcome) {
        (Event::StepBegun | Event::StepAbandoned, before) => before,
        (Event::RecoveryProven, _) => Outcome::Resolved,
        (Event::StepInVain, _) => Outcome::Unresolved,
        // To remove what a fix did not mend is no cure.
        (Event::Removed, Outcome::Unresolved) => Outcome::Unresolved,
        (Event::Removed, Outcome::Pending | Outcome::Resolved | Outcome::Mitigated) | (Event::Calm, _) => {
            Outcome::Mitigated
        }
    };
    let resolved_at = (state == State::Resolved).then_some(now);
    Some(Incident { state, outcome, resolved_at, updated_at: now, ..incident.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_symptom_again_takes_the_place_of_the_last_one() {
        let at = Timestamp::from_micros(1);
        let moment = |what| Moment { at, what, evidence: Vec::new() };
        let symptom = |detector, aftermath| moment(What::Symptom { detector, exits: Vec::new(), aftermath });
        let keeps = symptom(Detector::RestartLoop, Aftermath::KeepsRestarting);
        assert!(keeps.is_repeated_by(&keeps));
        assert!(!keeps.is_repeated_by(&symptom(Detector::RestartLoop, Aftermath::StaysDown)));
        assert!(!keeps.is_repeated_by(&symptom(Detector::UnexpectedExit, Aftermath::KeepsRestarting)));
        assert!(!moment(What::Acted).is_repeated_by(&keeps));
    }

    #[test]
    fn every_state_answers_every_event() {
        use Event::{Calm, RecoveryProven, Removed, StepAbandoned, StepBegun, StepInVain};
        use State::{Open, Resolved, Resolving};
        let table = [
            (Open, StepBegun, Some(Resolving)),
            (Open, RecoveryProven, Some(Resolved)),
            (Open, StepInVain, None),
            (Open, StepAbandoned, None),
            (Open, Calm, Some(Resolved)),
            (Open, Removed, Some(Resolved)),
            (Resolving, StepBegun, None),
            (Resolving, RecoveryProven, Some(Resolved)),
            (Resolving, StepInVain, Some(Open)),
            (Resolving, StepAbandoned, Some(Open)),
            (Resolving, Calm, None),
            (Resolving, Removed, Some(Resolved)),
            (Resolved, StepBegun, None),
            (Resolved, RecoveryProven, None),
            (Resolved, StepInVain, None),
            (Resolved, StepAbandoned, None),
            (Resolved, Calm, None),
            (Resolved, Removed, None),
        ];
        for (state, event, next) in table {
            assert_eq!(state.after(event), next, "{state:?} {event:?}");
        }
    }
}
