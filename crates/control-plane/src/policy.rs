//! Policy: what a valid step needs before it may run. Pure and total. Guide is the mode there is: each step is
//! approved by a person.

use std::num::NonZeroU8;

use overseer_model::{Action, Risk, Subject};

use crate::refusal::{Refusal, RefusalCode};

/// Kept with every plan and approval, so that a decision can be read later against the rules of its day.
pub const VERSION: &str = "guide-1";

/// What a decision is made on.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    pub subject: Subject,
    pub action: &'r Action,
    pub risk: Risk,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may run by itself.
    #[expect(dead_code, reason = "no mode allows it yet; whoever asks answers it already")]
    Allow,
    /// So many persons with the right to approve say yes.
    NeedsApproval(NonZeroU8),
    Deny(Refusal),
}

#[must_use]
pub fn decide(request: &Request<'_>) -> Decision {
    match (request.subject, request.risk) {
        (_, Risk::D1 | Risk::D2 | Risk::D3) | (Subject::Request(_), Risk::D4) => {
            Decision::NeedsApproval(NonZeroU8::MIN)
        }
        (Subject::Incident(_) | Subject::Schedule(_) | Subject::Agent(_) | Subject::Undo(_), Risk::D4) => {
            Decision::Deny(Refusal {
                code: RefusalCode::PolicyDenied,
                reason: format!("only a person can request {}, which is destructive", request.action.template()),
                what_would_change_it: "a request by a person, for one named target".to_owned(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use overseer_model::{IncidentId, RequestId, RunId, StepId};

    use super::*;
    use crate::plan::tests::resource;

    #[test]
    fn nothing_runs_by_itself_and_only_a_person_requests_what_destroys() {
        let action = Action::RestartResource { target: resource() };
        let person = Subject::Request(RequestId::fresh());
        let machines = [
            Subject::Incident(IncidentId::fresh()),
            Subject::Schedule(RunId::fresh()),
            Subject::Agent(RunId::fresh()),
            Subject::Undo(StepId::fresh()),
        ];
        let decided = |subject, risk| decide(&Request { subject, action: &action, risk });
        let one = Decision::NeedsApproval(NonZeroU8::MIN);
        for risk in [Risk::D1, Risk::D2, Risk::D3, Risk::D4] {
            assert_eq!(decided(person, risk), one);
            for machine in machines {
                match risk {
                    Risk::D1 | Risk::D2 | Risk::D3 => assert_eq!(decided(machine, risk), one),
                    Risk::D4 => assert!(matches!(decided(machine, risk), Decision::Deny(_))),
                }
            }
        }
    }
}
