//! Tickets come in; each becomes an intent, or a refusal. Returns as soon as that is durable: the work itself is the
//! crew's, so that a slow platform holds up nobody.

use async_trait::async_trait;
use overseer_contract::{Event, to_timestamp, v1};
use overseer_model::Timestamp;
use overseer_permit::{Claims, Permit, Refused, Target, Ticket, Verifier};
use overseer_provider_port::Witness;
use overseer_runtime::{ApplyError, Consumer, Relay, fault_point, first_time};
use overseer_storage::{StoreError, Tx, outbox};
use tokio::sync::mpsc;

use crate::attempt::{ACT_WITHIN, Attempt, AttemptId, Phase};
use crate::ledger::{Ledger, Opened};
use crate::platform::{Platform, Sight};
use crate::record;
use crate::work::Job;

pub struct Intake {
    pub ledger: Ledger,
    pub relay: Relay,
    pub platform: Platform,
    pub verifier: Verifier,
    pub jobs: mpsc::UnboundedSender<Job>,
}

#[derive(Debug, thiserror::Error)]
#[error("the platform did not answer in time")]
struct Silent;

/// Why a signed ticket is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Declined {
    #[error(transparent)]
    Ticket(#[from] Refused),
    /// Waiting here would hold up the tickets behind this one; the control plane knows when to sign again.
    #[error("another action on the target is still being verified")]
    Busy,
    /// Whatever a row or the control plane says: one approval, one call.
    #[error("a call was made by this approval before")]
    Spent,
    #[error("this executor has no adapter for the target's source")]
    OtherSource,
}

#[async_trait]
impl Consumer for Intake {
    async fn apply(&self, event: &Event) -> Result<(), ApplyError> {
        let ticket = Ticket::from_wire(event.payload::<v1::StepDispatched>()?.ticket);
        match self.verifier.read(&ticket) {
            Ok(claims) => self.consider(event, &ticket, &claims).await,
            Err(refused @ Refused::Version { .. }) => self.cannot_follow(event, refused).await,
            Err(
                refused @ (Refused::Malformed
                | Refused::Signature
                | Refused::OtherSite
                | Refused::Expired
                | Refused::TargetDrift
                | Refused::Precondition),
            ) => self.distrust(event, refused).await,
        }
    }
}

impl Intake {
    async fn consider(&self, event: &Event, ticket: &Ticket, claims: &Claims) -> Result<(), ApplyError> {
        if self.is_known(claims).await? {
            return self.note_replay(event, claims).await;
        }
        if !self.platform.is_of(claims.action.target().source()) {
            return self.decline(event, claims, Declined::OtherSource).await;
        }
        // Before the look, so that a platform that is away does not keep an old ticket waiting.
        if Timestamp::now() >= claims.expires {
            return self.decline(event, claims, Refused::Expired.into()).await;
        }
        let snapshot = match self.platform.look(claims.action.target().id()).await {
            (Sight::Seen(snapshot), _) => snapshot,
            (Sight::Gone, _) => return self.decline(event, claims, Refused::TargetDrift.into()).await,
            (Sight::Unasked, Some(error)) => return Err(ApplyError::Peer(Box::new(error))),
            (Sight::Unasked, None) => return Err(ApplyError::Peer(Box::new(Silent))),
        };
        let now = Timestamp::now();
        let target = Target { fingerprint: snapshot.traits.fingerprint, state: snapshot.witness.state };
        match self.verifier.verify(ticket, target, now) {
            Ok(permit) => self.begin(event, permit, snapshot.witness, now).await,
            Err(refused) => self.decline(event, claims, refused.into()).await,
        }
    }

    async fn is_known(&self, claims: &Claims) -> Result<bool, StoreError> {
        let mut reader = self.ledger.db.reader().await?;
        self.ledger.knows(&mut reader.conn(), claims).await
    }

    /// The intent: from here on the attempt is acted on once, or never.
    async fn begin(&self, event: &Event, permit: Permit, before: Witness, now: Timestamp) -> Result<(), ApplyError> {
        let claims = permit.claims().clone();
        let attempt = Attempt {
            id: AttemptId::fresh(),
            key: event.key.clone(),
            trace: event.trace.clone(),
            before,
            intent_at: now,
            act_by: (now + ACT_WITHIN).min(claims.expires),
            phase: Phase::Intent,
            claims,
        };
        let Some(mut tx) = first_time(&self.ledger.db, event).await? else { return Ok(()) };
        match self.ledger.open(&mut tx.conn(), &attempt).await? {
            Opened::Now(claim) => {
                record::phase(&mut tx.conn(), &self.ledger.site, &attempt, now).await?;
                tx.commit().await?;
                fault_point!("executor_intent_written");
                self.relay.wake();
                // Refused only when the process ends; then the next one probes.
                let _ending = self.jobs.send(Job { claim, attempt, permit: Some(permit) });
                Ok(())
            }
            Opened::Replayed => {
                record::unfollowed(&mut tx.conn(), &attempt.claims, "ticket.replayed", "used", now).await?;
                tx.commit().await?;
                count("replayed");
                Ok(())
            }
            Opened::Busy => self.decline_in(tx, event, &attempt.claims, Declined::Busy, now).await,
            Opened::Spent => self.decline_in(tx, event, &attempt.claims, Declined::Spent, now).await,
        }
    }

    async fn note_replay(&self, event: &Event, claims: &Claims) -> Result<(), ApplyError> {
        // The same event again is the bus's habit; only another event with a used ticket is worth a record.
        let Some(mut tx) = first_time(&self.ledger.db, event).await? else { return Ok(()) };
        record::unfollowed(&mut tx.conn(), claims, "ticket.replayed", "used", Timestamp::now()).await?;
        tx.commit().await?;
        count("replayed");
        tracing::warn!(step = %claims.step, attempt = claims.attempt, "replayed ticket ignored");
        Ok(())
    }

    async fn decline(&self, event: &Event, claims: &Claims, why: Declined) -> Result<(), ApplyError> {
        let Some(tx) = first_time(&self.ledger.db, event).await? else { return Ok(()) };
        self.decline_in(tx, event, claims, why, Timestamp::now()).await
    }

    /// A signed ticket that is not followed: the control plane is told, once.
    async fn decline_in(
        &self,
        mut tx: Tx,
        event: &Event,
        claims: &Claims,
        why: Declined,
        now: Timestamp,
    ) -> Result<(), ApplyError> {
        let (failure, label) = failure_of(why);
        record::unfollowed(&mut tx.conn(), claims, "ticket.refused", label, now).await?;
        if self.ledger.decline(&mut tx.conn(), claims, now).await? {
            let failed = record::failed(claims, failure, format!("{why}; nothing was done"), now);
            let failed = record::event(&self.ledger.site, &event.key, event.trace.as_ref(), now, &failed)?;
            outbox::put(&mut tx.conn(), &failed).await?;
        }
        tx.commit().await?;
        self.relay.wake();
        count(label);
        tracing::warn!(step = %claims.step, attempt = claims.attempt, reason = label, "ticket refused");
        Ok(())
    }

    /// A ticket that the control plane signed in a version of its own time. It is no forgery, and nothing was done; the
    /// event says which step waits for an answer.
    async fn cannot_follow(&self, event: &Event, refused: Refused) -> Result<(), ApplyError> {
        let step = event.payload::<v1::StepDispatched>()?.step;
        let now = Timestamp::now();
        let Some(mut tx) = first_time(&self.ledger.db, event).await? else { return Ok(()) };
        let (failure, label) = failure_of(refused.into());
        record::untrusted(&mut tx.conn(), event, label, now).await?;
        let detail = format!("{refused}; nothing was done: upgrade it");
        let failed = v1::StepFailed { step, failure: failure.into(), detail, at: Some(to_timestamp(now)) };
        let failed = record::event(&self.ledger.site, &event.key, event.trace.as_ref(), now, &failed)?;
        outbox::put(&mut tx.conn(), &failed).await?;
        tx.commit().await?;
        self.relay.wake();
        count(label);
        tracing::warn!(event = %event.id, reason = label, "ticket of an unknown version declined");
        Ok(())
    }

    /// A ticket that is not the control plane's word to this site: nobody is told anything about the step it names.
    async fn distrust(&self, event: &Event, refused: Refused) -> Result<(), ApplyError> {
        let Some(mut tx) = first_time(&self.ledger.db, event).await? else { return Ok(()) };
        let (_, label) = failure_of(refused.into());
        record::untrusted(&mut tx.conn(), event, label, Timestamp::now()).await?;
        tx.commit().await?;
        count(label);
        tracing::error!(event = %event.id, reason = label, "ticket not signed by the control plane");
        Ok(())
    }
}

fn failure_of(why: Declined) -> (v1::StepFailure, &'static str) {
    match why {
        Declined::Ticket(Refused::Malformed) => (v1::StepFailure::TicketRefused, "malformed"),
        Declined::Ticket(Refused::Signature) => (v1::StepFailure::TicketRefused, "signature"),
        Declined::Ticket(Refused::OtherSite) => (v1::StepFailure::TicketRefused, "other_site"),
        Declined::Ticket(Refused::Expired) => (v1::StepFailure::TicketExpired, "expired"),
        Declined::Ticket(Refused::TargetDrift) => (v1::StepFailure::TargetDrift, "target_drift"),
        Declined::Ticket(Refused::Precondition) => (v1::StepFailure::Precondition, "precondition"),
        Declined::Ticket(Refused::Version { .. }) => (v1::StepFailure::Unsupported, "version"),
        Declined::Spent => (v1::StepFailure::TicketRefused, "approval_spent"),
        Declined::OtherSource => (v1::StepFailure::Unsupported, "other_source"),
        // The same for the control plane: nothing was done, and a new ticket may be signed.
        Declined::Busy => (v1::StepFailure::TicketExpired, "busy"),
    }
}

fn count(result: &'static str) {
    metrics::counter!("overseer_executor_tickets_refused_total", "result" => result).increment(1);
}
