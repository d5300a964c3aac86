//! The events that a reader has taken and not yet settled.
//!
//! JetStream delivers again what it heard nothing of for a while; as long as an event is in hand, also only waiting in
//! its lane, it is told that it is being worked on, and what still arrives twice is not put in its lane twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::AckKind;
use async_nats::{Client, Subject};
use overseer_contract::Event;
use overseer_model::EventId;

use crate::lanes::Settle;

#[derive(Clone)]
pub struct InHand {
    client: Client,
    held: Arc<Mutex<HashMap<EventId, Held>>>,
}

struct Held {
    /// Where to answer; one for each time the event was delivered by the present life of the consumer.
    replies: Vec<Subject>,
    /// Its place in the stream.
    sequence: u64,
}

impl InHand {
    pub fn new(client: Client) -> Self {
        Self { client, held: Arc::default() }
    }

    /// Whether the event was not in hand yet.
    pub fn take(&self, id: EventId, reply: Subject, sequence: u64) -> bool {
        let mut held = self.held();
        let new = !held.contains_key(&id);
        held.entry(id).or_insert(Held { replies: vec![], sequence }).replies.push(reply);
        new
    }

    pub fn len(&self) -> usize {
        self.held().len()
    }

    /// The consumer that delivered so far is gone. An answer to it would, sequences beginning anew, settle another
    /// event of its successor.
    pub fn forget_replies(&self) {
        for held in self.held().values_mut() {
            held.replies.clear();
        }
    }

    /// Says every `period` that work goes on. Never returns.
    pub async fn keep_alive(&self, period: Duration) {
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
        loop {
            ticks.tick().await;
            let replies: Vec<_> = self.held().values().flat_map(|held| held.replies.clone()).collect();
            self.answer(replies, AckKind::Progress).await;
        }
    }

    /// Lets what is left be delivered again at once, in its order.
    pub async fn give_back(&self) {
        let mut left: Vec<_> = self.held().drain().map(|(_, held)| held).collect();
        left.sort_by_key(|held| held.sequence);
        self.answer(left.into_iter().filter_map(|mut held| held.replies.pop()).collect(), AckKind::Nak(None)).await;
    }

    async fn answer(&self, replies: Vec<Subject>, answer: AckKind) {
        for reply in replies {
            // What the server does not hear leads to another delivery, which the inbox recognises.
            if let Err(error) = self.client.publish(reply, answer.into()).await {
                tracing::debug!(error = &error as &dyn std::error::Error, "acknowledgement not sent");
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<EventId, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Settle for InHand {
    async fn done(self, event: &Event) {
        let held = self.held().remove(&event.id);
        self.answer(held.map(|held| held.replies).unwrap_or_default(), AckKind::Ack).await;
    }
}
