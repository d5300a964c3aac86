//! The human exit of a step in doubt: a person who looked at reality says whether the action took place. It is audited,
//! and proves no recovery.

use overseer_model::{Actor, StepId, Timestamp};
use overseer_runtime::{Code, Problem};
use overseer_storage::audit;

use crate::approve::{Approvals, announce, person};
use crate::plan::{self, Plan};
use crate::step::{Resolution, StepEvent};
use crate::store;
use crate::wire;

/// Longest reason, in characters.
const LONGEST_REASON: usize = 500;

impl Approvals {
    /// # Errors
    /// When there is no such step, it is not in doubt, or no reason is given.
    pub async fn resolve(
        &self,
        id: StepId,
        resolution: Resolution,
        reason: &str,
        actor: &Actor,
    ) -> Result<Plan, Problem> {
        let person = person(actor)?;
        let reason = reason.trim();
        if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
            return Err(Problem::new(
                Code::SchemaInvalid,
                format!("`reason` must have 1 to {LONGEST_REASON} characters; nothing was changed"),
                "say how you know, for example --reason 'docker inspect shows no new start'",
            ));
        }
        let unknown = || Problem::not_found("step", "overseer actions");
        let now = Timestamp::now();
        let mut tx = self.base.db.begin_write().await?;
        let plan = store::of_step(&mut tx.conn(), id).await?.ok_or_else(unknown)?;
        let stored = store::load_for_update(&mut tx.conn(), plan).await?.ok_or_else(unknown)?;
        let event = StepEvent::Resolved(resolution);
        let mut next = plan::advance(&stored.plan, id, event, now).ok_or_else(not_in_doubt)?;
        if let Some(step) = next.steps.iter_mut().find(|step| step.id == id) {
            step.history.detail = format!("{} by {person}", event.as_str());
        }
        store::save(&mut tx.conn(), &next).await?;
        let (object, detail) = (id.to_string(), format!("{}: {reason}", event.as_str()));
        let record =
            audit::Record { at: now, actor: person, action: "step.resolved", object: &object, detail: &detail };
        audit::append(&mut tx.conn(), &record).await?;
        if !next.state.is_active() {
            announce(&mut tx.conn(), &stored, now, &wire::finished(&next)).await?;
        }
        tx.commit().await?;
        self.base.relay.wake();
        self.approved.notify_one();
        Ok(next)
    }
}

fn not_in_doubt() -> Problem {
    Problem::new(
        Code::Conflict,
        "the step is not in doubt, so there is nothing to resolve; nothing was changed",
        "`overseer actions` shows the state of each step",
    )
}
