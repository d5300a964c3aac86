//! Answers questions about plans, actions and the audit chain, and takes approvals.

use overseer_contract::to_timestamp;
use overseer_contract::v1 as pb;
use overseer_contract::v1::audit_service_server::AuditService;
use overseer_contract::v1::chain_service_client::ChainServiceClient;
use overseer_contract::v1::plan_service_server::PlanService;
use overseer_model::{PlanId, ServiceName, StepId, Subject, Timestamp};
use overseer_runtime::{Code, Page, Peers, Problem, actor_of, caller};
use overseer_storage::{Db, StoreError, audit};
use tonic::{Request, Response, Status};

use crate::approve::Approvals;
use crate::store::StoredPlan;
use crate::{store, wire};

pub struct Plans {
    pub db: Db,
    pub approvals: Approvals,
}

#[tonic::async_trait]
impl PlanService for Plans {
    async fn list_plans(
        &self,
        request: Request<pb::ListPlansRequest>,
    ) -> Result<Response<pb::ListPlansResponse>, Status> {
        let pb::ListPlansRequest { page_size, page_token, state, incident_id } = request.into_inner();
        let page = Page::of(page_size, &page_token)?;
        let incident = incident_filter(&incident_id)?;
        let listed = async {
            let mut reader = self.db.reader().await?;
            store::list(&mut reader.conn(), wire::state_filter(state), incident, &page).await
        };
        let plans = listed.await.map_err(Problem::from)?;
        let next_page_token = page.next(&plans, |stored| stored.plan.id.to_string());
        let plans = plans.into_iter().map(|stored| stored.plan.into()).collect();
        Ok(Response::new(pb::ListPlansResponse { plans, next_page_token }))
    }

    async fn get_plan(&self, request: Request<pb::GetPlanRequest>) -> Result<Response<pb::Plan>, Status> {
        let id = plan_id(&request.into_inner().id)?;
        let found = async {
            let mut reader = self.db.reader().await?;
            store::load(&mut reader.conn(), id).await
        };
        let stored = found.await.map_err(Problem::from)?.ok_or_else(unknown)?;
        Ok(Response::new(stored.plan.into()))
    }

    async fn approve_plan(&self, request: Request<pb::ApprovePlanRequest>) -> Result<Response<pb::Plan>, Status> {
        let actor = actor_of(&request);
        let pb::ApprovePlanRequest { id, digest } = request.into_inner();
        let plan = self.approvals.approve(plan_id(&id)?, &digest, &actor).await?;
        Ok(Response::new(plan.into()))
    }

    async fn deny_plan(&self, request: Request<pb::DenyPlanRequest>) -> Result<Response<pb::Plan>, Status> {
        let actor = actor_of(&request);
        let plan = self.approvals.deny(plan_id(&request.into_inner().id)?, &actor).await?;
        Ok(Response::new(plan.into()))
    }

    async fn resolve_step(&self, request: Request<pb::ResolveStepRequest>) -> Result<Response<pb::Plan>, Status> {
        let actor = actor_of(&request);
        let pb::ResolveStepRequest { id, outcome, reason } = request.into_inner();
        let step = id.parse().map_err(|_| Problem::not_found("step", "overseer actions"))?;
        let outcome = wire::resolution(outcome)
            .ok_or_else(|| Problem::new(Code::SchemaInvalid, "`outcome` is missing", "send `done` or `not_done`"))?;
        let plan = self.approvals.resolve(step, outcome, &reason, &actor).await?;
        Ok(Response::new(plan.into()))
    }

    async fn list_actions(
        &self,
        request: Request<pb::ListActionsRequest>,
    ) -> Result<Response<pb::ListActionsResponse>, Status> {
        let pb::ListActionsRequest { page_size, page_token } = request.into_inner();
        let page = Page::of(page_size, &page_token)?;
        let actions = self.actions(&page).await.map_err(Problem::from)?;
        let next_page_token = page.next(&actions, |action| action.step_id.clone());
        Ok(Response::new(pb::ListActionsResponse { actions, next_page_token }))
    }
}

impl Plans {
    async fn actions(&self, page: &Page) -> Result<Vec<pb::ActionRecord>, StoreError> {
        let mut reader = self.db.reader().await?;
        let conn = &mut reader.conn();
        let actions = store::actions(conn, page).await?;
        let record = |(id, stored): (StepId, StoredPlan)| {
            let step = stored.plan.step(id)?.clone();
            Some(wire::action_record(&stored.plan, step))
        };
        Ok(actions.into_iter().filter_map(record).collect())
    }
}

/// `None` for all.
fn incident_filter(text: &str) -> Result<Option<Subject>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let incident = text.parse().map_err(|_| {
        let said = "`incident_id` is not the id of an incident";
        Problem::new(Code::SchemaInvalid, said, "send an id from `overseer incidents`")
    })?;
    Ok(Some(Subject::Incident(incident)))
}

fn plan_id(text: &str) -> Result<PlanId, Problem> {
    text.parse().map_err(|_| unknown())
}

fn unknown() -> Problem {
    Problem::not_found("plan", "overseer plans")
}

pub struct Audits {
    pub db: Db,
    pub peers: Peers,
}

/// The services with tables of their own: each keeps a chain, and may have parked events.
pub const CHAINED: [ServiceName; 6] = [
    ServiceName::Identity,
    ServiceName::Collector,
    ServiceName::IncidentEngine,
    ServiceName::ControlPlane,
    ServiceName::Executor,
    ServiceName::Notifier,
];

#[tonic::async_trait]
impl AuditService for Audits {
    async fn list_audit(
        &self,
        request: Request<pb::ListAuditRequest>,
    ) -> Result<Response<pb::ListAuditResponse>, Status> {
        let actor = caller(&request);
        let pb::ListAuditRequest { page_size, page_token } = request.into_inner();
        let page = Page::of(page_size, &page_token)?;
        let before = page.after.as_deref().and_then(|token| token.parse().ok());
        let entries = self.read(&actor, before, page.size).await.map_err(Problem::from)?;
        let next_page_token = page.next(&entries, |entry| entry.sequence.to_string());
        let entries = entries.into_iter().map(entry).collect();
        Ok(Response::new(pb::ListAuditResponse { entries, next_page_token }))
    }

    async fn verify_audit(
        &self,
        _: Request<pb::VerifyAuditRequest>,
    ) -> Result<Response<pb::VerifyAuditResponse>, Status> {
        let mut chains = Vec::new();
        for service in CHAINED {
            let mut peer = ChainServiceClient::new(self.peers.to(service));
            // An unreachable service is an error: its chain must not be passed over in silence.
            chains.push(peer.verify_chain(pb::VerifyChainRequest {}).await?.into_inner());
        }
        Ok(Response::new(pb::VerifyAuditResponse { chains }))
    }
}

impl Audits {
    /// Reading the record is recorded.
    async fn read(&self, actor: &str, before: Option<u64>, most: i64) -> Result<Vec<audit::Entry>, StoreError> {
        let mut tx = self.db.begin_write().await?;
        let record = audit::Record { at: Timestamp::now(), actor, action: "audit.read", object: "audit", detail: "" };
        audit::append(&mut tx.conn(), &record).await?;
        let entries = audit::list(&mut tx.conn(), before, most).await?;
        tx.commit().await?;
        Ok(entries)
    }
}

fn entry(entry: audit::Entry) -> pb::AuditEntry {
    let audit::Entry { sequence, at, actor, action, object, detail, hash } = entry;
    pb::AuditEntry { sequence, at: Some(to_timestamp(at)), actor, action, object, detail, hash }
}
