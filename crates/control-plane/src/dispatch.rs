//! Signs tickets for approved steps and sends them on their way. A ticket is signed only while its approval is good,
//! the plan is the approved one, and the target is still the same; the step and its event commit together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use overseer_contract::to_timestamp;
use overseer_contract::v1 as pb;
use overseer_model::{PlanId, StepId, Timestamp};
use overseer_permit::{Claims, Signer, TICKET_LIFE};
use overseer_runtime::{ApplyError, Base, Task, fault_point};
use overseer_storage::{Tx, audit};
use tokio::sync::Notify;

use crate::approve::nonce;
use crate::plan::{self, Approval, Plan, Step, StepEvent, StepState};
use crate::store::{self, Kept};
use crate::targets::{Target, Targets};
use crate::wire;

/// After a failed try, and for what no message told.
const RETRY: Duration = Duration::from_secs(1);
const SWEEP: Duration = Duration::from_secs(30);
/// How long after its approval ended a dispatched step may stay without a word: the executor's verification and a
/// bus that is away. Then its end cannot be known here.
const SILENCE: Duration = Duration::from_secs(15 * 60);

pub struct Dispatcher {
    pub base: Base,
    pub targets: Targets,
    pub signer: Signer,
    pub approved: Arc<Notify>,
    /// The start of this process: what happened while it was away comes with a delay.
    pub started: Instant,
}

pub fn task(dispatcher: Dispatcher) -> Task {
    Task::new("dispatch", async move {
        loop {
            let wait = match dispatcher.round().await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "approved steps wait to be dispatched");
                    RETRY
                }
            };
            tokio::select! {
                biased;
                () = dispatcher.base.stop.cancelled() => return Ok(()),
                () = dispatcher.approved.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    })
}

/// The most tickets of one step. More than come of any outage within the life of an approval mean that something is
/// wrong with the executor, such as its clock.
const MOST_TICKETS: u32 = 30;

/// How long a step that came back undone waits for its next ticket: 1 s, doubled with each ticket, at most 30 s.
fn pause(attempt: u32) -> Duration {
    Duration::from_secs(1 << attempt.saturating_sub(1).min(5)).min(Duration::from_secs(30))
}

/// What is due for a running plan.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    Nothing,
    Later(Duration),
    Move(StepEvent),
    Dispatch,
}

/// What time alone does to a step; `awake` is how long this process has listened.
fn overdue(step: &Step, approval: &Approval, now: Timestamp, awake: Duration) -> Option<StepEvent> {
    match step.state {
        StepState::Approved if now >= approval.expires_at || step.attempt >= MOST_TICKETS => {
            Some(StepEvent::ApprovalEnded)
        }
        StepState::Dispatched | StepState::Acting | StepState::Verifying
            if now >= approval.expires_at + SILENCE && awake >= SILENCE =>
        {
            Some(StepEvent::InDoubt)
        }
        StepState::Approved
        | StepState::Dispatched
        | StepState::Acting
        | StepState::Verifying
        | StepState::AwaitingApproval
        | StepState::Passed
        | StepState::Failed
        | StepState::InDoubt
        | StepState::Denied
        | StepState::Expired
        | StepState::Void => None,
    }
}

fn due(step: &Step, approval: &Approval, plan: &Plan, target: Target, now: Timestamp) -> Due {
    match step.state {
        StepState::Approved if !binds(approval, plan, step) || target != Target::There(approval.target) => {
            Due::Move(StepEvent::Voided)
        }
        StepState::Approved if step.attempt > 0 && now < plan.updated_at + pause(step.attempt) => {
            Due::Later((plan.updated_at + pause(step.attempt)).since(now))
        }
        StepState::Approved => Due::Dispatch,
        StepState::Dispatched
        | StepState::Acting
        | StepState::Verifying
        | StepState::AwaitingApproval
        | StepState::Passed
        | StepState::Failed
        | StepState::InDoubt
        | StepState::Denied
        | StepState::Expired
        | StepState::Void => Due::Nothing,
    }
}

/// Whether the approval was given for exactly this step of exactly this plan.
fn binds(approval: &Approval, plan: &Plan, step: &Step) -> bool {
    approval.step == step.id
        && approval.action == step.action
        && approval.target == plan.target
        && approval.policy_version == plan.policy_version
        && approval.plan_digest == plan.digest
        && plan::digest(plan) == plan.digest
}

impl Dispatcher {
    /// How long until the next round may have something to do.
    async fn round(&self) -> Result<Duration, ApplyError> {
        let running = {
            let mut reader = self.base.db.reader().await?;
            store::running(&mut reader.conn()).await?
        };
        let mut outcome = Ok(SWEEP);
        for Kept { plan, .. } in running {
            // One plan that is stuck must not stop the others.
            let one = self.one(plan.id, &plan.target_id).await;
            outcome = outcome.and_then(|wait| Ok(wait.min(one?)));
        }
        outcome
    }

    async fn one(&self, id: PlanId, target_id: &str) -> Result<Duration, ApplyError> {
        let target = self.targets.look(target_id).await;
        let now = Timestamp::now();
        let mut tx = self.base.db.begin_write().await?;
        let Some(kept) = store::load_for_update(&mut tx.conn(), id).await? else { return Ok(SWEEP) };
        let under_way = kept.plan.steps.iter().find(|step| step.state != StepState::Passed);
        let Some(step) = plan::next_to_dispatch(&kept.plan).or(under_way).cloned() else { return Ok(SWEEP) };
        let Some(approval) = store::approval_of(&mut tx.conn(), step.id).await? else { return Ok(SWEEP) };
        let due = match overdue(&step, &approval, now, self.started.elapsed()) {
            Some(event) => Due::Move(event),
            // Time ends a step also while its target cannot be looked at.
            None => due(&step, &approval, &kept.plan, target?, now),
        };
        match due {
            Due::Nothing => return Ok(SWEEP),
            Due::Later(wait) => return Ok(wait),
            Due::Move(event) => self.end(&mut tx, &kept, &step, event, now).await?,
            Due::Dispatch => self.dispatch(&mut tx, &kept, &step, &approval, now).await?,
        }
        tx.commit().await?;
        fault_point!("control_plane_dispatched");
        self.base.relay.wake();
        Ok(SWEEP)
    }

    async fn dispatch(
        &self,
        tx: &mut Tx,
        kept: &Kept,
        step: &Step,
        approval: &Approval,
        now: Timestamp,
    ) -> Result<(), ApplyError> {
        let Some(next) = plan::advance(&kept.plan, step.id, StepEvent::Dispatched, now) else { return Ok(()) };
        let attempt = step.attempt.saturating_add(1);
        let ticket = self.signer.sign(&Claims {
            site: kept.plan.site.clone(),
            step: step.id,
            plan: kept.plan.id,
            incident: kept.plan.incident,
            attempt,
            action: step.action.clone(),
            target: approval.target,
            approval: approval.id,
            approved_by: approval.approver.clone(),
            expires: (now + TICKET_LIFE).min(approval.expires_at),
            nonce: nonce().map_err(|problem| ApplyError::Refused(problem.into()))?,
        });
        store::save(&mut tx.conn(), &next).await?;
        let (object, detail) = (step.id.to_string(), format!("attempt {attempt}, approval {}", approval.id));
        let record = audit::Record {
            at: now,
            actor: &approval.approver,
            action: "step.dispatched",
            object: &object,
            detail: &detail,
        };
        audit::append(&mut tx.conn(), &record).await?;
        let event =
            pb::StepDispatched { step: Some(step_ref(&kept.plan, step.id, attempt)), ticket: ticket.into_wire() };
        wire::announce(&mut tx.conn(), &next, kept.trace.as_ref(), now, &event).await
    }

    async fn end(
        &self,
        tx: &mut Tx,
        kept: &Kept,
        step: &Step,
        event: StepEvent,
        now: Timestamp,
    ) -> Result<(), ApplyError> {
        let Some(next) = plan::advance(&kept.plan, step.id, event, now) else { return Ok(()) };
        store::save(&mut tx.conn(), &next).await?;
        let (object, detail) = (step.id.to_string(), format!("{event:?}"));
        let record = audit::Record {
            at: now,
            actor: "service:control-plane",
            action: "step.ended",
            object: &object,
            detail: &detail,
        };
        audit::append(&mut tx.conn(), &record).await?;
        let (conn, trace) = (&mut tx.conn(), kept.trace.as_ref());
        if event == StepEvent::InDoubt {
            let detail = "the executor did not say what became of it".to_owned();
            let at = Some(to_timestamp(now));
            let doubt = pb::StepInDoubt { step: Some(step_ref(&next, step.id, step.attempt)), detail, at };
            wire::announce(conn, &next, trace, now, &doubt).await?;
        }
        wire::announce(conn, &next, trace, now, &wire::finished(&next)).await
    }
}

fn step_ref(plan: &Plan, step: StepId, attempt: u32) -> pb::StepRef {
    pb::StepRef {
        step_id: step.to_string(),
        plan_id: plan.id.to_string(),
        incident_id: plan.incident.to_string(),
        attempt,
    }
}

#[cfg(test)]
mod tests {
    use overseer_model::{ApprovalId, Digest, Fingerprint};

    use super::*;
    use crate::plan::tests::plan;

    fn approved() -> (Plan, Approval) {
        let now = Timestamp::from_micros(10);
        let plan = plan(1);
        let plan = plan::advance(&plan, plan.steps[0].id, StepEvent::Approved, now).unwrap();
        let approval = Approval {
            id: ApprovalId::fresh(),
            step: plan.steps[0].id,
            plan_digest: plan.digest,
            action: plan.steps[0].action.clone(),
            target: plan.target,
            policy_version: plan.policy_version.clone(),
            approver: "token:admin".into(),
            approved_at: now,
            expires_at: now + Duration::from_secs(900),
            nonce: "n".into(),
        };
        (plan, approval)
    }

    #[test]
    fn a_ticket_needs_a_good_approval_the_same_plan_and_the_same_target() {
        let (plan, approval) = approved();
        let (step, there) = (&plan.steps[0], Target::There(plan.target));
        let now = approval.approved_at;
        assert_eq!(due(step, &approval, &plan, there, now), Due::Dispatch);
        let ended = Some(StepEvent::ApprovalEnded);
        assert_eq!(overdue(step, &approval, approval.expires_at, Duration::ZERO), ended);
        assert_eq!(overdue(step, &approval, now, SILENCE), None);
        let again = Step { attempt: MOST_TICKETS, ..step.clone() };
        assert_eq!(overdue(&again, &approval, now, Duration::ZERO), ended);
        let void = Due::Move(StepEvent::Voided);
        assert_eq!(due(step, &approval, &plan, Target::Gone, now), void);
        let other = Target::There(Fingerprint(Digest::of(b"other")));
        assert_eq!(due(step, &approval, &plan, other, now), void);
        let mut tampered = plan.clone();
        tampered.target_id = "another".into();
        assert_eq!(due(&tampered.steps[0], &approval, &tampered, there, now), void);
    }

    #[test]
    fn a_step_that_came_back_waits_before_its_next_ticket() {
        let (plan, approval) = approved();
        let now = approval.approved_at;
        let sent = plan::advance(&plan, plan.steps[0].id, StepEvent::Dispatched, now).unwrap();
        let back = plan::advance(&sent, plan.steps[0].id, StepEvent::Returned, now).unwrap();
        let (step, there) = (&back.steps[0], Target::There(back.target));
        let second = Duration::from_secs(1);
        assert_eq!(due(step, &approval, &back, there, now), Due::Later(second));
        assert_eq!(due(step, &approval, &back, there, now + second), Due::Dispatch);
        assert_eq!(pause(40), Duration::from_secs(30));
    }

    #[test]
    fn a_step_without_a_word_for_long_is_in_doubt() {
        let (plan, approval) = approved();
        let plan = plan::advance(&plan, plan.steps[0].id, StepEvent::Dispatched, approval.approved_at).unwrap();
        let (step, there) = (&plan.steps[0], Target::There(plan.target));
        assert_eq!(due(step, &approval, &plan, there, approval.expires_at), Due::Nothing);
        let late = approval.expires_at + SILENCE;
        assert_eq!(overdue(step, &approval, late, SILENCE), Some(StepEvent::InDoubt));
        let just_awake = overdue(step, &approval, late, Duration::ZERO);
        assert_eq!(just_awake, None, "what was said while it slept is read first");
    }
}
