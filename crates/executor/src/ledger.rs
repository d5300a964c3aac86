//! The ledger's rows: each attempt once, one unfinished attempt per resource, one process at a time on each.
//!
//! A claim is a lease: renewed while its process lives, taken over after it ended. Each claim has the next fencing epoch,
//! and a write under an older one changes nothing.

use std::error::Error;
use std::time::Duration;

use overseer_model::{ResourceState, Site, Timestamp};
use overseer_permit::Claims;
use overseer_provider_port::Witness;
use overseer_storage::column::{from_json, to_json};
use overseer_storage::{Conn, Db, StoreError, on, row};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::attempt::{Acted, Attempt, AttemptId, Failure, Phase, State};
use crate::verification::Verification;

/// How long a claim outlives its process, hence how long a recovery on PostgreSQL waits.
pub const LEASE: Duration = Duration::from_secs(10);

/// The right to write to one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub attempt: AttemptId,
    epoch: i64,
}

/// What became of a new attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    Now(Claim),
    /// This step and attempt, or this nonce, is in the ledger already.
    Replayed,
    /// Another attempt on the same resource is not finished; actions on one resource are serial.
    Busy,
    /// A call was made by this approval.
    Spent,
}

#[derive(Clone)]
pub struct Ledger {
    pub db: Db,
    pub site: Site,
    /// This process's life.
    life: Uuid,
}

impl Ledger {
    pub fn new(db: Db, site: Site) -> Self {
        Self { db, site, life: Uuid::now_v7() }
    }

    /// Whether the ledger has this ticket already, by its step and attempt or by its nonce.
    pub async fn knows(&self, conn: &mut Conn<'_>, claims: &Claims) -> Result<bool, StoreError> {
        Ok(on!(conn, c => sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM attempt WHERE (step_id = $1 AND attempt = $2) OR nonce = $3) \
             OR EXISTS (SELECT 1 FROM declined_ticket WHERE nonce = $3)")
            .bind(claims.step.to_string()).bind(i64::from(claims.attempt)).bind(&claims.nonce)
            .fetch_one(c).await)?)
    }

    /// Remembers a ticket that is answered without an intent. False when it was answered before.
    pub async fn decline(&self, conn: &mut Conn<'_>, claims: &Claims, now: Timestamp) -> Result<bool, StoreError> {
        let new = on!(conn, c => sqlx::query(
            "INSERT INTO declined_ticket (nonce, declined_at) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(&claims.nonce).bind(now.micros()).execute(c).await.map(|done| done.rows_affected()))?;
        Ok(new == 1)
    }

    /// Writes the intent, claimed by this process.
    pub async fn open(&self, conn: &mut Conn<'_>, attempt: &Attempt) -> Result<Opened, StoreError> {
        let claim = Claim { attempt: attempt.id, epoch: 1 };
        let claims = &attempt.claims;
        let approval = claims.approval.to_string();
        if self.knows(&mut *conn, claims).await? {
            return Ok(Opened::Replayed);
        }
        if self.is_spent(&mut *conn, &approval).await? {
            return Ok(Opened::Spent);
        }
        let Attempt { id, claims: _, key, trace, before, intent_at, act_by, phase } = attempt;
        let claims_json = to_json(claims);
        let before = to_json(&WitnessJson::from(*before));
        let new = on!(&mut *conn, c => sqlx::query(
            "INSERT INTO attempt (id, site, step_id, attempt, nonce, resource, claims, ordering_key, trace, \
             intent_at, act_by, witness_before, state, claimed_by, claim_until, epoch, approval) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) ON CONFLICT DO NOTHING")
            .bind(id.to_string()).bind(self.site.as_str()).bind(claims.step.to_string())
            .bind(i64::from(claims.attempt)).bind(&claims.nonce).bind(attempt.target().key.to_string()).bind(claims_json)
            .bind(key).bind(trace.as_ref().map(ToString::to_string)).bind(intent_at.micros()).bind(act_by.micros())
            .bind(before).bind(phase.state().as_str()).bind(self.life.to_string())
            .bind((*intent_at + LEASE).micros()).bind(claim.epoch).bind(approval)
            .execute(c).await.map(|done| done.rows_affected()))?;
        Ok(if new == 1 {
            Opened::Now(claim)
        } else if self.knows(conn, claims).await? {
            Opened::Replayed
        } else {
            Opened::Busy
        })
    }

    /// Whether a call was made by this approval, or may yet be, in whichever attempt.
    async fn is_spent(&self, conn: &mut Conn<'_>, approval: &str) -> Result<bool, StoreError> {
        Ok(on!(conn, c => sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM attempt WHERE approval = $1 AND approval <> '' \
             AND (called_at IS NOT NULL OR finished_at IS NULL))")
            .bind(approval).fetch_one(c).await)?)
    }

    /// Saves the attempt's new phase. False when the claim was lost: then nothing was changed, and nothing may be.
    pub async fn save(&self, conn: &mut Conn<'_>, claim: Claim, phase: &Phase) -> Result<bool, StoreError> {
        let columns = Columns::of(phase)?;
        let saved = on!(conn, c => sqlx::query(
            "UPDATE attempt SET state = $3, called_at = CASE WHEN $3 = 'lapsed' THEN NULL ELSE COALESCE($10, called_at) END, \
             acted_at = $4, witness_after = $5, verify_until = $6, verification = $7, \
             detail = $8, finished_at = $9 WHERE id = $1 AND epoch = $2 AND finished_at IS NULL")
            .bind(claim.attempt.to_string()).bind(claim.epoch).bind(phase.state().as_str()).bind(columns.acted_at)
            .bind(columns.after).bind(columns.verify_until).bind(columns.verification).bind(columns.detail)
            .bind(columns.finished_at).bind(columns.called_at).execute(c).await.map(|done| done.rows_affected()))?;
        Ok(saved == 1)
    }

    /// Keeps a claim of this process until `until`; one that was taken over stays lost.
    pub async fn renew(&self, claim: Claim, until: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.db.begin_write().await?;
        on!(&mut tx.conn(), c => sqlx::query(
            "UPDATE attempt SET claim_until = $3 WHERE id = $1 AND epoch = $2 AND finished_at IS NULL")
            .bind(claim.attempt.to_string()).bind(claim.epoch).bind(until.micros()).execute(c).await.map(drop))?;
        tx.commit().await
    }

    /// What another process left when this one starts. An SQLite file has one process, so all of it was left.
    pub async fn take_over_at_start(&self, now: Timestamp) -> Result<Vec<(Claim, Attempt)>, StoreError> {
        match &self.db {
            Db::Sqlite { .. } => self.take(Timestamp::from_micros(i64::MAX), now).await,
            Db::Postgres { .. } => self.take(now, now).await,
        }
    }

    /// The unfinished attempts whose claim has ended.
    pub async fn take_over(&self, now: Timestamp) -> Result<Vec<(Claim, Attempt)>, StoreError> {
        self.take(now, now).await
    }

    async fn take(&self, ended_before: Timestamp, now: Timestamp) -> Result<Vec<(Claim, Attempt)>, StoreError> {
        let mut tx = self.db.begin_write().await?;
        let rows: Vec<Row> = on!(&mut tx.conn(), c => sqlx::query_as(
            "UPDATE attempt SET claimed_by = $1, claim_until = $2, epoch = epoch + 1 \
             WHERE site = $3 AND finished_at IS NULL AND claim_until < $4 \
             RETURNING id, claims, ordering_key, trace, intent_at, act_by, witness_before, state, acted_at, \
             witness_after, verify_until, verification, detail, finished_at, epoch, called_at")
            .bind(self.life.to_string()).bind((now + LEASE).micros()).bind(self.site.as_str())
            .bind(ended_before.micros()).fetch_all(c).await)?;
        tx.commit().await?;
        // One row that does not read must not hold up the others.
        let readable = rows.into_iter().filter_map(|row| {
            row.read()
                .inspect_err(|error| tracing::error!(error = error as &dyn Error, "attempt row cannot be parsed"))
                .ok()
        });
        Ok(readable.collect())
    }
}

/// Attempts before the one with this id (the newest when absent), newest first.
pub async fn list(conn: &mut Conn<'_>, before: Option<&str>, most: i64) -> Result<Vec<Attempt>, StoreError> {
    // Sorts after every hexadecimal digit in any collation.
    let before = before.unwrap_or("g");
    let rows: Vec<Row> = on!(conn, c => sqlx::query_as(
        "SELECT id, claims, ordering_key, trace, intent_at, act_by, witness_before, state, acted_at, witness_after, \
         verify_until, verification, detail, finished_at, epoch, called_at FROM attempt WHERE id < $1 ORDER BY id DESC LIMIT $2")
        .bind(before).bind(most).fetch_all(c).await)?;
    rows.into_iter().map(|row| row.read().map(|(_, attempt)| attempt)).collect()
}

row! {
    struct Row {
        id: String,
        claims: String,
        ordering_key: String,
        trace: Option<String>,
        intent_at: i64,
        act_by: i64,
        witness_before: String,
        state: String,
        acted_at: Option<i64>,
        witness_after: Option<String>,
        verify_until: Option<i64>,
        verification: Option<String>,
        detail: Option<String>,
        finished_at: Option<i64>,
        epoch: i64,
        called_at: Option<i64>,
    }
}

impl Row {
    fn read(self) -> Result<(Claim, Attempt), StoreError> {
        let Self { id, claims, ordering_key, trace, intent_at, act_by, witness_before, state, epoch, .. } = &self;
        let id = id.parse().map_err(|_| StoreError::Corrupt { what: "attempt.id" })?;
        let trace = trace.as_deref().map(str::parse).transpose();
        let before: WitnessJson = from_json(witness_before, "attempt.witness_before")?;
        let state = State::named(state).ok_or(StoreError::Corrupt { what: "attempt.state" })?;
        let attempt = Attempt {
            id,
            claims: from_json(claims, "attempt.claims")?,
            key: ordering_key.clone(),
            trace: trace.map_err(|_| StoreError::Corrupt { what: "attempt.trace" })?,
            before: before.into(),
            intent_at: Timestamp::from_micros(*intent_at),
            act_by: Timestamp::from_micros(*act_by),
            phase: self.phase(state)?,
        };
        Ok((Claim { attempt: id, epoch: *epoch }, attempt))
    }

    fn phase(&self, state: State) -> Result<Phase, StoreError> {
        let failed = |failure| {
            Ok(Phase::Failed { failure, detail: self.detail.clone().unwrap_or_default(), at: self.finished()? })
        };
        match state {
            State::Intent => Ok(Phase::Intent),
            State::Called => {
                let at = self.called_at.ok_or(StoreError::Corrupt { what: "attempt.called_at" })?;
                Ok(Phase::Called { at: Timestamp::from_micros(at) })
            }
            State::Acted => Ok(Phase::Acted(self.acted()?)),
            State::Verified => {
                let json = self.verification.as_deref().unwrap_or_default();
                let verification: Verification = from_json(json, "attempt.verification")?;
                Ok(Phase::Verified { acted: self.acted()?, verification, at: self.finished()? })
            }
            State::Lapsed => failed(Failure::Lapsed),
            State::Refused => failed(Failure::RefusedByPlatform),
            State::InDoubt => {
                Ok(Phase::InDoubt { doubt: self.detail.clone().unwrap_or_default(), at: self.finished()? })
            }
        }
    }

    fn acted(&self) -> Result<Acted, StoreError> {
        let (Some(at), Some(verify_until)) = (self.acted_at, self.verify_until) else {
            return Err(StoreError::Corrupt { what: "attempt.acted_at" });
        };
        let after = self.witness_after.as_deref().map(|json| from_json::<WitnessJson>(json, "attempt.witness_after"));
        Ok(Acted {
            at: Timestamp::from_micros(at),
            after: after.transpose()?.map(Witness::from),
            verify_until: Timestamp::from_micros(verify_until),
        })
    }

    fn finished(&self) -> Result<Timestamp, StoreError> {
        self.finished_at.map(Timestamp::from_micros).ok_or(StoreError::Corrupt { what: "attempt.finished_at" })
    }
}

/// A phase's part of the row.
#[derive(Default)]
struct Columns {
    called_at: Option<i64>,
    acted_at: Option<i64>,
    after: Option<String>,
    verify_until: Option<i64>,
    verification: Option<String>,
    detail: Option<String>,
    finished_at: Option<i64>,
}

impl Columns {
    fn of(phase: &Phase) -> Result<Self, StoreError> {
        let ended = |detail: &str, at: &Timestamp| Self {
            detail: Some(overseer_storage::clean(detail)),
            finished_at: Some(at.micros()),
            ..Self::default()
        };
        Ok(match phase {
            Phase::Intent => Self::default(),
            Phase::Called { at } => Self { called_at: Some(at.micros()), ..Self::default() },
            Phase::Acted(acted) => Self::of_acted(acted)?,
            Phase::Verified { acted, verification, at } => Self {
                verification: Some(to_json(verification)),
                finished_at: Some(at.micros()),
                ..Self::of_acted(acted)?
            },
            Phase::Failed { failure: _, detail, at } => ended(detail, at),
            Phase::InDoubt { doubt, at } => ended(doubt, at),
        })
    }

    fn of_acted(acted: &Acted) -> Result<Self, StoreError> {
        let Acted { at, after, verify_until } = acted;
        let after = after.map(|after| to_json(&WitnessJson::from(after)));
        Ok(Self { acted_at: Some(at.micros()), after, verify_until: Some(verify_until.micros()), ..Self::default() })
    }
}

#[derive(Serialize, Deserialize)]
struct WitnessJson {
    state: ResourceState,
    started_at: Option<Timestamp>,
    restart_count: u32,
}

impl From<Witness> for WitnessJson {
    fn from(witness: Witness) -> Self {
        let Witness { state, started_at, restart_count } = witness;
        Self { state, started_at, restart_count }
    }
}
impl From<WitnessJson> for Witness {
    fn from(json: WitnessJson) -> Self {
        let WitnessJson { state, started_at, restart_count } = json;
        Self { state, started_at, restart_count }
    }
}
