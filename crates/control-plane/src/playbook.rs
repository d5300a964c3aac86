//! The built-in playbooks: what to propose in which situation. A table; pure, and no model is asked.

use overseer_contract::v1::Detector;
use overseer_model::{
    Action, Fingerprint, IncidentId, ResourceKey, ResourceRef, TemplateName, Timestamp, Verdict, plain,
};
use overseer_templates::template_of;

use crate::targets::TargetRecord;

/// What a proposal is made on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Situation {
    pub incident: IncidentId,
    pub trouble: Fingerprint,
    pub detector: Detector,
    pub resource: ResourceRef,
    /// The resource as the inventory last told it.
    pub target: TargetRecord,
    /// What was done before against this trouble, newest first.
    pub past: Vec<PastAction>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastAction {
    pub template: TemplateName,
    pub resource: ResourceKey,
    pub target: Fingerprint,
    pub verdict: Verdict,
    pub finished_at: Timestamp,
    /// Printed as evidence when the same is refused.
    pub step: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub playbook: &'static str,
    pub title: String,
    pub actions: Vec<Action>,
}

/// One built-in playbook.
struct Playbook {
    name: &'static str,
    detectors: &'static [Detector],
    actions: fn(&Situation) -> Vec<Action>,
}

const PLAYBOOKS: &[Playbook] = &[Playbook {
    name: "restart-crashed",
    detectors: &[Detector::RestartLoop, Detector::UnexpectedExit],
    actions: |situation| vec![Action::RestartResource { target: situation.resource.clone() }],
}];

/// The proposal for a situation; `None` when no playbook knows it.
#[must_use]
pub fn propose(situation: &Situation) -> Option<Proposal> {
    let playbook = PLAYBOOKS.iter().find(|playbook| playbook.detectors.contains(&situation.detector))?;
    let actions = (playbook.actions)(situation);
    Some(Proposal { playbook: playbook.name, title: title(&actions), actions })
}

/// `restart web`, `stop web, start web`.
fn title(actions: &[Action]) -> String {
    let words =
        actions.iter().map(|action| format!("{} {}", template_of(action).verb, plain(&action.target().name, 128)));
    words.collect::<Vec<_>>().join(", ")
}
