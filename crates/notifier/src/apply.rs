//! From events to deliveries: one row per target, in the transaction that marks the event as seen.

use async_trait::async_trait;
use overseer_contract::Event;
use overseer_model::Timestamp;
use overseer_runtime::{ApplyError, Consumer, first_time};
use overseer_storage::Db;

use crate::notice::Notice;
use crate::sender::Desk;
use crate::store;

pub struct Notify {
    pub db: Db,
    pub desks: Vec<Desk>,
}

#[async_trait]
impl Consumer for Notify {
    async fn apply(&self, event: &Event) -> Result<(), ApplyError> {
        let Some(notice) = Notice::of(event)? else { return Ok(()) };
        let Some(mut tx) = first_time(&self.db, event).await? else { return Ok(()) };
        let now = Timestamp::now();
        let mut made = Vec::with_capacity(self.desks.len());
        for desk in &self.desks {
            let outgoing = store::insert(&mut tx.conn(), event.id, &desk.target, &notice, now).await?;
            // Before the commit shows the row to the desk's sender.
            made.push((desk, desk.claims.take(outgoing.id), outgoing));
        }
        tx.commit().await?;
        for (desk, claim, outgoing) in made {
            if let Some(claim) = claim {
                desk.hand_over(claim, outgoing).await;
            }
        }
        Ok(())
    }
}
