//! Who works on the attempts of this process: a task for each, its claim renewed while it works. What another process
//! left is taken over, at the start and whenever a claim has ended.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use overseer_model::Timestamp;
use overseer_storage::StoreError;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::attempt::Attempt;
use crate::ledger::{Claim, LEASE, Ledger};
use crate::work::{Job, Worker};

/// Between two rounds of renewing and taking over; several fit into a lease.
const ROUND: Duration = Duration::from_secs(2);

pub struct Crew {
    worker: Arc<Worker>,
    ledger: Ledger,
    queue: mpsc::UnboundedReceiver<Job>,
    working: JoinSet<()>,
    claims: HashMap<Id, Claim>,
}

impl Crew {
    pub fn new(worker: Worker, ledger: Ledger, queue: mpsc::UnboundedReceiver<Job>) -> Self {
        Self { worker: Arc::new(worker), ledger, queue, working: JoinSet::new(), claims: HashMap::new() }
    }

    /// Carries on with `left`, what was unfinished when this process started, and works until `stop` fires; a call already made is finished and its outcome saved, everything else is durable.
    pub async fn run(mut self, left: Vec<(Claim, Attempt)>, stop: CancellationToken) {
        self.resume(left);
        let mut rounds = tokio::time::interval(ROUND);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !(stop.is_cancelled() && self.working.is_empty() && self.queue.is_empty()) {
            tokio::select! {
                biased;
                Some(job) = self.queue.recv() => self.put_to_work(job),
                Some(ended) = self.working.join_next_with_id(), if !self.working.is_empty() => {
                    self.forget(ended);
                }
                _ = rounds.tick() => {
                    if let Err(error) = self.round(stop.is_cancelled()).await {
                        tracing::warn!(error = &error as &dyn Error, "claims cannot be renewed; retrying");
                    }
                }
                () = stop.cancelled(), if !stop.is_cancelled() => {}
            }
        }
    }

    fn put_to_work(&mut self, job: Job) {
        let (worker, claim) = (self.worker.clone(), job.claim);
        let task = self.working.spawn(async move { worker.work(job).await });
        self.claims.insert(task.id(), claim);
    }

    fn resume(&mut self, left: Vec<(Claim, Attempt)>) {
        for (claim, attempt) in left {
            tracing::info!(step = %attempt.claims.step, attempt = attempt.claims.attempt, "attempt resumed");
            self.put_to_work(Job { claim, attempt, permit: None });
        }
    }

    fn forget(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                let id = error.id();
                tracing::error!(error = &error as &dyn Error, "attempt interrupted; resuming");
                id
            }
        };
        self.claims.remove(&id);
    }

    /// Renews first, so that nothing of its own looks left.
    async fn round(&mut self, ending: bool) -> Result<(), StoreError> {
        let now = Timestamp::now();
        for claim in self.claims.values() {
            self.ledger.renew(*claim, now + LEASE).await?;
        }
        if !ending {
            let left = self.ledger.take_over(now).await?;
            self.resume(left);
        }
        Ok(())
    }
}
