//! What a plan is made for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{BadId, IncidentId, RequestId, RunId, StepId};

/// What a plan is made for. Its text is `incident:inc_…`, `request:req_…` and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Subject {
    Incident(IncidentId),
    /// A person's own request.
    Request(RequestId),
    /// A schedule's run.
    Schedule(RunId),
    /// An agent's run.
    Agent(RunId),
    /// The return of an executed step.
    Undo(StepId),
}

impl Subject {
    #[must_use]
    pub const fn incident(self) -> Option<IncidentId> {
        match self {
            Self::Incident(id) => Some(id),
            Self::Request(_) | Self::Schedule(_) | Self::Agent(_) | Self::Undo(_) => None,
        }
    }
}
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incident(id) => write!(f, "incident:{id}"),
            Self::Request(id) => write!(f, "request:{id}"),
            Self::Schedule(id) => write!(f, "schedule:{id}"),
            Self::Agent(id) => write!(f, "agent:{id}"),
            Self::Undo(id) => write!(f, "undo:{id}"),
        }
    }
}
impl FromStr for Subject {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = BadId { expected: "KIND:ID, for example incident:inc_<uuid>" };
        let (kind, id) = text.split_once(':').ok_or(bad.clone())?;
        match kind {
            "incident" => id.parse().map(Self::Incident),
            "request" => id.parse().map(Self::Request),
            "schedule" => id.parse().map(Self::Schedule),
            "agent" => id.parse().map(Self::Agent),
            "undo" => id.parse().map(Self::Undo),
            _ => Err(bad),
        }
    }
}
impl TryFrom<String> for Subject {
    type Error = BadId;
    fn try_from(text: String) -> Result<Self, BadId> {
        text.parse()
    }
}
impl From<Subject> for String {
    fn from(subject: Subject) -> String {
        subject.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subject_reads_back_and_no_other_text_does() {
        let run = RunId::fresh();
        for subject in [
            Subject::Incident(IncidentId::fresh()),
            Subject::Request(RequestId::fresh()),
            Subject::Schedule(run),
            Subject::Agent(run),
            Subject::Undo(StepId::fresh()),
        ] {
            assert_eq!(subject.to_string().parse(), Ok(subject));
        }
        let id = IncidentId::fresh();
        for bad in [String::new(), id.to_string(), format!("request:{id}"), format!("other:{id}")] {
            assert!(bad.parse::<Subject>().is_err(), "{bad}");
        }
    }
}
