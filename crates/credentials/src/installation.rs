//! The name of one installation: its services believe each other only.

use std::str::FromStr;

use overseer_model::{BadId, Site};
use serde::{Deserialize, Serialize};

/// Equal at all sites of an installation. Written like the name of a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Installation(Site);

impl FromStr for Installation {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        text.parse().map(Self)
    }
}
