//! One attempt from its intent to its end. What is found out is saved before the next thing is begun.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use overseer_model::{ResourceState, Timestamp, plain};
use overseer_permit::Permit;
use overseer_provider_act::{Act, ActError, DEADLINE};
use overseer_provider_port::Witness;
use overseer_runtime::{Relay, fault_point, telemetry};
use overseer_storage::StoreError;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::attempt::{Acted, Attempt, Finding, Phase};
use crate::ledger::{Claim, Ledger};
use crate::platform::{Platform, Sight};
use crate::probe::{Reality, SKEW};
use crate::{record, verification};

/// Most characters of a platform's own words that are passed on.
const REASON_CHARS: usize = 200;
/// Looks for the witness after an action, and the pause between them; later the verification looks anyway.
const LOOKS_AFTER: (u32, Duration) = (5, Duration::from_millis(500));
/// Between two tries to save: the first, doubled each time, up to the last.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// An attempt to carry on. Without a permit nothing can be done, only looked up.
pub struct Job {
    pub claim: Claim,
    pub attempt: Attempt,
    pub permit: Option<Permit>,
}

pub struct Worker {
    pub ledger: Ledger,
    pub relay: Relay,
    pub platform: Platform,
    pub act: Arc<dyn Act>,
    pub window: Duration,
    pub stop: CancellationToken,
}

impl Worker {
    pub async fn work(&self, job: Job) {
        let Job { claim, attempt, permit } = job;
        let span = tracing::info_span!("attempt", step = %attempt.claims.step, attempt = attempt.claims.attempt);
        telemetry::continue_trace(&span, attempt.trace.as_ref());
        self.carry_on(claim, attempt, permit).instrument(span).await;
    }

    async fn carry_on(&self, claim: Claim, mut attempt: Attempt, mut permit: Option<Permit>) {
        loop {
            let finding = match &attempt.phase {
                Phase::Intent => Some(self.may_call(&attempt, permit.as_ref())),
                Phase::Called { .. } => match permit.take() {
                    Some(permit) => self.call(&attempt, permit).await,
                    None => self.probe(&attempt).await,
                },
                Phase::Acted(acted) => self.verify(&attempt, acted).await,
                Phase::Verified { .. } | Phase::Failed { .. } | Phase::InDoubt { .. } => return,
            };
            if let Some(finding) = finding {
                match self.settle(claim, &attempt, finding).await {
                    Some(next) => attempt = next,
                    None => return,
                }
            } else if self.stop.is_cancelled() {
                return self.release(claim).await;
            }
        }
    }

    /// Whether the call is made. That it is, is written down before: who finds an intent alone knows that nothing was sent.
    fn may_call(&self, attempt: &Attempt, permit: Option<&Permit>) -> Finding {
        let not_done = |why: &str| Finding::NotDone { detail: format!("the executor {why}; nothing was done") };
        if permit.is_none() {
            not_done("was interrupted")
        } else if self.stop.is_cancelled() {
            not_done("is stopping")
        } else if Timestamp::now() >= attempt.act_by {
            not_done("was too slow")
        } else {
            Finding::Calling
        }
    }

    /// The one call. `None` when only reality knows what became of it.
    async fn call(&self, attempt: &Attempt, permit: Permit) -> Option<Finding> {
        // The adapter keeps the deadline; this is for one that does not.
        let called = tokio::time::timeout(DEADLINE + Duration::from_secs(1), self.act.carry_out(permit)).await;
        fault_point!("executor_acted");
        match called {
            Ok(Ok(())) => {
                let after = self.look_after(attempt).await;
                Some(Finding::Done(self.acted(after)))
            }
            Ok(Err(ActError::NotReached)) => {
                Some(Finding::NotDone { detail: "the platform is unreachable; nothing was done".into() })
            }
            Ok(Err(ActError::Refused { reason })) => Some(Finding::Refused { reason: plain(&reason, REASON_CHARS) }),
            Ok(Err(error @ ActError::Unknown { .. })) => {
                tracing::warn!(error = &error as &dyn Error, "probing the platform");
                None
            }
            Err(_) => {
                tracing::warn!("action exceeded its deadline; probing the platform");
                None
            }
        }
    }

    async fn look_after(&self, attempt: &Attempt) -> Option<Witness> {
        for _ in 0..LOOKS_AFTER.0 {
            match self.platform.look(attempt.target().id()).await.0 {
                Sight::Seen(snapshot) => return Some(snapshot.witness),
                Sight::Gone => {
                    return Some(Witness { state: ResourceState::Removed, started_at: None, restart_count: 0 });
                }
                Sight::Unasked => tokio::time::sleep(LOOKS_AFTER.1).await,
            }
        }
        None
    }

    fn acted(&self, after: Option<Witness>) -> Acted {
        let at = Timestamp::now();
        Acted { at, after, verify_until: at + self.window }
    }

    /// `None` when the process ends first.
    async fn probe(&self, attempt: &Attempt) -> Option<Finding> {
        let mut probe = attempt.effect().probe(attempt.before, attempt.act_by);
        let since = self.platform.clock().platform(attempt.intent_at) - SKEW;
        let decide = |sight: &Sight, seen: &[_], now| probe.take(sight, seen, now);
        let reality = self.platform.watch(attempt.target().id(), since, &self.stop, decide).await?;
        Some(match reality {
            Reality::Done { after } => Finding::Done(self.acted(Some(after))),
            Reality::Unclear { why } => Finding::Doubtful { doubt: why.into() },
        })
    }

    /// `None` when the process ends first.
    async fn verify(&self, attempt: &Attempt, acted: &Acted) -> Option<Finding> {
        let since = verification::since(acted, self.platform.clock(), SKEW);
        let effect = attempt.effect();
        let decide = |sight: &Sight, seen: &[_], now| effect.verify(acted, sight, seen, now);
        self.platform.watch(attempt.target().id(), since, &self.stop, decide).await.map(Finding::Judged)
    }

    /// Saves what was found, with its record and event. `None` when somebody else has the attempt now, or the process
    /// ends while the store is away.
    async fn settle(&self, claim: Claim, attempt: &Attempt, finding: Finding) -> Option<Attempt> {
        let at = Timestamp::now();
        let next = Attempt { phase: attempt.phase.after(finding, at)?, ..attempt.clone() };
        let mut pause = BACKOFF.0;
        loop {
            match self.save(claim, &next, at).await {
                Ok(true) => break,
                Ok(false) => {
                    tracing::warn!("attempt taken over by another process");
                    return None;
                }
                Err(error) => tracing::warn!(error = &error as &dyn Error, "saving a finding failed; retrying"),
            }
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(BACKOFF.1),
            }
        }
        announce(&next.phase);
        self.relay.wake();
        Some(next)
    }

    async fn save(&self, claim: Claim, next: &Attempt, at: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.ledger.db.begin_write().await?;
        if !self.ledger.save(&mut tx.conn(), claim, &next.phase).await? {
            return Ok(false);
        }
        record::phase(&mut tx.conn(), &self.ledger.site, next, at).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Lets the next process begin at once.
    async fn release(&self, claim: Claim) {
        if let Err(error) = self.ledger.renew(claim, Timestamp::from_micros(0)).await {
            tracing::debug!(error = &error as &dyn Error, "claim not released; it expires by itself");
        }
    }
}

/// After the commit: where a test lets the process die, what is counted, and what the log says.
fn announce(phase: &Phase) {
    let state = phase.state().as_str();
    match phase {
        Phase::Intent | Phase::Called { .. } => {}
        Phase::Acted(_) | Phase::Failed { .. } | Phase::InDoubt { .. } => {
            fault_point!("executor_outcome_written");
            metrics::counter!("overseer_executor_acts_total", "result" => state).increment(1);
            tracing::info!(outcome = state, "outcome recorded");
        }
        Phase::Verified { verification, .. } => {
            fault_point!("executor_verified_written");
            let verdict = verification.verdict.as_str();
            metrics::counter!("overseer_executor_verifications_total", "verdict" => verdict).increment(1);
            tracing::info!(verdict, "verifying the action");
        }
    }
}
