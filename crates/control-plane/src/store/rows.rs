//! From rows to plans and back.

use std::time::Duration;

use overseer_model::Timestamp;
use overseer_storage::column::{from_count, from_json, from_text, from_word};
use overseer_storage::{StoreError, row};

use super::plans::StoredPlan;
use crate::plan::{Approval, History, Plan, Step};

pub const PLAN_COLUMNS: &str = "id, subject, trouble, state, digest, title, playbook, policy_version, refusal, trace, \
                                created_at, updated_at";

row! {
    pub struct PlanRow {
        id: String,
        subject: String,
        trouble: String,
        state: String,
        digest: String,
        title: String,
        playbook: String,
        policy_version: String,
        refusal: Option<String>,
        trace: Option<String>,
        created_at: i64,
        updated_at: i64,
    }
}

impl PlanRow {
    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn into_plan(self, steps: Vec<Step>) -> Result<StoredPlan, StoreError> {
        let Self {
            id,
            subject,
            trouble,
            state,
            digest,
            title,
            playbook,
            policy_version,
            refusal,
            trace,
            created_at,
            updated_at,
        } = self;
        let plan = Plan {
            id: from_text(&id, "plan.id")?,
            subject: from_text(&subject, "plan.subject")?,
            trouble: match trouble.as_str() {
                "" => None,
                text => Some(from_text(text, "plan.trouble")?),
            },
            state: from_word(state, "plan.state")?,
            digest: from_text(&digest, "plan.digest")?,
            title,
            playbook,
            policy_version,
            refusal: refusal.map(|text| from_json(&text, "plan.refusal")).transpose()?,
            steps,
            created_at: Timestamp::from_micros(created_at),
            updated_at: Timestamp::from_micros(updated_at),
        };
        Ok(StoredPlan { plan, trace: trace.and_then(|text| text.parse().ok()) })
    }
}

pub const STEP_COLUMNS: &str = "id, plan_id, position, state, action, risk, target_fingerprint, preconditions, attempt, \
                                started_at, acted_at, finished_at, verdict, verification, detail";

row! {
    pub struct StepRow {
        id: String,
        plan_id: String,
        position: i64,
        state: String,
        action: String,
        risk: String,
        target_fingerprint: String,
        preconditions: String,
        attempt: i64,
        started_at: Option<i64>,
        acted_at: Option<i64>,
        finished_at: Option<i64>,
        verdict: Option<String>,
        verification: Option<String>,
        detail: String,
    }
}

impl StepRow {
    pub fn plan_id(&self) -> &str {
        &self.plan_id
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn into_step(self, approval: Option<Approval>) -> Result<Step, StoreError> {
        let Self {
            id,
            plan_id: _,
            position,
            state,
            action,
            risk,
            target_fingerprint,
            preconditions,
            attempt,
            started_at,
            acted_at,
            finished_at,
            verdict,
            verification,
            detail,
        } = self;
        Ok(Step {
            id: from_text(&id, "step.id")?,
            position: from_count(position, "step.position")?,
            state: from_word(state, "step.state")?,
            action: from_json(&action, "step.action")?,
            risk: from_word(risk, "step.risk")?,
            target: from_text(&target_fingerprint, "step.target_fingerprint")?,
            preconditions: from_json(&preconditions, "step.preconditions")?,
            approval,
            attempt: from_count(attempt, "step.attempt")?,
            history: History {
                started_at: started_at.map(Timestamp::from_micros),
                acted_at: acted_at.map(Timestamp::from_micros),
                finished_at: finished_at.map(Timestamp::from_micros),
                verdict: verdict.map(|word| from_word(word, "step.verdict")).transpose()?,
                verification,
                detail,
            },
        })
    }
}

pub const APPROVAL_COLUMNS: &str = "id, step_id, plan_digest, action, target_fingerprint, policy_version, approver, \
                                    approved_at, valid_micros, nonce";

row! {
    pub struct ApprovalRow {
        id: String,
        step_id: String,
        plan_digest: String,
        action: String,
        target_fingerprint: String,
        policy_version: String,
        approver: String,
        approved_at: i64,
        valid_micros: i64,
        nonce: String,
    }
}

impl ApprovalRow {
    pub fn step_id(&self) -> &str {
        &self.step_id
    }
}

impl TryFrom<ApprovalRow> for Approval {
    type Error = StoreError;
    fn try_from(row: ApprovalRow) -> Result<Self, StoreError> {
        let ApprovalRow {
            id,
            step_id: _,
            plan_digest,
            action,
            target_fingerprint,
            policy_version,
            approver,
            approved_at,
            valid_micros,
            nonce,
        } = row;
        Ok(Self {
            id: from_text(&id, "approval.id")?,
            plan_digest: from_text(&plan_digest, "approval.plan_digest")?,
            action: from_json(&action, "approval.action")?,
            target: from_text(&target_fingerprint, "approval.target_fingerprint")?,
            policy_version,
            approver,
            approved_at: Timestamp::from_micros(approved_at),
            valid: Duration::from_micros(from_count::<u64>(valid_micros, "approval.valid_micros")?),
            nonce,
        })
    }
}
