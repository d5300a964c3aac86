//! How long a service keeps what passes through it: events sent, events seen, events parked.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use overseer_model::Timestamp;
use overseer_storage::{Db, StoreError, inbox, outbox, parked};

use crate::service::{Base, Task};

pub const DAY: Duration = Duration::from_secs(24 * 3600);

/// Events that were sent: longer than the bus keeps any, so that one that lost its data is given all that it would still
/// have.
pub const OUTBOX_KEPT: Duration = DAY.saturating_mul(31);
/// Events that were seen. One may be sent again as long as its outbox keeps it, and then lies on the bus as long as that
/// keeps it; or be parked, applied when it came again, and replayed as long as it is parked. Whoever forgot it by then
/// would apply it twice.
pub const INBOX_KEPT: Duration = DAY.saturating_mul(100);
/// Events that were given up. A person replays or drops them.
pub const PARKED_KEPT: Duration = DAY.saturating_mul(90);

/// Deletes once an hour what is too old.
pub fn task<F>(base: &Base, prune: impl Fn(Db, Timestamp) -> F + Send + 'static) -> Task
where
    F: Future<Output = Result<(), StoreError>> + Send,
{
    let (service, db, stop) = (base.service, base.db.clone(), base.stop.clone());
    Task::new("retention", async move {
        let mut hourly = tokio::time::interval(Duration::from_secs(3600));
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                _ = hourly.tick() => {
                    if let Err(error) = prune(db.clone(), Timestamp::now()).await {
                        tracing::warn!(%service, error = &error as &dyn Error, "expired rows could not be deleted");
                    }
                }
            }
        }
    })
}

/// # Errors
/// When the database refuses.
pub async fn prune(db: &Db, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    outbox::prune(&mut tx.conn(), now - OUTBOX_KEPT).await?;
    inbox::prune(&mut tx.conn(), now - INBOX_KEPT).await?;
    parked::prune(&mut tx.conn(), now - PARKED_KEPT).await?;
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use overseer_model::Stream;

    use super::*;

    #[test]
    fn what_was_seen_is_remembered_longer_than_it_can_come_again() {
        let bus_keeps = Stream::ALL.into_iter().filter_map(Stream::keeps).max().unwrap();
        assert!(OUTBOX_KEPT > bus_keeps, "a bus that lost its data is given all that it would have");
        assert!(INBOX_KEPT > OUTBOX_KEPT + bus_keeps);
        assert!(INBOX_KEPT > PARKED_KEPT, "a parked event that came again and was applied is not applied by a replay");
    }
}
