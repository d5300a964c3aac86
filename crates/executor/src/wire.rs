//! Attempts as the contract says them.

use overseer_contract::{to_timestamp, v1};
use overseer_model::Timestamp;
use overseer_permit::Claims;
use overseer_provider_port::Witness;

use crate::attempt::{Acted, Attempt, Failure, Phase, State};
use crate::verification::{Check, Verification};

pub fn step(claims: &Claims) -> v1::StepRef {
    // The rest of a ticket is authority, and stays here.
    let Claims { step, plan, subject, attempt, action, .. } = claims;
    v1::StepRef {
        step_id: step.to_string(),
        plan_id: plan.to_string(),
        subject: Some((*subject).into()),
        attempt: *attempt,
        action: Some(action.clone().into()),
    }
}

pub fn witness(witness: Witness) -> v1::Witness {
    let Witness { state, started_at, restart_count } = witness;
    v1::Witness {
        state: v1::ResourceState::from(state).into(),
        started_at: started_at.map(to_timestamp),
        restart_count,
    }
}

impl From<Check> for v1::Check {
    fn from(check: Check) -> Self {
        let Check { name, verdict, detail } = check;
        Self { name: name.as_str().to_owned(), verdict: v1::Verdict::from(verdict).into(), detail }
    }
}

impl From<Verification> for v1::Verification {
    fn from(verification: Verification) -> Self {
        let Verification { verdict, checks, from, until } = verification;
        Self {
            verdict: v1::Verdict::from(verdict).into(),
            checks: checks.into_iter().map(Into::into).collect(),
            from: Some(to_timestamp(from)),
            until: Some(to_timestamp(until)),
        }
    }
}

impl From<Failure> for v1::StepFailure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Lapsed => Self::TicketExpired,
            Failure::RefusedByPlatform => Self::RefusedByPlatform,
        }
    }
}

impl From<State> for v1::AttemptState {
    fn from(state: State) -> Self {
        match state {
            State::Intent | State::Called => Self::Intent,
            State::Acted => Self::Acted,
            State::Verified => Self::Verified,
            State::Lapsed | State::Refused => Self::Failed,
            State::InDoubt => Self::InDoubt,
        }
    }
}

impl From<Attempt> for v1::Execution {
    fn from(attempt: Attempt) -> Self {
        // The order and trace of its events, and the deadline of its call, are the executor's own.
        let Attempt { id: _, claims, key: _, trace: _, before, intent_at, act_by: _, phase } = attempt;
        let state = v1::AttemptState::from(phase.state()).into();
        let Ends { acted, verification, finished } = Ends::of(phase);
        let after = acted.as_ref().and_then(|acted| acted.after);
        Self {
            step: Some(step(&claims)),
            state,
            action: Some(claims.action.into()),
            intent_at: Some(to_timestamp(intent_at)),
            acted_at: acted.map(|acted| to_timestamp(acted.at)),
            finished_at: finished.map(to_timestamp),
            before: Some(witness(before)),
            after: after.map(witness),
            verification: verification.map(Into::into),
        }
    }
}

/// What a phase says of the end.
struct Ends {
    acted: Option<Acted>,
    verification: Option<Verification>,
    finished: Option<Timestamp>,
}

impl Ends {
    fn of(phase: Phase) -> Self {
        match phase {
            Phase::Intent | Phase::Called { .. } => Self { acted: None, verification: None, finished: None },
            Phase::Acted(acted) => Self { acted: Some(acted), verification: None, finished: None },
            Phase::Verified { acted, verification, at } => {
                Self { acted: Some(acted), verification: Some(verification), finished: Some(at) }
            }
            Phase::Failed { failure: _, detail: _, at } | Phase::InDoubt { doubt: _, at } => {
                Self { acted: None, verification: None, finished: Some(at) }
            }
        }
    }
}
