//! Plans with their steps and approvals.

use std::collections::HashMap;

use overseer_contract::TraceParent;
use overseer_model::{Fingerprint, PlanId, StepId, Subject, Timestamp};
use overseer_runtime::Page;
use overseer_storage::column::{from_text, from_word, to_json, to_word};
use overseer_storage::{Conn, StoreError, clean, on};

use super::rows::{APPROVAL_COLUMNS, ApprovalRow, PLAN_COLUMNS, PlanRow, STEP_COLUMNS, StepRow};
use crate::plan::{Approval, History, Plan, PlanState};
use crate::playbook::PastAction;

/// A plan as its rows say.
#[derive(Clone, Debug)]
pub struct StoredPlan {
    pub plan: Plan,
    /// Of the engine's event behind it.
    pub trace: Option<TraceParent>,
}

/// Stores a new plan.
pub async fn insert(conn: &mut Conn<'_>, plan: &Plan, trace: Option<&TraceParent>) -> Result<(), StoreError> {
    on!(&mut *conn, c => sqlx::query(
        "INSERT INTO plan (id, subject, trouble, state, digest, title, playbook, policy_version, refusal, trace, \
         created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)")
        .bind(plan.id.to_string()).bind(plan.subject.to_string())
        .bind(plan.trouble.map(|trouble| trouble.to_string()).unwrap_or_default()).bind(to_word(&plan.state))
        .bind(plan.digest.to_string()).bind(clean(&plan.title)).bind(&plan.playbook).bind(&plan.policy_version)
        .bind(plan.refusal.as_ref().map(to_json)).bind(trace.map(ToString::to_string))
        .bind(plan.created_at.micros()).bind(plan.updated_at.micros()).execute(c).await.map(drop))?;
    for step in &plan.steps {
        on!(&mut *conn, c => sqlx::query(
            "INSERT INTO step (id, plan_id, position, state, action, template, risk, resource, target_fingerprint, \
             preconditions, attempt, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '')")
            .bind(step.id.to_string()).bind(plan.id.to_string()).bind(i64::from(step.position))
            .bind(to_word(&step.state)).bind(to_json(&step.action)).bind(step.action.template().as_str())
            .bind(to_word(&step.risk)).bind(step.action.target().key.to_string()).bind(step.target.to_string())
            .bind(to_json(&step.preconditions)).bind(i64::from(step.attempt)).execute(c).await.map(drop))?;
    }
    Ok(())
}

/// Saves what changed of a plan and its steps.
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

pub async fn insert_approval(conn: &mut Conn<'_>, step: StepId, approval: &Approval) -> Result<(), StoreError> {
    on!(conn, c => sqlx::query(
        "INSERT INTO approval (id, step_id, plan_digest, action, target_fingerprint, policy_version, approver, \
         approved_at, valid_micros, nonce) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
        .bind(approval.id.to_string()).bind(step.to_string()).bind(approval.plan_digest.to_string())
        .bind(to_json(&approval.action)).bind(approval.target.to_string()).bind(&approval.policy_version)
        .bind(clean(&approval.approver)).bind(approval.approved_at.micros())
        .bind(i64::try_from(approval.valid.as_micros()).unwrap_or(i64::MAX)).bind(&approval.nonce)
        .execute(c).await.map(drop))?;
    Ok(())
}

/// Reads a plan that the transaction is about to change.
pub async fn load_for_update(conn: &mut Conn<'_>, id: PlanId) -> Result<Option<StoredPlan>, StoreError> {
    let sql = format!("SELECT {PLAN_COLUMNS} FROM plan WHERE id = $1{}", conn.for_update());
    one(conn, sql, id).await
}

pub async fn load(conn: &mut Conn<'_>, id: PlanId) -> Result<Option<StoredPlan>, StoreError> {
    one(conn, format!("SELECT {PLAN_COLUMNS} FROM plan WHERE id = $1"), id).await
}

async fn one(conn: &mut Conn<'_>, sql: String, id: PlanId) -> Result<Option<StoredPlan>, StoreError> {
    let row: Option<PlanRow> = on!(&mut *conn, c => sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(id.to_string()).fetch_optional(c).await)?;
    Ok(with_steps(conn, row.into_iter().collect()).await?.pop())
}

/// The plan of a step.
pub async fn of_step(conn: &mut Conn<'_>, step: StepId) -> Result<Option<PlanId>, StoreError> {
    let plan: Option<String> = on!(conn, c => sqlx::query_scalar("SELECT plan_id FROM step WHERE id = $1")
        .bind(step.to_string()).fetch_optional(c).await)?;
    plan.map(|id| from_text(&id, "step.plan_id")).transpose()
}

/// All plans for a subject, oldest first.
pub async fn of_subject(conn: &mut Conn<'_>, subject: Subject) -> Result<Vec<StoredPlan>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {PLAN_COLUMNS} FROM plan WHERE subject = $1 ORDER BY id"));
    let rows: Vec<PlanRow> = on!(&mut *conn, c => sqlx::query_as(sql).bind(subject.to_string()).fetch_all(c).await)?;
    with_steps(conn, rows).await
}

/// Plans with a step under way.
pub async fn running(conn: &mut Conn<'_>) -> Result<Vec<PlanId>, StoreError> {
    let ids: Vec<String> = on!(&mut *conn, c =>
        sqlx::query_scalar("SELECT id FROM plan WHERE state = 'running' ORDER BY id").fetch_all(c).await)?;
    ids.iter().map(|id| from_text(id, "plan.id")).collect()
}

/// Newest first; narrowed to a state and a subject when they are given.
pub async fn list(
    conn: &mut Conn<'_>,
    state: Option<PlanState>,
    subject: Option<Subject>,
    page: &Page,
) -> Result<Vec<StoredPlan>, StoreError> {
    let sql = sqlx::AssertSqlSafe(format!(
        "SELECT {PLAN_COLUMNS} FROM plan WHERE ($1 = '' OR id < $1) AND ($2 = '' OR state = $2) \
         AND ($3 = '' OR subject = $3) ORDER BY id DESC LIMIT $4"
    ));
    let state = state.map(|state| to_word(&state)).unwrap_or_default();
    let subject = subject.map(|subject| subject.to_string()).unwrap_or_default();
    let after = page.after.clone().unwrap_or_default();
    let rows: Vec<PlanRow> = on!(&mut *conn, c => sqlx::query_as(sql)
        .bind(after).bind(state).bind(subject).bind(page.size).fetch_all(c).await)?;
    with_steps(conn, rows).await
}

/// The plans of the steps that an executor was sent, newest step first, with the step of each.
pub async fn actions(conn: &mut Conn<'_>, page: &Page) -> Result<Vec<(StepId, StoredPlan)>, StoreError> {
    let steps: Vec<(String, String)> = on!(&mut *conn, c => sqlx::query_as(
        "SELECT id, plan_id FROM step WHERE attempt > 0 AND ($1 = '' OR id < $1) ORDER BY id DESC LIMIT $2")
        .bind(page.after.clone().unwrap_or_default()).bind(page.size).fetch_all(c).await)?;
    let ids: Vec<&str> = steps.iter().map(|(_, plan)| plan.as_str()).collect();
    let sql = format!("SELECT {PLAN_COLUMNS} FROM plan WHERE id IN ({})", places(ids.len()));
    let rows = rows_of(&mut *conn, sql, &ids).await?;
    let plans = with_steps(conn, rows).await?;
    let plans: HashMap<String, StoredPlan> = plans.into_iter().map(|plan| (plan.plan.id.to_string(), plan)).collect();
    steps
        .into_iter()
        .filter_map(|(step, plan)| Some((step, plans.get(&plan)?.clone())))
        .map(|(step, plan)| Ok((from_text(&step, "step.id")?, plan)))
        .collect()
}

/// What was verified before against a trouble, newest first.
pub async fn past(conn: &mut Conn<'_>, trouble: Fingerprint) -> Result<Vec<PastAction>, StoreError> {
    let rows: Vec<(String, String, String, String, i64, String)> = on!(conn, c => sqlx::query_as(
        "SELECT step.template, step.resource, step.target_fingerprint, step.verdict, step.finished_at, step.id \
         FROM step JOIN plan ON plan.id = step.plan_id WHERE plan.trouble = $1 AND step.verdict IS NOT NULL \
         AND step.finished_at IS NOT NULL ORDER BY step.finished_at DESC LIMIT 100")
        .bind(trouble.to_string()).fetch_all(c).await)?;
    rows.into_iter()
        .map(|(template, resource, target, verdict, finished_at, step)| {
            Ok(PastAction {
                template: from_word(template, "step.template")?,
                resource: from_text(&resource, "step.resource")?,
                target: from_text(&target, "step.target_fingerprint")?,
                verdict: from_word(verdict, "step.verdict")?,
                finished_at: Timestamp::from_micros(finished_at),
                step,
            })
        })
        .collect()
}

/// Adds the steps and approvals of all these plans, in three questions however many there are.
async fn with_steps(conn: &mut Conn<'_>, rows: Vec<PlanRow>) -> Result<Vec<StoredPlan>, StoreError> {
    let ids: Vec<&str> = rows.iter().map(PlanRow::id).collect();
    let places = places(ids.len());
    let approvals: Vec<ApprovalRow> = rows_of(
        &mut *conn,
        format!(
            "SELECT {APPROVAL_COLUMNS} FROM approval WHERE step_id IN (SELECT id FROM step WHERE plan_id IN ({places}))"
        ),
        &ids,
    )
    .await?;
    let mut approvals: HashMap<String, ApprovalRow> =
        approvals.into_iter().map(|row| (row.step_id().to_owned(), row)).collect();
    let sql = format!("SELECT {STEP_COLUMNS} FROM step WHERE plan_id IN ({places}) ORDER BY position");
    let mut steps: HashMap<String, Vec<StepRow>> = HashMap::new();
    for row in rows_of::<StepRow>(conn, sql, &ids).await? {
        steps.entry(row.plan_id().to_owned()).or_default().push(row);
    }
    rows.into_iter()
        .map(|row| {
            let of_plan = steps.remove(row.id()).unwrap_or_default();
            let of_plan = of_plan.into_iter().map(|step| {
                let approval = approvals.remove(step.id()).map(Approval::try_from).transpose()?;
                step.into_step(approval)
            });
            let of_plan = of_plan.collect::<Result<_, StoreError>>()?;
            row.into_plan(of_plan)
        })
        .collect()
}

/// `$1, $2, …`; a text that no column has when there are none.
fn places(count: usize) -> String {
    if count == 0 {
        return "''".to_owned();
    }
    (1..=count).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ")
}

async fn rows_of<R>(conn: &mut Conn<'_>, sql: String, ids: &[&str]) -> Result<Vec<R>, StoreError>
where
    R: Send + Unpin,
    R: for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>,
    R: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>,
{
    Ok(on!(conn, c => {
        let mut query = sqlx::query_as(sqlx::AssertSqlSafe(sql));
        for id in ids {
            query = query.bind(*id);
        }
        query.fetch_all(c).await
    })?)
}
