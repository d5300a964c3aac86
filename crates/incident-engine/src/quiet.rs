//! Resolves incidents whose resource has been calm for the quiet period: after natural recovery nothing stays open.

use std::sync::Arc;
use std::time::Duration;

use overseer_model::Timestamp;
use overseer_runtime::{ApplyError, Base, Task};
use tokio::sync::Notify;

use crate::incident::{self, Event as Move, Moment, What};
use crate::{detect, store, wire};

/// The longest wait between two looks, for what no message told.
const SWEEP: Duration = Duration::from_secs(60);

pub fn task(base: Base, quiet: Duration, changed: Arc<Notify>) -> Task {
    Task::new("quiet", async move {
        loop {
            let wait = match resolve_due(&base, quiet, Timestamp::now()).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "calm incidents wait to be resolved");
                    Duration::from_secs(5)
                }
            };
            tokio::select! {
                biased;
                () = base.stop.cancelled() => return Ok(()),
                () = changed.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    })
}

/// Resolves what is due, and says how long until the next may be.
async fn resolve_due(base: &Base, quiet: Duration, now: Timestamp) -> Result<Duration, ApplyError> {
    let open = {
        let mut reader = base.db.reader().await?;
        store::open(&mut reader.conn()).await?
    };
    let mut wait = SWEEP;
    for kept in open {
        let mut reader = base.db.reader().await?;
        let history = store::history(&mut reader.conn(), &kept.incident.resource.id).await?;
        drop(reader);
        let Some(since) = detect::calm_since(&history) else { continue };
        let calm = now.since(since);
        if calm < quiet {
            wait = wait.min(quiet - calm);
        } else {
            resolve(base, &kept, since, now).await?;
        }
    }
    Ok(wait)
}

async fn resolve(base: &Base, kept: &store::Kept, since: Timestamp, now: Timestamp) -> Result<(), ApplyError> {
    let mut tx = base.db.begin_write().await?;
    // Read again under the write lock: a fact may have come in between.
    let Some(current) = store::by_id(&mut tx.conn(), kept.incident.id).await? else { return Ok(()) };
    let resource = &current.incident.resource.id;
    let history = store::history(&mut tx.conn(), resource).await?;
    if detect::calm_since(&history) != Some(since) {
        return Ok(());
    }
    let Some(next) = incident::advance(&current.incident, Move::Calm, now) else { return Ok(()) };
    let moment = Moment { at: now, what: What::Calm, evidence: Vec::new() };
    store::save(&mut tx.conn(), &next, &[moment], current.trace.as_ref()).await?;
    // What was resolved is no part of the next trouble.
    let calm = detect::History { exits: Vec::new(), ..history };
    store::save_history(&mut tx.conn(), resource, &calm).await?;
    wire::announce(&mut tx.conn(), &next, current.trace, now, &wire::resolved(&next)).await?;
    tx.commit().await?;
    base.relay.wake();
    Ok(())
}
