//! Sends what one target is to be told; each target has a sender, so that a dead one holds up nobody else.
//!
//! A new delivery comes straight from the commit that made it; the table is read at the start, and for what there was
//! no room for. Each is sent at least once: one that was sent but not recorded is sent again, under the same id. One
//! process sends for one store; two would both send what is pending when they start.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use overseer_model::{DeliveryId, Timestamp};
use overseer_storage::{Db, StoreError};
use ring::rand::SecureRandom;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::claims::{Claim, Claims};
use crate::config::Target;
use crate::delivery::{Patience, State, Step};
use crate::store::{self, Outgoing, Settled};

/// Requests to one target at once.
const AT_ONCE: usize = 8;
/// New deliveries that wait to be taken, which happens at once unless the database stalls the sender.
const QUEUE: usize = 64;
/// Rows read at once; there may be more after so many.
const LOOK: usize = 64;
/// Wait after the database failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Where the consumer leaves new deliveries to one target.
pub struct Desk {
    pub target: String,
    pub claims: Claims,
    fresh: mpsc::Sender<(Claim, Outgoing)>,
}

impl Desk {
    /// Hands over what was committed. The sender takes it without waiting for its receiver; it is gone only at the
    /// end, and then the next start finds the row.
    pub async fn hand_over(&self, claim: Claim, outgoing: Outgoing) {
        let _gone = self.fresh.send((claim, outgoing)).await;
    }
}

pub struct Sender {
    attempts: Arc<Attempts>,
    claims: Claims,
    fresh: mpsc::Receiver<(Claim, Outgoing)>,
    /// A claim ends when the loop sees the attempt's end, never while it looks into the table: what the table showed
    /// before an attempt was recorded must not be sent.
    sending: JoinSet<(Claim, Option<Timestamp>)>,
    /// When the table has something to do again.
    look_at: Option<Timestamp>,
}

/// What the attempts need.
struct Attempts {
    db: Db,
    target: Target,
    patience: Patience,
    stop: CancellationToken,
}

/// The sender of one target, and the desk in front of it.
pub fn open(db: Db, target: Target, patience: Patience, stop: CancellationToken) -> (Desk, Sender) {
    let (sender, fresh) = mpsc::channel(QUEUE);
    let claims = Claims::default();
    let desk = Desk { target: target.name.clone(), claims: claims.clone(), fresh: sender };
    let attempts = Arc::new(Attempts { db, target, patience, stop });
    (desk, Sender { attempts, claims, fresh, sending: JoinSet::new(), look_at: Some(Timestamp::default()) })
}

impl Sender {
    /// Runs until the service is stopped; requests on their way are finished and recorded first.
    pub async fn run(mut self) {
        let stop = self.attempts.stop.clone();
        loop {
            let wait = self.until_look();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some((claim, outgoing)) = self.fresh.recv() => self.begin(claim, outgoing),
                Some(ended) = self.sending.join_next() => match ended {
                    Ok((_done, retry)) => self.look_by(retry),
                    // It stays pending; the next look finds it.
                    Err(panic) => tracing::error!(error = &panic as &dyn Error, "an attempt ended by a panic"),
                },
                () = sleep(wait), if wait.is_some() => self.look().await,
            }
        }
        while self.sending.join_next().await.is_some() {}
    }

    /// Without room, a delivery is left to the table.
    fn begin(&mut self, claim: Claim, outgoing: Outgoing) {
        if self.has_room() {
            let attempts = self.attempts.clone();
            self.sending.spawn(async move { (claim, attempts.make(outgoing).await) });
        } else {
            self.look_by(Some(outgoing.due));
        }
    }

    fn has_room(&self) -> bool {
        self.sending.len() < AT_ONCE
    }

    fn look_by(&mut self, due: Option<Timestamp>) {
        self.look_at = self.look_at.into_iter().chain(due).min();
    }

    /// `None` while there is nothing to look for, or no room for what would be found.
    fn until_look(&self) -> Option<Duration> {
        self.look_at.filter(|_| self.has_room()).map(|due| due.since(Timestamp::now()))
    }

    /// Begins what is due, and learns when the next one is.
    async fn look(&mut self) {
        self.look_at = None;
        let found = match self.attempts.pending().await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(error = &error as &dyn Error, "pending deliveries cannot be read now");
                return self.look_by(Some(Timestamp::now() + STORE_PAUSE));
            }
        };
        let now = Timestamp::now();
        self.look_by(next_look(&found, now));
        for outgoing in found.into_iter().filter(|outgoing| outgoing.due <= now) {
            if let Some(claim) = self.claims.take(outgoing.id) {
                self.begin(claim, outgoing);
            }
        }
    }
}

/// When the table has something to do after what was found, which is in the order of its dues.
fn next_look(found: &[Outgoing], now: Timestamp) -> Option<Timestamp> {
    let waiting = found.iter().find(|outgoing| outgoing.due > now);
    let more = found.last().filter(|_| found.len() >= LOOK);
    waiting.or(more).map(|outgoing| outgoing.due)
}

async fn sleep(wait: Option<Duration>) {
    if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
        tokio::time::sleep(wait).await;
    }
}

impl Attempts {
    async fn pending(&self) -> Result<Vec<Outgoing>, StoreError> {
        let mut reader = self.db.reader().await?;
        store::pending(&mut reader.conn(), &self.target.name, LOOK).await
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
        self.record(id, read, &Settled { state, attempts: attempt, last_error }).await;
        match state {
            State::Pending { due } => Some(due),
            State::Delivered { .. } | State::Dead { .. } => None,
        }
    }

    /// Tried until it succeeds: without it the receiver would be called again and again. Once the service is being
    /// stopped it is tried no more, and the next start sends again.
    async fn record(&self, id: DeliveryId, read: u32, settled: &Settled) {
        while let Err(error) = self.try_record(id, read, settled).await {
            tracing::warn!(error = &error as &dyn Error, "an attempt cannot be recorded now");
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(STORE_PAUSE) => {}
            }
        }
    }

    async fn try_record(&self, id: DeliveryId, read: u32, settled: &Settled) -> Result<(), StoreError> {
        let mut tx = self.db.begin_write().await?;
        if !store::settle(&mut tx.conn(), id, read, settled).await? {
            tracing::warn!("another process recorded an attempt of this delivery: run one notifier per store");
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
        Step::Accepted { .. } => tracing::info!(attempt, "a notice was delivered"),
        Step::Postponed { .. } => tracing::warn!(attempt, failure, "a notice is tried again"),
        Step::GivenUp { .. } => tracing::error!(attempt, failure, "a notice was given up: see to its receiver"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::Kind;

    #[test]
    fn looks_again_when_something_is_due_and_not_before() {
        let now = Timestamp::from_micros(100);
        let look = |dues: &[i64]| {
            let outgoing = |due: &i64| Outgoing {
                id: DeliveryId::fresh(),
                kind: Kind::StepFailed,
                body: String::new(),
                attempts: 1,
                due: Timestamp::from_micros(*due),
            };
            next_look(&dues.iter().map(outgoing).collect::<Vec<_>>(), now).map(Timestamp::micros)
        };
        assert_eq!(look(&[]), None);
        assert_eq!(look(&[1, 100]), None);
        assert_eq!(look(&[1, 101, 500]), Some(101));
        assert_eq!(look(&[7; LOOK]), Some(7));
        assert_eq!(look(&[500; LOOK]), Some(500));
    }
}
