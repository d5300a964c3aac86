//! Policy: what a valid step needs before it may run. Pure and total. Guide is the mode there is: each step is
//! approved by a person.

use overseer_model::{Action, Risk};

/// Kept with every plan and approval, so that a decision can be read later against the rules of its day.
pub const VERSION: &str = "guide-1";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// One person with the right to approve says yes.
    NeedsApproval,
}

#[must_use]
pub const fn decide(_action: &Action, risk: Risk) -> Decision {
    match risk {
        Risk::D1 | Risk::D2 | Risk::D3 | Risk::D4 => Decision::NeedsApproval,
    }
}
