//! Why something was refused, and what would change it. Each promise in it is kept by a rule of the validator.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub code: RefusalCode,
    pub reason: String,
    pub what_would_change_it: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    FailedBefore,
    NotOfThisSituation,
    TooManySteps,
    /// The target's platform does not declare that it can do this.
    NotCapable,
    PolicyDenied,
}

impl RefusalCode {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FailedBefore => "failed_before",
            Self::NotOfThisSituation => "not_of_this_situation",
            Self::TooManySteps => "too_many_steps",
            Self::NotCapable => "not_capable",
            Self::PolicyDenied => "policy_denied",
        }
    }
}
