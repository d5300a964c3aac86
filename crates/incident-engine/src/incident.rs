//! The incident and its life.

use overseer_model::{
    Digest, FactId, Fingerprint, IncidentId, PlanId, ResourceKey, ResourceRef, Source, TemplateName, Timestamp, Uri,
    Verdict,
};
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
    /// An approved step is running.
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
pub enum IncidentEvent {
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
    pub const fn after(self, event: IncidentEvent) -> Option<Self> {
        match (self, event) {
            (Self::Open, IncidentEvent::StepBegun) => Some(Self::Resolving),
            (Self::Open | Self::Resolving, IncidentEvent::RecoveryProven | IncidentEvent::Removed)
            | (Self::Open, IncidentEvent::Calm) => Some(Self::Resolved),
            (Self::Resolving, IncidentEvent::StepInVain | IncidentEvent::StepAbandoned) => Some(Self::Open),
            // While a step is under way its verification decides, not the calm that it may have made itself.
            (Self::Resolving, IncidentEvent::Calm | IncidentEvent::StepBegun)
            | (Self::Open, IncidentEvent::StepInVain | IncidentEvent::StepAbandoned)
            | (
                Self::Resolved,
                IncidentEvent::StepBegun
                | IncidentEvent::RecoveryProven
                | IncidentEvent::StepInVain
                | IncidentEvent::StepAbandoned
                | IncidentEvent::Calm
                | IncidentEvent::Removed,
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
    pub kind: MomentKind,
    pub evidence: Vec<FactId>,
}

impl Moment {
    /// Whether `next` tells the same symptom anew.
    #[must_use]
    pub fn is_repeated_by(&self, next: &Self) -> bool {
        match (&self.kind, &next.kind) {
            (
                MomentKind::Symptom { detector, aftermath, .. },
                MomentKind::Symptom { detector: detector_again, aftermath: aftermath_again, .. },
            ) => (detector, aftermath) == (detector_again, aftermath_again),
            _ => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MomentKind {
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
    Acted {
        template: TemplateName,
    },
    Verified {
        #[serde(default = "before_templates_were_kept")]
        template: TemplateName,
        verdict: Verdict,
        checks: Vec<(String, Verdict)>,
    },
    /// Every step of the plan was carried out and verified.
    Succeeded {
        templates: Vec<TemplateName>,
    },
    /// The plan ended well by what a person said of a step in doubt, which proves nothing.
    Unproven,
    StepFailed {
        reason: String,
    },
    InDoubt,
    Calm,
    Removed,
}

/// Older builds knew one template.
const fn before_templates_were_kept() -> TemplateName {
    TemplateName::RestartResource
}

/// Equal for the same trouble of the same workload. The name stands for the workload, because a re-created container
/// has a new id; source and kind stand beside it, because a VM may have the same name.
#[must_use]
pub fn fingerprint(resource: &ResourceRef) -> Fingerprint {
    let ResourceRef { key: ResourceKey { site, uri }, name } = resource;
    let Uri { source: Source { provider, instance }, kind, id: _ } = uri;
    let parts = ["exits", site.as_str(), provider.as_str(), &instance.to_string(), kind.as_str(), name];
    Fingerprint(Digest::of_parts(&parts))
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
        kind: MomentKind::Symptom { detector: *detector, exits: exits.clone(), aftermath: *aftermath },
    }
}

/// The incident after `event`, with its outcome; `None` when the event means nothing in its state.
#[must_use]
pub fn advance(incident: &Incident, event: IncidentEvent, now: Timestamp) -> Option<Incident> {
    let state = incident.state.after(event)?;
    let outcome = match (event, incident.outcome) {
        (IncidentEvent::StepBegun | IncidentEvent::StepAbandoned, before) => before,
        (IncidentEvent::RecoveryProven, _) => Outcome::Resolved,
        (IncidentEvent::StepInVain, _) => Outcome::Unresolved,
        // To remove what a fix did not mend is no cure.
        (IncidentEvent::Removed, Outcome::Unresolved) => Outcome::Unresolved,
        (IncidentEvent::Removed, Outcome::Pending | Outcome::Resolved | Outcome::Mitigated)
        | (IncidentEvent::Calm, _) => Outcome::Mitigated,
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
        let moment = |kind| Moment { at, kind, evidence: Vec::new() };
        let symptom = |detector, aftermath| moment(MomentKind::Symptom { detector, exits: Vec::new(), aftermath });
        let keeps = symptom(Detector::RestartLoop, Aftermath::KeepsRestarting);
        assert!(keeps.is_repeated_by(&keeps));
        assert!(!keeps.is_repeated_by(&symptom(Detector::RestartLoop, Aftermath::StaysDown)));
        assert!(!keeps.is_repeated_by(&symptom(Detector::UnexpectedExit, Aftermath::KeepsRestarting)));
        assert!(!moment(MomentKind::Begun).is_repeated_by(&keeps));
    }

    #[test]
    fn a_vm_and_a_container_of_one_name_are_two_troubles_and_a_new_container_is_the_same() {
        let named = |key: &str| fingerprint(&ResourceRef { key: key.parse().unwrap(), name: "web".into() });
        let web = named("home/docker://local/c1");
        assert_eq!(web, named("home/docker://local/c2"));
        for other in ["home/proxmox://local/c1", "home/docker://nas/c1", "away/docker://local/c1"] {
            assert_ne!(web, named(other), "{other}");
        }
    }

    #[test]
    fn every_state_answers_every_event() {
        use IncidentEvent::{Calm, RecoveryProven, Removed, StepAbandoned, StepBegun, StepInVain};
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
