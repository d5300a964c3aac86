//! Signs tickets for approved steps and sends them on their way. A ticket is signed only while its approval is good,
//! the plan is the approved one, and the target is still the same; the step and its event commit together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use overseer_contract::to_timestamp;
use overseer_contract::v1 as pb;
use overseer_model::{PlanId, Timestamp};
use overseer_permit::{CLAIMS_VERSION, Claims, Signer, TICKET_LIFE};
use overseer_runtime::{ApplyError, Base, Task, fault_point};
use overseer_storage::{Tx, audit};
use tokio::sync::Notify;

use crate::approve::nonce;
use crate::plan::{self, Approval, Plan, Step};
use crate::step::{StepEvent, StepState};
use crate::store::{self, StoredPlan};
use crate::targets::Target;
use crate::wire;

/// After a failed try, and for what no message told.
const RETRY: Duration = Duration::from_secs(1);
const SWEEP: Duration = Duration::from_secs(30);
/// How long after its approval ended a dispatched step may stay without a word: the executor's verification and a
/// bus that is away. Then its end cannot be known here.
const SILENCE: Duration = Duration::from_secs(15 * 60);

pub struct Dispatcher {
    pub base: Base,
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
                    tracing::warn!(error = &error as &dyn std::error::Error, "approved steps waiting to be dispatched");
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
fn overdue(plan: &Plan, step: &Step, now: Timestamp, awake: Duration) -> Option<StepEvent> {
    let ends = plan.approval_ends(step)?;
    match step.state {
        StepState::Approved if now >= ends || step.attempt >= MOST_TICKETS => Some(StepEvent::ApprovalEnded),
        StepState::Dispatched | StepState::Acting | StepState::Verifying
            if now >= ends + SILENCE && awake >= SILENCE =>
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

fn due(plan: &Plan, step: &Step, approval: &Approval, target: &Target, now: Timestamp) -> Due {
    match step.state {
        StepState::Approved if !binds(approval, plan, step) || target.differs_from(step.target) => {
            Due::Move(StepEvent::Voided)
        }
        // Nothing is decided on it; its approval ends by time.
        StepState::Approved if *target == Target::Unknown => Due::Later(RETRY),
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
    approval.action == step.action
        && approval.target == step.target
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
        for id in running {
            // One plan that is stuck must not stop the others.
            let one = self.one(id).await;
            outcome = outcome.and_then(|wait| Ok(wait.min(one?)));
        }
        outcome
    }

    async fn one(&self, id: PlanId) -> Result<Duration, ApplyError> {
        let now = Timestamp::now();
        let mut tx = self.base.db.begin_write().await?;
        let Some(stored) = store::load_for_update(&mut tx.conn(), id).await? else { return Ok(SWEEP) };
        let Some(step) = plan::under_way(&stored.plan).cloned() else { return Ok(SWEEP) };
        let Some(approval) = step.approval.clone() else { return Ok(SWEEP) };
        let target = store::target(&mut tx.conn(), &step.action.target().key).await?;
        let due = match overdue(&stored.plan, &step, now, self.started.elapsed()) {
            Some(event) => Due::Move(event),
            None => due(&stored.plan, &step, &approval, &target, now),
        };
        match due {
            Due::Nothing => return Ok(SWEEP),
            Due::Later(wait) => return Ok(wait),
            Due::Move(event) => self.end(&mut tx, &stored, &step, event, now).await?,
            Due::Dispatch => self.dispatch(&mut tx, &stored, &step, &approval, now).await?,
        }
        tx.commit().await?;
        fault_point!("control_plane_dispatched");
        self.base.relay.wake();
        Ok(SWEEP)
    }

    async fn dispatch(
        &self,
        tx: &mut Tx,
        stored: &StoredPlan,
        step: &Step,
        approval: &Approval,
        now: Timestamp,
    ) -> Result<(), ApplyError> {
        let Some(next) = plan::advance(&stored.plan, step.id, StepEvent::Dispatched, now) else { return Ok(()) };
        let attempt = step.attempt.saturating_add(1);
        let Some(ends) = stored.plan.approval_ends(step) else { return Ok(()) };
        let site = step.action.target().site();
        let ticket = self.signer.sign(&Claims {
            version: CLAIMS_VERSION,
            site: site.clone(),
            step: step.id,
            plan: stored.plan.id,
            subject: stored.plan.subject,
            attempt,
            action: step.action.clone(),
            target: approval.target,
            preconditions: step.preconditions.clone(),
            approval: approval.id,
            approved_by: approval.approver.clone(),
            expires: (now + TICKET_LIFE).min(ends),
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
        let step_ref = Some(step_ref(&stored.plan, step, attempt));
        let event = pb::StepDispatched { step: step_ref, ticket: ticket.into_wire() };
        // To the executor of the target's site.
        wire::announce_at(&mut tx.conn(), site, &next, stored.trace.as_ref(), now, &event).await
    }

    async fn end(
        &self,
        tx: &mut Tx,
        stored: &StoredPlan,
        step: &Step,
        event: StepEvent,
        now: Timestamp,
    ) -> Result<(), ApplyError> {
        let Some(next) = plan::advance(&stored.plan, step.id, event, now) else { return Ok(()) };
        store::save(&mut tx.conn(), &next).await?;
        let (object, detail) = (step.id.to_string(), event.as_str().to_owned());
        let record = audit::Record {
            at: now,
            actor: "service:control-plane",
            action: "step.ended",
            object: &object,
            detail: &detail,
        };
        audit::append(&mut tx.conn(), &record).await?;
        let (conn, trace) = (&mut tx.conn(), stored.trace.as_ref());
        if event == StepEvent::InDoubt {
            let detail = "the executor did not report an outcome".to_owned();
            let at = Some(to_timestamp(now));
            let doubt = pb::StepInDoubt { step: Some(step_ref(&next, step, step.attempt)), detail, at };
            wire::announce(conn, &next, trace, now, &doubt).await?;
        }
        wire::announce(conn, &next, trace, now, &wire::finished(&next)).await
    }
}

fn step_ref(plan: &Plan, step: &Step, attempt: u32) -> pb::StepRef {
    pb::StepRef {
        step_id: step.id.to_string(),
        plan_id: plan.id.to_string(),
        subject: Some(plan.subject.into()),
        attempt,
        action: Some(step.action.clone().into()),
    }
}

#[cfg(test)]
mod tests {
    use overseer_model::{Action, Fingerprint, Verdict};

    use super::*;
    use crate::plan::tests::{approved, carried_out, fingerprint, resource};
    use crate::targets::TargetRecord;

    const APPROVED_AT: Timestamp = Timestamp::from_micros(10);

    fn present(fingerprint: Fingerprint) -> Target {
        Target::Present(TargetRecord { fingerprint, capabilities: Vec::new(), started_by_request_at: None })
    }

    fn same() -> Target {
        present(fingerprint("target"))
    }

    /// What is due for the plan's first step.
    fn due_first(plan: &Plan, target: &Target, now: Timestamp) -> Due {
        due(plan, &plan.steps[0], plan.steps[0].approval.as_ref().unwrap(), target, now)
    }

    #[test]
    fn a_ticket_needs_a_good_approval_the_same_plan_and_the_same_target() {
        let plan = approved(1, APPROVED_AT);
        assert_eq!(due_first(&plan, &same(), APPROVED_AT), Due::Dispatch);
        let void = Due::Move(StepEvent::Voided);
        assert_eq!(due_first(&plan, &Target::Gone, APPROVED_AT), void);
        assert_eq!(due_first(&plan, &present(fingerprint("other")), APPROVED_AT), void);
        let mut tampered = plan.clone();
        tampered.steps[0].action = Action::StopResource { target: resource() };
        assert_eq!(due_first(&tampered, &same(), APPROVED_AT), void);
        let mut tampered = plan;
        tampered.steps[0].preconditions.clear();
        tampered.policy_version = "none".into();
        assert_eq!(due_first(&tampered, &same(), APPROVED_AT), void);
    }

    #[test]
    fn a_target_of_which_nothing_is_known_is_waited_for() {
        let plan = approved(1, APPROVED_AT);
        assert_eq!(due_first(&plan, &Target::Unknown, APPROVED_AT), Due::Later(RETRY));
    }

    #[test]
    fn an_approval_ends_by_time_or_after_too_many_tickets_and_each_step_has_its_own() {
        let plan = approved(2, APPROVED_AT);
        let ends = plan.approval_ends(&plan.steps[0]).unwrap();
        let ended = Some(StepEvent::ApprovalEnded);
        assert_eq!(overdue(&plan, &plan.steps[0], ends, Duration::ZERO), ended);
        assert_eq!(overdue(&plan, &plan.steps[0], APPROVED_AT, SILENCE), None);
        let again = Step { attempt: MOST_TICKETS, ..plan.steps[0].clone() };
        assert_eq!(overdue(&plan, &again, APPROVED_AT, Duration::ZERO), ended);
        let later = carried_out(&plan, 1, Verdict::Passed, ends);
        assert_eq!(overdue(&later, &later.steps[1], ends, SILENCE), None, "its time begins with its turn");
    }

    #[test]
    fn a_step_that_came_back_waits_before_its_next_ticket() {
        let plan = approved(1, APPROVED_AT);
        let sent = plan::advance(&plan, plan.steps[0].id, StepEvent::Dispatched, APPROVED_AT).unwrap();
        let back = plan::advance(&sent, plan.steps[0].id, StepEvent::Returned, APPROVED_AT).unwrap();
        let second = Duration::from_secs(1);
        assert_eq!(due_first(&back, &same(), APPROVED_AT), Due::Later(second));
        assert_eq!(due_first(&back, &same(), APPROVED_AT + second), Due::Dispatch);
        assert_eq!(pause(40), Duration::from_secs(30));
    }

    #[test]
    fn a_step_without_a_report_for_long_is_in_doubt() {
        let plan = approved(1, APPROVED_AT);
        let plan = plan::advance(&plan, plan.steps[0].id, StepEvent::Dispatched, APPROVED_AT).unwrap();
        let ends = plan.approval_ends(&plan.steps[0]).unwrap();
        assert_eq!(due_first(&plan, &same(), ends), Due::Nothing);
        let late = ends + SILENCE;
        assert_eq!(overdue(&plan, &plan.steps[0], late, SILENCE), Some(StepEvent::InDoubt));
        let just_awake = overdue(&plan, &plan.steps[0], late, Duration::ZERO);
        assert_eq!(just_awake, None, "what was reported while it slept is read first");
    }
}
