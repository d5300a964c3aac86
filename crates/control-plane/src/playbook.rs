//! The built-in playbooks: what to propose in which situation. Pure, and no model is asked.

use overseer_contract::v1::Detector;
use overseer_model::{Action, Fingerprint, IncidentId, ResourceRef, Verdict, plain};

/// What a proposal is made on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Situation {
    pub incident: IncidentId,
    pub trouble: Fingerprint,
    pub detector: Detector,
    pub resource: ResourceRef,
    /// The target as the inventory knows it now.
    pub target: Fingerprint,
    /// What was done before against this trouble, newest first.
    pub past: Vec<PastAction>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastAction {
    pub template: String,
    pub target: Fingerprint,
    pub verdict: Verdict,
    /// Printed as evidence when the same is refused.
    pub step: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub playbook: &'static str,
    pub title: String,
    pub actions: Vec<Action>,
}

/// The proposal for a situation; `None` when no playbook knows it.
#[must_use]
pub fn propose(situation: &Situation) -> Option<Proposal> {
    match situation.detector {
        Detector::RestartLoop | Detector::UnexpectedExit => Some(Proposal {
            playbook: "restart-crashed",
            title: format!("restart {}", plain(&situation.resource.name, 128)),
            actions: vec![Action::RestartResource { target: situation.resource.clone() }],
        }),
        Detector::Unspecified => None,
    }
}
