//! Resolves incidents whose resource has been calm for the quiet period: after natural recovery nothing stays open.

use std::sync::Arc;
use std::time::Duration;

use overseer_model::{IncidentId, Timestamp};
use overseer_runtime::{ApplyError, Base, Task};
use tokio::sync::Notify;

use crate::incident::{self, IncidentEvent, Moment, MomentKind};
use crate::{detect, store, wire};

/// The longest wait between two looks, for what no message told.
const SWEEP: Duration = Duration::from_secs(60);

pub fn task(base: Base, quiet: Duration, changed: Arc<Notify>) -> Task {
    Task::new("quiet", async move {
        loop {
            let wait = match resolve_due(&base, quiet, Timestamp::now()).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "quiet incidents waiting to be resolved");
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

/// Resolves what is due, and says how long until the next may be. Only what is calm is read, by an index, however many
/// incidents are open.
async fn resolve_due(base: &Base, quiet: Duration, now: Timestamp) -> Result<Duration, ApplyError> {
    loop {
        let (due, next) = {
            let mut reader = base.db.reader().await?;
            store::calm(&mut reader.conn(), now - quiet).await?
        };
        if due.is_empty() {
            return Ok(next.map_or(SWEEP, |since| (since + quiet).since(now).min(SWEEP)));
        }
        for id in due {
            resolve(base, id, quiet, now).await?;
        }
    }
}

async fn resolve(base: &Base, id: IncidentId, quiet: Duration, now: Timestamp) -> Result<(), ApplyError> {
    let mut tx = base.db.begin_write().await?;
    // Read again under the write lock: a fact may have come in between.
    let Some(current) = store::by_id(&mut tx.conn(), id).await? else { return Ok(()) };
    let resource = current.incident.resource.key.clone();
    let states = store::states(&mut tx.conn(), &resource).await?;
    let calm = detect::calm_since(&states);
    let due = calm.filter(|since| now.since(*since) >= quiet);
    let next = due.and_then(|_| incident::advance(&current.incident, IncidentEvent::Calm, now));
    let Some(next) = next else {
        // Not calm for so long after all, or a step is under way: its own events come back to it.
        store::set_calm(&mut tx.conn(), &resource, calm).await?;
        return Ok(tx.commit().await?);
    };
    let moment = Moment { at: now, kind: MomentKind::Calm, evidence: Vec::new() };
    store::save(&mut tx.conn(), &next, &[moment], current.trace.as_ref()).await?;
    // What was resolved is no part of the next trouble.
    let cleared: Vec<_> = states.into_iter().map(detect::DetectorState::cleared).collect();
    store::save_states(&mut tx.conn(), &resource, &cleared, now).await?;
    wire::announce(&mut tx.conn(), &next, current.trace, now, &wire::resolved(&next)).await?;
    tx.commit().await?;
    base.relay.wake();
    Ok(())
}

#[cfg(test)]
mod tests {
    use overseer_model::{Epoch, Observation};
    use overseer_runtime::Consumer;
    use overseer_storage::Location;

    use super::*;
    use crate::facts::tests::{batch, consumer, told};

    #[tokio::test]
    async fn a_fact_that_came_between_the_look_and_the_lock_counts() {
        let folder = tempfile::tempdir().unwrap();
        let consumer = consumer(&Location::Sqlite { folder: folder.path().to_owned() }).await;
        let epoch = Epoch::fresh();
        consumer.apply(&batch(epoch, 1..=1)).await.unwrap();
        consumer.apply(&told(epoch, 2, 1, Observation::Start)).await.unwrap();
        let base = &consumer.base;
        let (open, _) = {
            let mut reader = base.db.reader().await.unwrap();
            store::calm(&mut reader.conn(), Timestamp::now()).await.unwrap()
        };
        let quiet = Duration::from_secs(600);
        // It was looked up as due, and then started anew.
        resolve(base, open[0], quiet, Timestamp::now()).await.unwrap();
        let mut reader = base.db.reader().await.unwrap();
        let (due, next) = store::calm(&mut reader.conn(), Timestamp::now() - quiet).await.unwrap();
        assert_eq!(due, []);
        assert!(next.is_some(), "nobody would ever look at it again");
    }
}
