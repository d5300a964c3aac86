//! From events to deliveries: one row per target, in the transaction that marks the event as seen.

use async_trait::async_trait;
use overseer_contract::Event;
use overseer_model::Timestamp;
use overseer_runtime::{ApplyError, Consumer, first_time};
use overseer_storage::Db;

use crate::claims::Claimant;
use crate::notice::Notice;
use crate::sender::Desk;
use crate::store::{self, Sending};

pub struct Notify {
    pub db: Db,
    pub claimant: Claimant,
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
            let room = desk.room();
            let sending = if room.is_some() { Sending::At(self.claimant) } else { Sending::Later };
            let outgoing = store::insert(&mut tx.conn(), event.id, &desk.target, &notice, sending, now).await?;
            made.push((desk, room, outgoing));
        }
        tx.commit().await?;
        for (desk, room, outgoing) in made {
            desk.hand_over(room, outgoing);
        }
        Ok(())
    }
}
