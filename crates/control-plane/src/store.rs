//! The tables of the control plane.

use overseer_contract::TraceParent;
use overseer_model::{Fingerprint, IncidentId, PlanId, Role, StepId, Timestamp};
use overseer_runtime::Page;
use overseer_storage::column::{from_count, from_json, from_text, from_word, to_json, to_word};
use overseer_storage::{Conn, StoreError, clean, on, row};

use crate::plan::{Approval, History, Plan, PlanState, Step};
use crate::playbook::PastAction;

row! {
    struct PlanRow {
        id: String,
        incident_id: String,
        trouble: String,
        site: String,
        state: String,
        digest: String,
        title: String,
        playbook: String,
        policy_version: String,
        target_id: String,
        target_fingerprint: String,
        refusal: Option<String>,
        trace: Option<String>,
        created_at: i64,
        updated_at: i64,
    }
}
row! {
    struct StepRow {
        id: String,
        position: i64,
        state: String,
        action: String,
        risk: String,
        attempt: i64,
        started_at: Option<i64>,
        acted_at: Option<i64>,
        finished_at: Option<i64>,
        verdict: Option<String>,
        verification: Option<String>,
        detail: String,
    }
}

const PLAN_COLUMNS: &str = "id, incident_id, trouble, site, state, digest, title, playbook, policy_version, \
                            target_id, target_fingerprint, refusal, trace, created_at, updated_at";

/// A plan as it is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    pub plan: Plan,
    /// Of the engine's event behind it.
    pub trace: Option<TraceParent>,
}

fn kept(row: PlanRow, steps: Vec<StepRow>) -> Result<Kept, StoreError> {
    let PlanRow {
        id,
        incident_id,
        trouble,
        site,
        state,
        digest,
        title,
        playbook,
        policy_version,
        target_id,
        target_fingerprint,
        refusal,
        trace,
        created_at,
        updated_at,
    } = row;
    let plan = Plan {
        id: from_text(&id, "plan")?,
        incident: from_text(&incident_id, "plan")?,
        trouble: from_text(&trouble, "plan")?,
        site: from_text(&site, "plan")?,
        state: from_word(state, "plan")?,
        digest: from_text(&digest, "plan")?,
        title,
        playbook,
        policy_version,
        target_id,
        target: from_text(&target_fingerprint, "plan")?,
        refusal: refusal.map(|text| from_json(&text, "plan.refusal")).transpose()?,
        steps: steps.into_iter().map(step).collect::<Result<_, _>>()?,
        created_at: Timestamp::from_micros(created_at),
        updated_at: Timestamp::from_micros(updated_at),
    };
    Ok(Kept { plan, trace: trace.and_then(|text| text.parse().ok()) })
}

fn step(row: StepRow) -> Result<Step, StoreError> {
    let StepRow {
        id,
        position,
        state,
        action,
        risk,
        attempt,
        started_at,
        acted_at,
        finished_at,
        verdict,
        verification,
        detail,
    } = row;
    Ok(Step {
        id: from_text(&id, "plan")?,
        position: from_count(position, "step")?,
        state: from_word(state, "plan")?,
        action: from_json(&action, "step.action")?,
        risk: from_word(risk, "plan")?,
        attempt: from_count(attempt, "step")?,
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

async fn with_steps(conn: &mut Conn<'_>, rows: Vec<PlanRow>) -> Result<Vec<Kept>, StoreError> {
    let mut plans = Vec::with_capacity(rows.len());
    for row in rows {
        let steps: Vec<StepRow> = on!(&mut *conn, c => sqlx::query_as(
            "SELECT id, position, state, action, risk, attempt, started_at, acted_at, finished_at, verdict, \
             verification, detail FROM step WHERE plan_id = $1 ORDER BY position")
            .bind(&row.id).fetch_all(c).await)?;
        plans.push(kept(row, steps)?);
    }
    Ok(plans)
}

/// Keeps a new plan.
pub async fn insert(conn: &mut Conn<'_>, plan: &Plan, trace: Option<&TraceParent>) -> Result<(), StoreError> {
    on!(&mut *conn, c => sqlx::query(
        "INSERT INTO plan (id, incident_id, trouble, site, state, digest, title, playbook, policy_version, target_id, \
         target_fingerprint, refusal, trace, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)")
        .bind(plan.id.to_string()).bind(plan.incident.to_string()).bind(plan.trouble.to_string())
        .bind(plan.site.as_str()).bind(to_word(&plan.state)).bind(plan.digest.to_string()).bind(clean(&plan.title))
        .bind(&plan.playbook).bind(&plan.policy_version).bind(clean(&plan.target_id)).bind(plan.target.to_string())
        .bind(plan.refusal.as_ref().map(to_json)).bind(trace.map(ToString::to_string))
        .bind(plan.created_at.micros()).bind(plan.updated_at.micros()).execute(c).await.map(drop))?;
    for step in &plan.steps {
        on!(&mut *conn, c => sqlx::query(
            "INSERT INTO step (id, plan_id, position, state, action, template, risk, attempt, detail) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '')")
            .bind(step.id.to_string()).bind(plan.id.to_string()).bind(i64::from(step.position))
            .bind(to_word(&step.state)).bind(to_json(&step.action)).bind(step.action.template())
            .bind(to_word(&step.risk)).bind(i64::from(step.attempt)).execute(c).await.map(drop))?;
    }
    Ok(())
}

/// Keeps what changed of a plan and its steps.
pub async fn save(conn: &mut Conn<'_>, plan: &Plan) -> Result<(), StoreError> {
    on!(&mut *conn, c => sqlx::query("UPDATE plan SET state = $2, updated_at = $3 WHERE id = $1")
        .bind(plan.id.to_string()).bind(to_word(&plan.state)).bind(plan.updated_at.micros())
        .execute(c).await.map(drop))?;
    for step in &plan.steps {
        let History { started_at, acted_at, finished_at, verdict, verification, detail } = &step.history;
        on!(&mut *conn, c => sqlx::query(
            "UPDATE step SET state = $2, attempt = $3, started_at = $4, acted_at = $5, finished_at = $6, verdict = $7, \
             verification = $8, detail = $9 WHERE id = $1")
            .bind(step.id.to_string()).bind(to_word(&step.state)).bind(i64::from(step.attempt))
            .bind(started_at.map(Timestamp::micros)).bind(acted_at.map(Timestamp::micros))
            .bind(finished_at.map(Timestamp::micros)).bind(verdict.as_ref().map(to_word))
            .bind(verification.as_ref().map(|text| clean(text))).bind(clean(detail)).execute(c).await.map(drop))?;
    }
    Ok(())
}

/// Reads a plan that the transaction is about to change.
pub async fn load_for_update(conn: &mut Conn<'_>, id: PlanId) -> Result<Option<Kept>, StoreError> {
    let sql = format!("SELECT {PLAN_COLUMNS} FROM plan WHERE id = $1{}", conn.for_update());
    one(conn, sql, id).await
}

pub async fn load(conn: &mut Conn<'_>, id: PlanId) -> Result<Option<Kept>, StoreError> {
    one(conn, format!("SELECT {PLAN_COLUMNS} FROM plan WHERE id = $1"), id).await
}

async fn one(conn: &mut Conn<'_>, sql: String, id: PlanId) -> Result<Option<Kept>, StoreError> {
    let row: Option<PlanRow> = on!(&mut *conn, c => sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(id.to_string()).fetch_optional(c).await)?;
    Ok(with_steps(conn, row.into_iter().collect()).await?.pop())
}

/// All plans of an incident, oldest first.
pub async fn of_incident(conn: &mut Conn<'_>, incident: IncidentId) -> Result<Vec<Kept>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {PLAN_COLUMNS} FROM plan WHERE incident_id = $1 ORDER BY id"));
    let rows: Vec<PlanRow> = on!(&mut *conn, c => sqlx::query_as(sql).bind(incident.to_string()).fetch_all(c).await)?;
    with_steps(conn, rows).await
}

/// Plans with a step under way.
pub async fn running(conn: &mut Conn<'_>) -> Result<Vec<Kept>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {PLAN_COLUMNS} FROM plan WHERE state = 'running' ORDER BY id"));
    let rows: Vec<PlanRow> = on!(&mut *conn, c => sqlx::query_as(sql).fetch_all(c).await)?;
    with_steps(conn, rows).await
}

/// Newest first; narrowed to a state and an incident when they are given.
pub async fn list(
    conn: &mut Conn<'_>,
    state: Option<PlanState>,
    incident: &str,
    page: &Page,
) -> Result<Vec<Kept>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!(
        "SELECT {PLAN_COLUMNS} FROM plan WHERE ($1 = '' OR id < $1) AND ($2 = '' OR state = $2) \
         AND ($3 = '' OR incident_id = $3) ORDER BY id DESC LIMIT $4"
    ));
    let state = state.map(|state| to_word(&state)).unwrap_or_default();
    let after = page.after.clone().unwrap_or_default();
    let rows: Vec<PlanRow> = on!(&mut *conn, c => sqlx::query_as(sql)
        .bind(after).bind(state).bind(incident).bind(page.size).fetch_all(c).await)?;
    with_steps(conn, rows).await
}

/// The plans of the steps that an executor began, newest step first, with the step of each.
pub async fn actions(conn: &mut Conn<'_>, page: &Page) -> Result<Vec<(StepId, PlanId)>, StoreError> {
    let rows: Vec<(String, String)> = on!(conn, c => sqlx::query_as(
        "SELECT id, plan_id FROM step WHERE attempt > 0 AND ($1 = '' OR id < $1) ORDER BY id DESC LIMIT $2")
        .bind(page.after.clone().unwrap_or_default()).bind(page.size).fetch_all(c).await)?;
    rows.into_iter().map(|(step, plan)| Ok((from_text(&step, "plan")?, from_text(&plan, "plan")?))).collect()
}

/// What was verified before against a trouble, newest first.
pub async fn past(conn: &mut Conn<'_>, trouble: Fingerprint) -> Result<Vec<PastAction>, StoreError> {
    let rows: Vec<(String, String, String, String)> = on!(conn, c => sqlx::query_as(
        "SELECT step.template, plan.target_fingerprint, step.verdict, step.id FROM step JOIN plan \
         ON plan.id = step.plan_id WHERE plan.trouble = $1 AND step.verdict IS NOT NULL \
         ORDER BY step.finished_at DESC LIMIT 100")
        .bind(trouble.to_string()).fetch_all(c).await)?;
    rows.into_iter()
        .map(|(template, target, verdict, step)| {
            Ok(PastAction {
                template,
                target: from_text(&target, "plan")?,
                verdict: from_word(verdict, "step.verdict")?,
                step,
            })
        })
        .collect()
}

pub async fn insert_approval(conn: &mut Conn<'_>, approval: &Approval, target_id: &str) -> Result<(), StoreError> {
    on!(conn, c => sqlx::query(
        "INSERT INTO approval (id, step_id, plan_digest, action, target_id, target_fingerprint, policy_version, \
         approver, approved_at, expires_at, nonce) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")
        .bind(approval.id.to_string()).bind(approval.step.to_string()).bind(approval.plan_digest.to_string())
        .bind(to_json(&approval.action)).bind(clean(target_id)).bind(approval.target.to_string())
        .bind(&approval.policy_version).bind(clean(&approval.approver)).bind(approval.approved_at.micros())
        .bind(approval.expires_at.micros()).bind(&approval.nonce).execute(c).await.map(drop))?;
    Ok(())
}

row! {
    struct ApprovalRow {
        id: String,
        plan_digest: String,
        action: String,
        target_fingerprint: String,
        policy_version: String,
        approver: String,
        approved_at: i64,
        expires_at: i64,
        nonce: String,
    }
}

pub async fn approval_of(conn: &mut Conn<'_>, step: StepId) -> Result<Option<Approval>, StoreError> {
    let row: Option<ApprovalRow> = on!(conn, c => sqlx::query_as(
        "SELECT id, plan_digest, action, target_fingerprint, policy_version, approver, approved_at, expires_at, nonce \
         FROM approval WHERE step_id = $1").bind(step.to_string()).fetch_optional(c).await)?;
    let Some(row) = row else { return Ok(None) };
    let ApprovalRow {
        id,
        plan_digest,
        action,
        target_fingerprint,
        policy_version,
        approver,
        approved_at,
        expires_at,
        nonce,
    } = row;
    Ok(Some(Approval {
        id: from_text(&id, "plan")?,
        step,
        plan_digest: from_text(&plan_digest, "plan")?,
        action: from_json(&action, "approval.action")?,
        target: from_text(&target_fingerprint, "plan")?,
        policy_version,
        approver,
        approved_at: Timestamp::from_micros(approved_at),
        expires_at: Timestamp::from_micros(expires_at),
        nonce,
    }))
}

/// Keeps a token's hash, unless there is one already: then `false`.
pub async fn insert_first_token(
    conn: &mut Conn<'_>,
    hash: &str,
    name: &str,
    roles: &[Role],
    now: Timestamp,
) -> Result<bool, StoreError> {
    let new = on!(conn, c => sqlx::query(
        "INSERT INTO token (hash, name, roles, created_at) SELECT $1, $2, $3, $4 \
         WHERE NOT EXISTS (SELECT 1 FROM token) ON CONFLICT (name) DO NOTHING")
        .bind(hash).bind(name).bind(to_json(&roles)).bind(now.micros()).execute(c).await
        .map(|done| done.rows_affected()))?;
    Ok(new == 1)
}

pub async fn token(conn: &mut Conn<'_>, hash: &str) -> Result<Option<(String, Vec<Role>)>, StoreError> {
    let row: Option<(String, String)> = on!(conn, c => sqlx::query_as("SELECT name, roles FROM token WHERE hash = $1")
        .bind(hash).fetch_optional(c).await)?;
    row.map(|(name, roles)| Ok((name, from_json(&roles, "token.roles")?))).transpose()
}
