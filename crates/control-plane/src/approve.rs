//! A person's yes or no. It is personal, single-use, expires, and binds to the digest of the exact plan and to the
//! target as it is now; anything else is refused and changes nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use overseer_contract::to_timestamp;
use overseer_contract::v1 as pb;
use overseer_model::{Actor, ApprovalId, Digest, Fingerprint, PlanId, ResourceKey, Timestamp};
use overseer_runtime::{Base, Code, Problem};
use overseer_storage::{Conn, audit};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::Notify;

use crate::plan::{self, Approval, Plan, PlanState};
use crate::step::{StepEvent, StepState};
use crate::store::{self, StoredPlan};
use crate::targets::{Inventory, Located, Target};
use crate::wire;

pub struct Approvals {
    pub base: Base,
    pub inventory: Inventory,
    pub approved: Arc<Notify>,
    /// How long an approval is good.
    pub valid: Duration,
}

impl Approvals {
    /// # Errors
    /// When the plan is unknown, changed, no longer waiting, its target is another or cannot be looked at.
    pub async fn approve(&self, id: PlanId, digest: &str, actor: &Actor) -> Result<Plan, Problem> {
        let approver = person(actor)?;
        let targets = self.targets_of(id).await?;
        let now = Timestamp::now();
        let mut tx = self.base.db.begin_write().await?;
        let stored = store::load_for_update(&mut tx.conn(), id).await?.ok_or_else(unknown)?;
        check(&stored.plan, digest, &targets)?;
        let mut next = stored.plan.clone();
        for step in &stored.plan.steps {
            let approval = Approval {
                id: ApprovalId::fresh(),
                plan_digest: stored.plan.digest,
                action: step.action.clone(),
                target: step.target,
                policy_version: stored.plan.policy_version.clone(),
                approver: approver.to_owned(),
                approved_at: now,
                valid: self.valid,
                nonce: nonce()?,
            };
            store::insert_approval(&mut tx.conn(), step.id, &approval).await?;
            next = plan::advance(&next, step.id, StepEvent::Approved, now).ok_or_else(|| settled(&stored.plan))?;
        }
        store::save(&mut tx.conn(), &next).await?;
        let (object, detail) = (id.to_string(), stored.plan.digest.to_string());
        let record =
            audit::Record { at: now, actor: approver, action: "plan.approved", object: &object, detail: &detail };
        audit::append(&mut tx.conn(), &record).await?;
        let granted = pb::ApprovalGranted {
            plan_id: id.to_string(),
            subject: Some(stored.plan.subject.into()),
            approved_by: approver.to_owned(),
            expires_at: Some(to_timestamp(now + self.valid)),
        };
        announce(&mut tx.conn(), &stored, now, &granted).await?;
        tx.commit().await?;
        overseer_runtime::fault_point!("control_plane_approved");
        self.base.relay.wake();
        self.approved.notify_one();
        Ok(next)
    }

    /// # Errors
    /// When the plan is unknown or no longer waiting.
    pub async fn deny(&self, id: PlanId, actor: &Actor) -> Result<Plan, Problem> {
        let denier = person(actor)?;
        let now = Timestamp::now();
        let mut tx = self.base.db.begin_write().await?;
        let stored = store::load_for_update(&mut tx.conn(), id).await?.ok_or_else(unknown)?;
        let waiting = stored.plan.steps.iter().find(|step| step.state == StepState::AwaitingApproval);
        let next = waiting
            .filter(|_| stored.plan.state == PlanState::Ready)
            .and_then(|step| plan::advance(&stored.plan, step.id, StepEvent::Denied, now))
            .ok_or_else(|| settled(&stored.plan))?;
        store::save(&mut tx.conn(), &next).await?;
        let object = id.to_string();
        let record = audit::Record { at: now, actor: denier, action: "plan.denied", object: &object, detail: "" };
        audit::append(&mut tx.conn(), &record).await?;
        let denied = pb::ApprovalDenied {
            plan_id: id.to_string(),
            subject: Some(stored.plan.subject.into()),
            denied_by: denier.to_owned(),
        };
        announce(&mut tx.conn(), &stored, now, &denied).await?;
        announce(&mut tx.conn(), &stored, now, &wire::finished(&next)).await?;
        tx.commit().await?;
        self.base.relay.wake();
        Ok(next)
    }

    /// The targets of a plan that are there, as the inventory knows them now; where their source is unreachable, as it
    /// last reported them. The executor inspects each target itself before it acts.
    async fn targets_of(&self, id: PlanId) -> Result<HashMap<ResourceKey, Fingerprint>, Problem> {
        let stored = {
            let mut reader = self.base.db.reader().await?;
            store::load(&mut reader.conn(), id).await?.ok_or_else(unknown)?
        };
        let mut found = HashMap::new();
        for step in &stored.plan.steps {
            let target = step.action.target();
            if found.contains_key(&target.key) {
                continue;
            }
            let located = self.inventory.locate(target).await.unwrap_or_else(|status| {
                tracing::warn!(%status, "inventory unavailable");
                Located::Unknown
            });
            match located {
                Located::Present(fingerprint) => drop(found.insert(target.key.clone(), fingerprint)),
                Located::Gone => {}
                Located::Unknown => {
                    let mut reader = self.base.db.reader().await?;
                    match store::target(&mut reader.conn(), &target.key).await? {
                        Target::Present(record) => drop(found.insert(target.key.clone(), record.fingerprint)),
                        Target::Gone => {}
                        Target::Unknown => return Err(unseen(&target.key)),
                    }
                }
            }
        }
        Ok(found)
    }
}

/// Nothing is concluded from a target that cannot be inspected.
fn unseen(target: &ResourceKey) -> Problem {
    Problem::new(
        Code::Unavailable,
        format!("the target {target} cannot be inspected; nothing was approved"),
        "check that the collector and the platform are reachable (/readyz?verbose), then approve again",
    )
}

/// Only a person approves.
pub fn person(actor: &Actor) -> Result<&str, Problem> {
    match actor {
        Actor::User { name, .. } => Ok(name),
        Actor::Anonymous | Actor::Service(_) => {
            Err(Problem::new(Code::Forbidden, "only a person can approve", "use a token with the role approver"))
        }
    }
}

/// `targets` are those that are there.
fn check(plan: &Plan, digest: &str, targets: &HashMap<ResourceKey, Fingerprint>) -> Result<(), Problem> {
    let stale = |what: &str| {
        Problem::new(
            Code::ApprovalStale,
            format!("{what}; nothing was changed"),
            format!("review it with `overseer plan show {}`, then approve it", plan.id),
        )
    };
    let seen: Digest = digest.parse().map_err(|_| {
        Problem::new(Code::SchemaInvalid, "invalid `digest`", "send the plan's digest: 64 hexadecimal digits")
    })?;
    if plan.state == PlanState::Superseded {
        return Err(stale("the plan was superseded because its target changed or its incident ended"));
    }
    if seen != plan.digest || plan::digest(plan) != plan.digest {
        return Err(stale("the plan changed since you saw it"));
    }
    if plan.state != PlanState::Ready {
        return Err(settled(plan));
    }
    let same = |step: &plan::Step| targets.get(&step.action.target().key) == Some(&step.target);
    if !plan.steps.iter().all(same) {
        return Err(stale("a target changed since the plan was created"));
    }
    Ok(())
}

fn settled(plan: &Plan) -> Problem {
    Problem::new(
        Code::Conflict,
        "the plan is no longer waiting for approval; nothing was changed",
        format!("`overseer plan show {}` shows its state", plan.id),
    )
}

pub fn unknown() -> Problem {
    Problem::not_found("plan", "overseer plans")
}

/// 128 random bits in hex.
pub fn nonce() -> Result<String, Problem> {
    let mut bytes = [0_u8; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| {
        Problem::new(
            Code::Internal,
            "the system's random number generator failed; nothing was changed",
            "check the machine",
        )
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

pub async fn announce<P: overseer_contract::EventPayload>(
    conn: &mut Conn<'_>,
    stored: &StoredPlan,
    now: Timestamp,
    payload: &P,
) -> Result<(), Problem> {
    wire::announce(conn, &stored.plan, stored.trace.as_ref(), now, payload).await.map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "event could not be written");
        Problem::new(Code::Internal, "Overseer failed; nothing was changed", "check Overseer's log")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{fingerprint, plan, resource};

    #[test]
    fn only_the_exact_plan_on_the_exact_targets_can_be_approved() {
        let good = plan(2);
        let digest = good.digest.to_string();
        let there = HashMap::from([(resource().key, fingerprint("target"))]);
        let code = |plan: &Plan, digest: &str, targets: &HashMap<_, _>| {
            check(plan, digest, targets).err().map(|problem| problem.code)
        };
        assert_eq!(code(&good, &digest, &there), None);
        assert_eq!(code(&good, "x", &there), Some(Code::SchemaInvalid));
        assert_eq!(code(&good, &Digest::of(b"x").to_string(), &there), Some(Code::ApprovalStale));
        assert_eq!(code(&good, &digest, &HashMap::new()), Some(Code::ApprovalStale));
        let other = HashMap::from([(resource().key, fingerprint("other"))]);
        assert_eq!(code(&good, &digest, &other), Some(Code::ApprovalStale));
        let mut tampered = good.clone();
        tampered.steps[1].target = fingerprint("another container");
        assert_eq!(code(&tampered, &digest, &there), Some(Code::ApprovalStale));
        let mut done = good;
        done.state = PlanState::Succeeded;
        assert_eq!(code(&done, &digest, &there), Some(Code::Conflict));
    }

    #[test]
    fn only_a_person_approves() {
        assert!(person(&Actor::Anonymous).is_err());
        assert!(person(&Actor::Service(overseer_model::ServiceName::Gateway)).is_err());
    }
}
