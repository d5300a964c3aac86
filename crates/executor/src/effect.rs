//! What the executor knows of each template's effect: how reality shows whether it took place, and what must hold
//! afterwards. The act itself is the adapter's, which takes the permit. Which template has which follows from the one
//! table of templates.

use overseer_model::{TemplateName, Timestamp};
use overseer_provider_port::{PlatformEvent, Witness};
use overseer_templates::template;

use crate::attempt::Acted;
use crate::platform::{Next, Sight};
use crate::probe::{self, Probe};
use crate::verification::{self, Verification};

/// The effect of one template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    probe: overseer_templates::Probe,
    verification: overseer_templates::Verification,
}

impl Effect {
    pub const fn of(name: TemplateName) -> Self {
        let row = template(name);
        Self { probe: row.probe, verification: row.verification }
    }

    /// Whether the action took place, for an attempt that was cut off.
    pub fn probe(self, before: Witness, act_by: Timestamp) -> Probe {
        let judge = match self.probe {
            overseer_templates::Probe::Restarted => probe::restarted,
            overseer_templates::Probe::Started => probe::started,
            overseer_templates::Probe::Stopped => probe::stopped,
        };
        Probe::new(before, act_by, judge)
    }

    /// Whether the action helped, over the stabilization window.
    pub fn verify(self, acted: &Acted, sight: &Sight, seen: &[PlatformEvent], now: Timestamp) -> Next<Verification> {
        let judge = match self.verification {
            overseer_templates::Verification::StaysUp => verification::stays_up,
            overseer_templates::Verification::StaysDown => verification::stays_down,
        };
        verification::watch(judge, acted, sight, seen, now)
    }
}
