//! The validator: deterministic, between any proposal and any plan. What it refuses, it refuses with a reason and with
//! what would change it.

use overseer_model::Verdict;

use crate::plan::{Refusal, RefusalCode};
use crate::playbook::{Proposal, Situation};

/// The most steps of a plan.
pub const MOST_STEPS: usize = 20;

/// # Errors
/// The first rule that the proposal breaks.
pub fn validate(situation: &Situation, proposal: &Proposal) -> Result<(), Refusal> {
    if proposal.actions.is_empty() || proposal.actions.len() > MOST_STEPS {
        return Err(Refusal {
            code: RefusalCode::TooManySteps,
            reason: format!("a plan has 1 to {MOST_STEPS} steps, this one has {}", proposal.actions.len()),
            what_would_change_it: "split it".to_owned(),
        });
    }
    for action in &proposal.actions {
        let target = action.target();
        if (target.id.as_str(), &target.site) != (situation.resource.id.as_str(), &situation.resource.site) {
            return Err(Refusal {
                code: RefusalCode::NotOfThisSituation,
                reason: "a step's target is not part of the incident".to_owned(),
                what_would_change_it: "propose it for an incident of that target".to_owned(),
            });
        }
        // The newest of its kind counts: a fix that helped since then may be tried again.
        let last =
            situation.past.iter().find(|past| past.template == action.template() && past.target == situation.target);
        if let Some(past) = last.filter(|past| past.verdict == Verdict::Failed) {
            return Err(Refusal {
                code: RefusalCode::FailedBefore,
                reason: format!(
                    "the same fix was carried out against the same trouble and its verification failed ({})",
                    past.step
                ),
                what_would_change_it: "a changed target (a new image, a re-created container), or a person who \
                                       restarts it by hand"
                    .to_owned(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use overseer_contract::v1::Detector;
    use overseer_model::{Action, Digest, Fingerprint, IncidentId, ResourceRef};

    use super::*;
    use crate::plan::tests::resource;
    use crate::playbook::{PastAction, propose};

    fn situation(past: &[Verdict]) -> Situation {
        let target = Fingerprint(Digest::of(b"target"));
        Situation {
            incident: IncidentId::fresh(),
            trouble: Fingerprint(Digest::of(b"trouble")),
            detector: Detector::RestartLoop,
            resource: resource(),
            target,
            past: past
                .iter()
                .map(|verdict| PastAction {
                    template: "restart_resource".into(),
                    target,
                    verdict: *verdict,
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
        changed.target = Fingerprint(Digest::of(b"a new image"));
        assert_eq!(code(&changed), None);
    }

    #[test]
    fn a_target_outside_the_incident_and_too_many_steps_are_refused() {
        let situation = situation(&[]);
        let mut proposal = propose(&situation).unwrap();
        proposal.actions = vec![Action::RestartResource { target: ResourceRef { id: "other".into(), ..resource() } }];
        assert_eq!(validate(&situation, &proposal).unwrap_err().code, RefusalCode::NotOfThisSituation);
        proposal.actions = vec![Action::RestartResource { target: resource() }; MOST_STEPS + 1];
        assert_eq!(validate(&situation, &proposal).unwrap_err().code, RefusalCode::TooManySteps);
        proposal.actions.clear();
        assert_eq!(validate(&situation, &proposal).unwrap_err().code, RefusalCode::TooManySteps);
    }
}
