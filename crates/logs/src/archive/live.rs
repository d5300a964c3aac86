//! Lines as they are committed, for those who follow.
//!
//! Nothing is kept while nobody follows. All who follow share one ring of batches, bounded in bytes; who is too slow for
//! it is told how many lines it missed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use overseer_logstore::Line;
use tokio::sync::watch;

/// Most bytes that wait for the slowest.
const RING: usize = 8 << 20;
/// What a line takes beside its text.
const OVERHEAD: usize = 256;

#[derive(Default)]
struct Ring {
    /// Oldest first.
    batches: VecDeque<Arc<Batch>>,
    bytes: usize,
    /// Lines that were told, ever.
    lines: u64,
    followers: usize,
}

struct Batch {
    /// Lines that were told before it.
    before: u64,
    lines: Vec<Line>,
    bytes: usize,
}

impl Batch {
    fn end(&self) -> u64 {
        self.before + self.lines.len() as u64
    }
}

#[derive(Default)]
pub(super) struct Live {
    /// Held while lines are committed.
    commits: Mutex<()>,
    ring: Mutex<Ring>,
    /// Wakes those who follow; holds [`Ring::lines`].
    told: watch::Sender<u64>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Live {
    /// Commits lines and tells them to who follows.
    pub fn commit<E>(
        &self,
        commit: impl FnOnce() -> Result<(), E>,
        lines: impl Iterator<Item = Line>,
    ) -> Result<(), E> {
        let _one = lock(&self.commits);
        commit()?;
        let mut ring = lock(&self.ring);
        if ring.followers > 0 {
            ring.push(lines.collect());
            self.told.send_replace(ring.lines);
        }
        Ok(())
    }

    /// Begins to follow. `look` sees what was committed before, and the follower gets what is committed after it.
    pub fn join<T, E>(self: &Arc<Self>, look: impl FnOnce() -> Result<T, E>) -> Result<(T, Follower), E> {
        let _none = lock(&self.commits);
        let seen = look()?;
        let mut ring = lock(&self.ring);
        ring.followers += 1;
        Ok((seen, Follower { live: self.clone(), told: self.told.subscribe(), next: ring.lines }))
    }
}

impl Ring {
    fn push(&mut self, lines: Vec<Line>) {
        let bytes = lines.iter().map(|line| line.text.len() + OVERHEAD).sum();
        let batch = Batch { before: self.lines, lines, bytes };
        self.lines = batch.end();
        self.bytes += bytes;
        self.batches.push_back(Arc::new(batch));
        while self.bytes > RING
            && let Some(oldest) = self.batches.pop_front()
        {
            self.bytes -= oldest.bytes;
        }
    }

    /// The batch that begins with this line, or the oldest behind it.
    fn from(&self, line: u64) -> Option<Arc<Batch>> {
        let at = self.batches.partition_point(|batch| batch.before < line);
        self.batches.get(at).cloned()
    }
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    Lines(Vec<Line>),
    /// So many lines came and went before they were asked for.
    Missed(u64),
}

/// One who follows.
pub(super) struct Follower {
    live: Arc<Live>,
    told: watch::Receiver<u64>,
    /// Lines that were told before the one that it waits for.
    next: u64,
}

impl Follower {
    /// What was committed next, of it the lines that are wanted.
    pub async fn next(&mut self, wants: impl Fn(&Line) -> bool) -> Received {
        loop {
            // In a flood there is always more.
            tokio::task::coop::consume_budget().await;
            self.told.mark_unchanged();
            let (batch, lines) = {
                let ring = lock(&self.live.ring);
                (ring.from(self.next), ring.lines)
            };
            // A batch alone can be larger than the ring.
            let begin = batch.as_ref().map_or(lines, |batch| batch.before);
            if begin > self.next {
                return Received::Missed(begin - std::mem::replace(&mut self.next, begin));
            }
            if let Some(batch) = batch {
                self.next = batch.end();
                return Received::Lines(batch.lines.iter().filter(|line| wants(line)).cloned().collect());
            }
            if self.told.changed().await.is_err() {
                // Nobody can tell any more; whoever follows ends with its service.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut ring = lock(&self.live.ring);
        ring.followers -= 1;
        if ring.followers == 0 {
            (ring.batches, ring.bytes) = (VecDeque::new(), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use overseer_logstore::{Group, Nanos, Rank, Signature, Stream};

    use super::*;

    fn line(number: i64, length: usize) -> Line {
        Line {
            time: Nanos(number),
            group: Group("group".to_owned()).into(),
            resource: "web".into(),
            instance: "container:1".into(),
            stream: Stream::Stdout,
            severity: Rank(0),
            signature: Signature(0),
            text: vec![b'x'; length],
        }
    }

    fn commit(live: &Live, numbers: std::ops::Range<i64>, length: usize) {
        let lines = numbers.map(|number| line(number, length));
        live.commit(|| Ok::<_, Infallible>(()), lines).unwrap();
    }

    fn join(live: &Arc<Live>) -> Follower {
        live.join(|| Ok::<_, Infallible>(())).unwrap().1
    }

    async fn numbers(follower: &mut Follower) -> Vec<i64> {
        match follower.next(|_| true).await {
            Received::Lines(lines) => lines.into_iter().map(|line| line.time.0).collect(),
            Received::Missed(lines) => panic!("{lines} were missed"),
        }
    }

    #[tokio::test]
    async fn each_follower_gets_every_line_that_came_after_it_and_nothing_is_kept_without_one() {
        let live = Arc::new(Live::default());
        commit(&live, 0..3, 10);
        assert!(lock(&live.ring).batches.is_empty());
        let mut early = join(&live);
        commit(&live, 3..5, 10);
        let mut late = join(&live);
        commit(&live, 5..6, 10);
        assert_eq!((numbers(&mut early).await, numbers(&mut early).await), (vec![3, 4], vec![5]));
        assert_eq!(numbers(&mut late).await, [5]);
        let waiting = tokio::spawn(async move { numbers(&mut late).await });
        tokio::task::yield_now().await;
        commit(&live, 6..7, 10);
        assert_eq!(waiting.await.unwrap(), [6]);
        drop(early);
        assert!(lock(&live.ring).batches.is_empty());
        let mut again = join(&live);
        commit(&live, 7..8, 10);
        assert_eq!(numbers(&mut again).await, [7]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_there_and_what_came_meet_without_a_gap_or_an_overlap() {
        const COUNT: i64 = 20_000;
        let (live, stored) = (Arc::new(Live::default()), Arc::new(Mutex::new(0)));
        let (committer, store) = (live.clone(), stored.clone());
        let committing = tokio::task::spawn_blocking(move || {
            for number in 0..COUNT {
                let commit = || {
                    *lock(&store) = number + 1;
                    Ok::<_, Infallible>(())
                };
                committer.commit(commit, std::iter::once(line(number, 1))).unwrap();
            }
        });
        let mut met = Vec::new();
        while !committing.is_finished() {
            let (seen, mut follower) = live.join(|| Ok::<_, Infallible>(*lock(&stored))).unwrap();
            met.push(seen);
            if seen < COUNT {
                assert_eq!(numbers(&mut follower).await, [seen]);
            }
        }
        assert!(met.iter().collect::<std::collections::BTreeSet<_>>().len() > 2, "{met:?}");
    }

    #[tokio::test]
    async fn who_is_too_slow_is_told_how_much_it_missed_and_goes_on() {
        let live = Arc::new(Live::default());
        let mut slow = join(&live);
        for batch in 0..100 {
            commit(&live, batch * 10..batch * 10 + 10, 100_000);
            assert!(lock(&live.ring).bytes <= RING);
        }
        let kept = lock(&live.ring).batches.len() as u64;
        assert!((1..9).contains(&kept));
        assert_eq!(slow.next(|_| true).await, Received::Missed(1000 - kept * 10));
        assert_eq!(numbers(&mut slow).await.len(), 10);
        commit(&live, 0..1, RING);
        assert_eq!(slow.next(|_| true).await, Received::Missed((kept - 1) * 10 + 1), "larger than the ring");
        commit(&live, 9..10, 1);
        assert_eq!(numbers(&mut slow).await, [9]);
    }

    #[test]
    fn what_was_not_committed_is_not_told() {
        let live = Arc::new(Live::default());
        let _follower = join(&live);
        assert!(live.commit(|| Err("the disk is full"), std::iter::once(line(1, 1))).is_err());
        assert!(lock(&live.ring).batches.is_empty());
    }
}
