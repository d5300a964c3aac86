//! Answers without an end of their own: live events and the streams of the contract. They are counted together, their
//! token is looked at again and again, since it may have been revoked, and none of them holds up the end.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, Stream, StreamExt};
use overseer_model::Permission;
use overseer_runtime::{Code, Problem, actor_has};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::answer::Refusal;
use crate::auth::{self, Auth, Credential};

/// How often an open stream's token is looked at again.
const RECHECK: Duration = auth::REMEMBER;

/// The places for streams. Clones are the same.
#[derive(Clone)]
pub(crate) struct Streams {
    places: Arc<Semaphore>,
    auth: Auth,
    stop: CancellationToken,
}

/// One open stream.
pub(crate) struct Lease {
    auth: Auth,
    credential: Credential,
    permission: Permission,
    recheck: Interval,
    stop: CancellationToken,
    _place: OwnedSemaphorePermit,
}

/// What comes next in a stream.
pub(crate) enum Next<T> {
    Item(T),
    /// It ends before its time; nothing comes after this.
    Cut(Problem),
}

impl Streams {
    pub(crate) fn new(most: u32, auth: Auth, stop: CancellationToken) -> Self {
        let places = Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS)));
        Self { places, auth, stop }
    }

    /// A place for a stream of a caller that was admitted.
    pub(crate) fn open(&self, credential: Credential, permission: Permission) -> Result<Lease, Refusal> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| Refusal::too_often("too many open streams"))?;
        let mut recheck = tokio::time::interval(RECHECK);
        // A reader that stalls owes one check afterwards, not all that it missed.
        recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (auth, stop) = (self.auth.clone(), self.stop.clone());
        Ok(Lease { auth, credential, permission, recheck, stop, _place: place })
    }
}

impl Lease {
    /// The stream for as long as its reader may read it, and up to its first problem.
    pub(crate) fn guard<T>(
        self,
        items: impl Stream<Item = Result<T, Problem>> + Send + Unpin,
    ) -> impl Stream<Item = Next<T>> + Send
    where
        T: Send,
    {
        stream::unfold(Some((self, items)), |open| async move {
            let (mut lease, mut items) = open?;
            let next = lease.next(&mut items).await?;
            Some(match next {
                Next::Item(_) => (next, Some((lease, items))),
                Next::Cut(_) => (next, None),
            })
        })
    }

    async fn next<T>(&mut self, items: &mut (impl Stream<Item = Result<T, Problem>> + Unpin)) -> Option<Next<T>> {
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Some(Next::Cut(being_stopped())),
                _ = self.recheck.tick() => {
                    if let Some(problem) = self.refused().await {
                        return Some(Next::Cut(problem));
                    }
                }
                item = items.next() => return item.map(|item| item.map_or_else(Next::Cut, Next::Item)),
            }
        }
    }

    /// Only a clear no ends a stream; an identity service that is away cannot have revoked anything.
    async fn refused(&self) -> Option<Problem> {
        if self.permission == Permission::Public {
            return None;
        }
        let verdict = match self.auth.caller(&self.credential).await {
            Ok(caller) => actor_has(caller.actor(), self.permission),
            Err(refusal) => Err(refusal.problem),
        };
        verdict.err().filter(|problem| matches!(problem.code, Code::Unauthenticated | Code::Forbidden))
    }
}

fn being_stopped() -> Problem {
    Problem::new(Code::Unavailable, "Overseer is stopping", "reconnect in a moment")
}
