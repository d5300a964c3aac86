//! Identifiers. People and the wire see `<prefix>_<uuid>`; nothing else parses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid id: expected `{expected}`")]
pub struct BadId {
    pub expected: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// A new id; later ids sort after earlier ones.
            #[must_use]
            pub fn fresh() -> Self {
                Self(Uuid::now_v7())
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0)
            }
        }
        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                text.strip_prefix(concat!($prefix, "_"))
                    .filter(|hex| hex.len() == 36)
                    .and_then(|hex| Uuid::try_parse(hex).ok())
                    .map(Self)
                    .ok_or(BadId { expected: concat!($prefix, "_<uuid>") })
            }
        }
        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }
    )*};
}

ids! {
    /// One fact.
    FactId = "fct";
    /// Show one incident.
    IncidentId = "inc";
    /// Show one plan.
    PlanId = "pln";
    /// One step of a plan.
    StepId = "stp";
    /// One request of a person.
    RequestId = "req";
    /// One run of a schedule or an agent.
    RunId = "run";
    /// One approval of one step.
    ApprovalId = "apr";
    /// One file that was declared as a log.
    LogSourceId = "lsr";
    /// One notice to one target.
    DeliveryId = "dlv";
    /// One life of a store; it changes when the store is made anew.
    Epoch = "epo";
    /// One event on the bus; the writer picks it inside its transaction.
    EventId = "evt";
}

/// A place with its own credentials: a NAS, a cluster. Lower-case letters, digits and `-`, at most 32.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Site(String);

impl Site {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The name of an instance that was given none.
    pub(crate) fn local() -> Self {
        Self("local".to_owned())
    }
}
impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl FromStr for Site {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let fits = (1..=32).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits { Ok(Self(text.to_owned())) } else { Err(BadId { expected: "site: 1 to 32 of a-z, 0-9 and -" }) }
    }
}
impl TryFrom<String> for Site {
    type Error = BadId;
    fn try_from(text: String) -> Result<Self, BadId> {
        text.parse()
    }
}
impl From<Site> for String {
    fn from(site: Site) -> String {
        site.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_only_with_its_own_prefix() {
        let id = IncidentId::fresh();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().parse::<PlanId>().is_err());
        assert!("inc_".parse::<IncidentId>().is_err());
        assert!("inc_{00000000-0000-0000-0000-000000000000}".parse::<IncidentId>().is_err());
    }

    #[test]
    fn a_site_cannot_hold_a_subject_separator() {
        assert!("nas-1".parse::<Site>().is_ok());
        for bad in ["", "a.b", "a*", "A", "a b", ">"] {
            assert!(bad.parse::<Site>().is_err(), "{bad}");
        }
    }
}
