//! The validator: deterministic, between any proposal and any plan. What it refuses, it refuses with a reason and with
//! what would change it.

use overseer_model::{Action, Verdict};
use overseer_templates::template_of;

use crate::playbook::{PastAction, Proposal, Situation};
use crate::refusal::{Refusal, RefusalCode};

/// The most steps of a plan.
pub const MOST_STEPS: usize = 20;

type Rule = fn(&Situation, &Proposal) -> Result<(), Refusal>;

/// Asked in this order; the first refusal counts.
const RULES: &[Rule] = &[has_1_to_20_steps, acts_on_the_incidents_resource, is_within_capabilities, has_not_failed];

/// # Errors
/// The first rule that the proposal breaks.
pub fn validate(situation: &Situation, proposal: &Proposal) -> Result<(), Refusal> {
    RULES.iter().try_for_each(|rule| rule(situation, proposal))
}

fn has_1_to_20_steps(_: &Situation, proposal: &Proposal) -> Result<(), Refusal> {
    if (1..=MOST_STEPS).contains(&proposal.actions.len()) {
        return Ok(());
    }
    Err(Refusal {
        code: RefusalCode::TooManySteps,
        reason: format!("a plan may have 1 to {MOST_STEPS} steps, this one has {}", proposal.actions.len()),
        what_would_change_it: "a proposal of fewer steps".to_owned(),
    })
}

fn acts_on_the_incidents_resource(situation: &Situation, proposal: &Proposal) -> Result<(), Refusal> {
    if proposal.actions.iter().all(|action| action.target().key == situation.resource.key) {
        return Ok(());
    }
    Err(Refusal {
        code: RefusalCode::NotOfThisSituation,
        reason: "a step's target is not part of the incident".to_owned(),
        what_would_change_it: "a proposal for an incident of that target".to_owned(),
    })
}

fn is_within_capabilities(situation: &Situation, proposal: &Proposal) -> Result<(), Refusal> {
    let lacking = |action: &&Action| !situation.target.capabilities.contains(&template_of(action).capability);
    let Some(action) = proposal.actions.iter().find(lacking) else { return Ok(()) };
    Err(Refusal {
        code: RefusalCode::NotCapable,
        reason: format!("the platform of {} does not support {}", action.target().key, action.template()),
        what_would_change_it: "a credential or provider with this capability".to_owned(),
    })
}

/// The newest of its kind counts: a fix that helped since then may be tried again, and so may one that a person carried
/// out by hand since.
fn has_not_failed(situation: &Situation, proposal: &Proposal) -> Result<(), Refusal> {
    for action in &proposal.actions {
        let same = |past: &&PastAction| {
            past.template == action.template()
                && past.resource == action.target().key
                && past.target == situation.target.fingerprint
        };
        let failed = situation.past.iter().find(same).filter(|past| past.verdict == Verdict::Failed);
        let Some(past) = failed else { continue };
        if situation.target.started_by_request_at.is_some_and(|started| started > past.finished_at) {
            continue;
        }
        return Err(Refusal {
            code: RefusalCode::FailedBefore,
            reason: format!(
                "the same fix was executed for the same problem and its verification failed ({})",
                past.step
            ),
            what_would_change_it:
                "a changed target (a new image, a re-created container), or a person who restarts it \
                                   by hand"
                    .to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use overseer_contract::v1::Detector;
    use overseer_model::{Capability, IncidentId, ResourceRef, TemplateName, Timestamp};

    use super::*;
    use crate::plan::tests::{fingerprint, resource};
    use crate::playbook::propose;
    use crate::targets::TargetRecord;

    fn second(n: i64) -> Timestamp {
        Timestamp::from_micros(n * 1_000_000)
    }

    fn situation(past: &[Verdict]) -> Situation {
        Situation {
            incident: IncidentId::fresh(),
            trouble: fingerprint("trouble"),
            detector: Detector::RestartLoop,
            resource: resource(),
            target: TargetRecord {
                fingerprint: fingerprint("target"),
                capabilities: vec![Capability::Restart, Capability::Start, Capability::Stop],
                started_by_request_at: None,
            },
            past: past
                .iter()
                .map(|verdict| PastAction {
                    template: TemplateName::RestartResource,
                    resource: resource().key,
                    target: fingerprint("target"),
                    verdict: *verdict,
                    finished_at: second(100),
                    step: "stp_1".into(),
                })
                .collect(),
        }
    }

    fn code(situation: &Situation) -> Option<RefusalCode> {
        validate(situation, &propose(situation).unwrap()).err().map(|refusal| refusal.code)
    }

    #[test]
    fn a_fix_that_failed_is_refused_until_it_helped_or_the_target_changed() {
        assert_eq!(code(&situation(&[])), None);
        assert_eq!(code(&situation(&[Verdict::Failed])), Some(RefusalCode::FailedBefore));
        assert_eq!(code(&situation(&[Verdict::Passed, Verdict::Failed])), None);
        assert_eq!(code(&situation(&[Verdict::Inconclusive])), None);
        let mut changed = situation(&[Verdict::Failed]);
        changed.target.fingerprint = fingerprint("a new image");
        assert_eq!(code(&changed), None);
    }

    #[test]
    fn a_fix_that_failed_is_allowed_again_after_a_person_restarted_it_by_hand() {
        let mut situation = situation(&[Verdict::Failed]);
        situation.target.started_by_request_at = Some(second(99));
        assert_eq!(code(&situation), Some(RefusalCode::FailedBefore), "that start was before it, or its own");
        situation.target.started_by_request_at = Some(second(101));
        assert_eq!(code(&situation), None);
    }

    #[test]
    fn a_vm_of_the_same_name_is_another_target() {
        let mut situation = situation(&[Verdict::Failed]);
        situation.resource.key = "home/proxmox://local/c1".parse().unwrap();
        assert_eq!(code(&situation), None);
    }

    #[test]
    fn what_the_platform_does_not_declare_is_refused() {
        let mut situation = situation(&[]);
        situation.target.capabilities = vec![Capability::Start];
        assert_eq!(code(&situation), Some(RefusalCode::NotCapable));
    }

    #[test]
    fn a_target_outside_the_incident_and_too_many_steps_are_refused() {
        let situation = situation(&[]);
        let mut proposal = propose(&situation).unwrap();
        let key = "home/docker://local/other".parse().unwrap();
        proposal.actions = vec![Action::RestartResource { target: ResourceRef { key, ..resource() } }];
        assert_eq!(validate(&situation, &proposal).unwrap_err().code, RefusalCode::NotOfThisSituation);
        proposal.actions = vec![Action::RestartResource { target: resource() }; MOST_STEPS + 1];
        assert_eq!(validate(&situation, &proposal).unwrap_err().code, RefusalCode::TooManySteps);
        proposal.actions.clear();
        assert_eq!(validate(&situation, &proposal).unwrap_err().code, RefusalCode::TooManySteps);
    }
}
