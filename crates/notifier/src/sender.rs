//! Sends what one target is to be told; each target has a sender, so that a dead one holds up nobody else.
//!
//! A new delivery comes straight from the commit that made it, while there is room; the table is read at the start, for what
//! there was no room for, and for what another process left. Each is sent at least once: one that was sent but not recorded
//! is sent again, under the same id.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use overseer_model::{DeliveryId, Timestamp};
use overseer_storage::{Db, StoreError};
use ring::rand::SecureRandom;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{self, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::claims::{self, Claimant, LEASE};
use crate::config::Target;
use crate::delivery::{Patience, State, Step};
use crate::store::{self, Outgoing, Settled};

/// Requests to one target at once.
const AT_ONCE: usize = 8;
/// Wait after the database failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Where the consumer leaves new deliveries to one target.
pub struct Desk {
    pub target: String,
    room: Arc<Semaphore>,
    /// At most as many as there is room for.
    fresh: mpsc::UnboundedSender<(OwnedSemaphorePermit, Outgoing)>,
    /// Something is left to the table.
    left: Arc<Notify>,
}

impl Desk {
    /// Room for one delivery; `None` when the sender has all it can take.
    pub fn room(&self) -> Option<OwnedSemaphorePermit> {
        self.room.clone().try_acquire_owned().ok()
    }

    /// Hands over what was committed; what has no room is found in the table. A sender that is gone has left it to the next.
    pub fn hand_over(&self, room: Option<OwnedSemaphorePermit>, outgoing: Outgoing) {
        match room {
            Some(room) => drop(self.fresh.send((room, outgoing))),
            None => self.left.notify_one(),
        }
    }
}

pub struct Sender {
    attempts: Arc<Attempts>,
    room: Arc<Semaphore>,
    fresh: mpsc::UnboundedReceiver<(OwnedSemaphorePermit, Outgoing)>,
    left: Arc<Notify>,
    /// Each gives back its room, and when it is to be tried again.
    sending: JoinSet<(OwnedSemaphorePermit, Option<Timestamp>)>,
    /// What is being sent, or was sent and is being recorded. A claim that ends meanwhile is taken again by the next look.
    in_hand: HashMap<task::Id, DeliveryId>,
    /// When the table may have something to do.
    look_at: Timestamp,
}

/// What the attempts need.
struct Attempts {
    db: Db,
    claimant: Claimant,
    target: Target,
    patience: Patience,
    stop: CancellationToken,
}

/// The sender of one target, and the desk in front of it.
pub fn open(db: Db, claimant: Claimant, target: Target, patience: Patience, stop: CancellationToken) -> (Desk, Sender) {
    let (sender, fresh) = mpsc::unbounded_channel();
    let (room, left) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Notify::new()));
    let desk = Desk { target: target.name.clone(), room: room.clone(), fresh: sender, left: left.clone() };
    let attempts = Arc::new(Attempts { db, claimant, target, patience, stop });
    let (sending, in_hand, look_at) = (JoinSet::new(), HashMap::new(), Timestamp::default());
    (desk, Sender { attempts, room, fresh, left, sending, in_hand, look_at })
}

impl Sender {
    /// Runs until the service is stopped; requests on their way are finished and recorded first.
    pub async fn run(mut self) {
        let stop = self.attempts.stop.clone();
        loop {
            let wait = self.look_at.since(Timestamp::now());
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some((room, outgoing)) = self.fresh.recv() => self.begin(room, outgoing),
                Some(ended) = self.sending.join_next_with_id() => self.end(ended),
                () = self.left.notified() => self.look_by(Timestamp::now()),
                () = sleep(wait), if self.room.available_permits() > 0 => self.look().await,
            }
        }
        while self.sending.join_next().await.is_some() {}
        if let Err(error) = self.attempts.release().await {
            // They are free when their lease ends.
            tracing::warn!(error = &error as &dyn Error, "claims cannot be released; they expire");
        }
    }

    fn begin(&mut self, room: OwnedSemaphorePermit, outgoing: Outgoing) {
        let delivery = outgoing.id;
        if self.in_hand.values().any(|other| *other == delivery) {
            return;
        }
        let attempts = self.attempts.clone();
        let attempt = self.sending.spawn(async move { (room, attempts.make(outgoing).await) });
        self.in_hand.insert(attempt.id(), delivery);
    }

    fn end(&mut self, ended: Result<(task::Id, (OwnedSemaphorePermit, Option<Timestamp>)), JoinError>) {
        match ended {
            Ok((attempt, (_room, retry))) => {
                self.in_hand.remove(&attempt);
                if let Some(retry) = retry {
                    self.look_by(retry);
                }
            }
            // It stays pending, and is found when its claim has ended.
            Err(panic) => {
                self.in_hand.remove(&panic.id());
                tracing::error!(error = &panic as &dyn Error, "attempt panicked");
            }
        }
    }

    fn look_by(&mut self, due: Timestamp) {
        self.look_at = self.look_at.min(due);
    }

    /// Begins what is due, and learns when the next is. What another process leaves is found within a lease.
    async fn look(&mut self) {
        let mut rooms = Vec::new();
        while let Ok(room) = self.room.clone().try_acquire_owned() {
            rooms.push(room);
        }
        let now = Timestamp::now();
        match self.attempts.take(rooms.len(), now).await {
            Ok((taken, next)) => {
                self.look_at = next.map_or(now + LEASE, |next| next.min(now + LEASE));
                for (outgoing, room) in taken.into_iter().zip(rooms) {
                    self.begin(room, outgoing);
                }
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn Error, "pending deliveries cannot be read; retrying");
                self.look_at = now + STORE_PAUSE;
            }
        }
    }
}

async fn sleep(wait: Duration) {
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
}

impl Attempts {
    /// What is due and nobody else has in hand; and when the table has something to do after that.
    async fn take(&self, most: usize, now: Timestamp) -> Result<(Vec<Outgoing>, Option<Timestamp>), StoreError> {
        let taken = self.claimant.take(&self.db, &self.target.name, most, now).await?;
        let mut reader = self.db.reader().await?;
        Ok((taken, claims::next(&mut reader.conn(), &self.target.name).await?))
    }

    async fn release(&self) -> Result<(), StoreError> {
        self.claimant.release(&self.db, &self.target.name).await
    }

    /// One attempt and its record; gives when the next one is due.
    async fn make(&self, outgoing: Outgoing) -> Option<Timestamp> {
        let Outgoing { id, kind, .. } = &outgoing;
        let span = tracing::info_span!("delivery", delivery = %id, kind = kind.as_str(), receiver = self.target.name);
        self.attempt(outgoing).instrument(span).await
    }

    async fn attempt(&self, outgoing: Outgoing) -> Option<Timestamp> {
        let Outgoing { id, kind: _, body, attempts: read, due } = outgoing;
        let attempt = read.saturating_add(1);
        let result = self.target.door.post(&id.to_string(), &body, Timestamp::now()).await;
        let step = self.patience.judge(result.as_ref().copied(), attempt, luck(), Timestamp::now());
        let last_error = result.err().map(|failure| failure.to_string()).unwrap_or_default();
        report(step, attempt, &last_error);
        let state = State::Pending { due }.after(step)?;
        self.record(id, &Settled { state, attempts: attempt, last_error }).await;
        match state {
            State::Pending { due } => Some(due),
            State::Delivered { .. } | State::Dead { .. } => None,
        }
    }

    /// Tried until it succeeds: without it the receiver would be called again and again. Once the service is being
    /// stopped it is tried no more, and the next start sends again.
    async fn record(&self, id: DeliveryId, settled: &Settled) {
        while let Err(error) = self.try_record(id, settled).await {
            tracing::warn!(error = &error as &dyn Error, "attempt cannot be recorded; retrying");
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(STORE_PAUSE) => {}
            }
        }
    }

    async fn try_record(&self, id: DeliveryId, settled: &Settled) -> Result<(), StoreError> {
        let mut tx = self.db.begin_write().await?;
        if !store::settle(&mut tx.conn(), id, self.claimant, settled).await? {
            tracing::warn!("claim lost: another process makes this attempt");
        }
        tx.commit().await
    }
}

fn report(step: Step, attempt: u32, failure: &str) {
    let result = match step {
        Step::Accepted { .. } => "delivered",
        Step::Postponed { .. } => "retried",
        Step::GivenUp { .. } => "dead",
    };
    metrics::counter!("overseer_notifier_deliveries_total", "result" => result).increment(1);
    match step {
        Step::Accepted { .. } => tracing::info!(attempt, "notice delivered"),
        Step::Postponed { .. } => tracing::warn!(attempt, failure, "delivery failed; it will be retried"),
        Step::GivenUp { .. } => tracing::error!(attempt, failure, "delivery given up: check the receiver"),
    }
}

/// From 0 to 1. Without random numbers the retries only come closer together.
fn luck() -> f64 {
    let mut bytes = [0; 2];
    match ring::rand::SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX),
        Err(_) => 0.0,
    }
}
