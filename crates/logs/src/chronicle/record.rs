//! The loop that takes tallies to the tables and tells the bus what they say.
//!
//! A minute is told when it is over. What cannot wait is told at once: a signature that is new to its workload, the
//! first event of a minute that is at least as bad as a warning, the event that makes a burst.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::time::{Duration, Instant};

use overseer_contract::{BadEvent, Event, v1};
use overseer_model::Timestamp;
use overseer_runtime::{Backoff, Relay};
use overseer_signatures::SignatureId;
use overseer_storage::StoreError;
use tokio_util::sync::CancellationToken;

use super::baseline::{Baseline, LEARNED};
use super::retire::{Retire, RetireError};
use super::store::{self, Due, Merge, MinuteReport, Novelty, Over, Tallied};
use super::tally::{Counted, Minute, OTHERS, Tally, WARNING};
use crate::archive::ArchiveError;
use crate::wire;

/// How often minutes are looked at.
const EVERY: Duration = Duration::from_secs(1);
/// The least time between two rounds. The longer a round takes, the longer is the pause, up to [`EVERY`]: in a flood they
/// come less often, and are of more lines.
const PAUSE: Duration = Duration::from_millis(20);
const PAUSES: u32 = 4;
/// Tallies that are half of what may wait.
const MANY: usize = 32;
/// How long after its end, and after its last count, a minute may still get events before it is told.
const GRACE: Duration = Duration::from_secs(3);
/// Minutes told at once. An event with so many facts stays below what the bus carries.
const MOST: i64 = 500;
/// What happened longer ago is counted, but is no news.
const NEWS: Duration = Duration::from_secs(24 * 3600);
/// How long minutes are kept.
pub(super) const MINUTES_KEPT: Duration = Duration::from_secs(48 * 3600);
/// How long a signature is known that nobody logs.
pub(super) const SIGNATURES_KEPT: Duration = Duration::from_secs(90 * 24 * 3600);
const TIDY_EVERY: Duration = Duration::from_secs(3600);
/// Signatures of one workload that are counted one by one.
const OF_A_WORKLOAD: usize = 4_096;
/// All log facts of a site are one ordered row.
const KEY: &str = "log-signatures";

#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    #[error("the tables failed")]
    Store(#[from] StoreError),
    #[error("the archive failed")]
    Archive(#[from] ArchiveError),
    #[error("old lines could not be deleted")]
    Retire(#[from] RetireError),
    #[error("log facts cannot be serialized")]
    Event(#[from] BadEvent),
}

/// What is known of a workload.
#[derive(Debug)]
struct WorkloadRecord {
    signatures: HashSet<SignatureId>,
    /// The oldest event.
    since: Timestamp,
}

pub struct Recorder {
    retire: Retire,
    relay: Relay,
    known: HashMap<String, WorkloadRecord>,
    /// When the tables were last put in order and read.
    tidied: Option<Timestamp>,
}

impl Recorder {
    pub fn new(retire: Retire, relay: Relay) -> Self {
        Self { retire, relay, known: HashMap::new(), tidied: None }
    }

    /// Records until it is told to stop, and then what is there already.
    pub async fn run(mut self, now: impl Fn() -> Timestamp, stop: CancellationToken) {
        let mut every = tokio::time::interval(EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut backoff, mut pause) = (Backoff::default(), PAUSE);
        loop {
            let stopping = tokio::select! {
                biased;
                () = stop.cancelled() => true,
                _ = every.tick() => false,
                () = self.retire.archive.tallies().news() => {
                    if !self.is_urgent() {
                        continue;
                    }
                    stop.run_until_cancelled(tokio::time::sleep(pause)).await;
                    false
                }
            };
            let begun = Instant::now();
            let round = self.round(now()).await;
            pause = (begun.elapsed() * PAUSES).clamp(PAUSE, EVERY);
            if stopping {
                if let Err(error) = round {
                    tracing::warn!(error = &error as &dyn Error, "log counts left for the next start");
                }
                return;
            }
            match round {
                Ok(()) => backoff = Backoff::default(),
                Err(error) => {
                    if backoff.is_fresh() {
                        tracing::warn!(error = &error as &dyn Error, "log counts cannot be recorded; retrying");
                    }
                    stop.run_until_cancelled(backoff.wait()).await;
                }
            }
        }
    }

    /// Whether what waits cannot wait for the next look, or has little room left.
    fn is_urgent(&self) -> bool {
        let waiting = self.retire.archive.tallies().waiting();
        waiting.len() >= MANY || waiting.iter().flat_map(|one| one.counted.iter()).any(|one| self.is_news(one))
    }

    fn is_news(&self, one: &Counted) -> bool {
        one.severity >= WARNING || !self.is_known(one)
    }

    pub(super) async fn round(&mut self, now: Timestamp) -> Result<(), RecordError> {
        // Also after the clock was set back.
        let tidies = self.tidied.is_none_or(|at| now < at || now.since(at) >= TIDY_EVERY);
        if tidies {
            self.tidy(now).await?;
            self.tidied = Some(now);
        }
        self.apply(now).await?;
        while self.tell(now).await? {}
        if tidies {
            self.retire.round(now).await?;
        }
        Ok(())
    }

    /// Forgets what is old, and reads what is known.
    async fn tidy(&mut self, now: Timestamp) -> Result<(), RecordError> {
        store::prune(&self.retire.db, Minute::of(now - MINUTES_KEPT), now - SIGNATURES_KEPT).await?;
        store::watch_for_bursts(&self.retire.db, Minute(Minute::of(now).0 - LEARNED).begin()).await?;
        self.load().await?;
        let merges = self.merges(self.known.keys().map(String::as_str).collect()).await?;
        if !merges.is_empty() {
            store::merge(&self.retire.db, &merges).await?;
            self.load().await?;
        }
        Ok(())
    }

    async fn load(&mut self) -> Result<(), RecordError> {
        self.known.clear();
        for pair in store::pairs(&self.retire.db).await? {
            self.remember(&pair.workload, pair.signature, pair.first_seen);
        }
        Ok(())
    }

    fn remember(&mut self, workload: &str, signature: SignatureId, first: Timestamp) {
        let new = || WorkloadRecord { signatures: HashSet::new(), since: first };
        let known = self.known.entry(workload.to_owned()).or_insert_with(new);
        known.signatures.insert(signature);
        known.since = known.since.min(first);
    }

    /// Takes what waits to the tables.
    async fn apply(&mut self, now: Timestamp) -> Result<(), RecordError> {
        let waiting = self.retire.archive.tallies().waiting();
        let Some(upto) = waiting.last().map(|last| last.number) else { return Ok(()) };
        let tallies = || waiting.iter().flat_map(|waiting| waiting.counted.iter());
        // The miner may have merged them since they were counted.
        let ids: HashSet<SignatureId> = tallies().map(|one| one.signature).collect();
        let ids: Vec<SignatureId> = ids.into_iter().collect();
        let today: HashMap<_, _> = ids.iter().copied().zip(self.retire.archive.resolve(ids.clone()).await?).collect();
        let counted = self.sum(tallies().map(|one| (one, today.get(&one.signature).copied().unwrap_or(one.signature))));
        // What is new may be what several known ones have become.
        let new = counted.iter().filter(|one| !self.is_known(one)).map(|one| one.workload.as_str());
        let merges = self.merges(new.collect()).await?;
        let first = waiting.first().map_or(upto, |first| first.number);
        let applied = store::apply(&self.retire.db, &merges, &counted, Tallied { first, upto }, now).await?;
        self.retire.archive.tallies().applied(applied);
        if applied != upto {
            // A commit of which nobody heard had come through; the rest comes in the next round.
            self.load().await?;
            return Ok(());
        }
        for Merge { workload, from, .. } in &merges {
            if let Some(known) = self.known.get_mut(workload) {
                known.signatures.remove(from);
            }
        }
        for one in &counted {
            self.remember(&one.workload, one.signature, one.first_seen);
        }
        Ok(())
    }

    fn is_known(&self, one: &Counted) -> bool {
        self.known.get(&one.workload).is_some_and(|known| known.signatures.contains(&one.signature))
    }

    /// One count for each signature and minute. Beyond what is counted of a workload, signatures are counted together.
    fn sum<'a>(&self, tallies: impl Iterator<Item = (&'a Counted, SignatureId)>) -> Vec<Counted> {
        let (mut sum, mut new) = (Tally::default(), HashMap::<&str, HashSet<SignatureId>>::new());
        for (one, signature) in tallies {
            let known = self.known.get(&one.workload).map(|known| &known.signatures);
            if known.is_some_and(|known| known.contains(&signature)) {
                sum.add(one, signature);
                continue;
            }
            let new = new.entry(&one.workload).or_default();
            if known.map_or(0, HashSet::len) + new.len() < OF_A_WORKLOAD {
                new.insert(signature);
            }
            sum.add(one, if new.contains(&signature) { signature } else { OTHERS });
        }
        sum.counted()
    }

    /// Signatures of these workloads that turned out to be part of others.
    async fn merges(&self, workloads: HashSet<&str>) -> Result<Vec<Merge>, RecordError> {
        let mut merges = Vec::new();
        for workload in workloads {
            let Some(known) = self.known.get(workload) else { continue };
            let from: Vec<SignatureId> = known.signatures.iter().copied().collect();
            let into = self.retire.archive.resolve(from.clone()).await?;
            let merged = from.into_iter().zip(into).filter(|(from, into)| from != into);
            merges.extend(merged.map(|(from, into)| Merge { workload: workload.to_owned(), from, into }));
        }
        Ok(merges)
    }

    /// Tells what is due; whether there may be more.
    async fn tell(&self, now: Timestamp) -> Result<bool, RecordError> {
        let quiet_since = now - GRACE;
        let open = Minute::of(quiet_since);
        let over = Over { open, quiet_since, now, news: Minute::of(now - NEWS) };
        let due = store::due(&self.retire.db, over, MOST).await?;
        let full = i64::try_from(due.len()).is_ok_and(|due| due >= MOST);
        let told = judge(due, open);
        let facts: Vec<v1::LogSignatureFact> = told
            .iter()
            .filter(|told| now.since(told.due.minute.begin()) < NEWS)
            .map(|told| wire::log_fact(told, self.known.get(&told.due.workload).map(|known| known.since)))
            .collect();
        if told.is_empty() {
            return Ok(false);
        }
        let event = (!facts.is_empty())
            .then(|| Event::new(self.retire.site.clone(), KEY, now, None, &v1::LogSignatures { facts }))
            .transpose()?;
        store::tell(&self.retire.db, &told, event.as_ref()).await?;
        self.relay.wake();
        Ok(full)
    }
}

/// What each minute says beside what was usual before it. Minutes come in their order.
fn judge(due: Vec<Due>, open: Minute) -> Vec<MinuteReport> {
    let mut newest: HashMap<(String, SignatureId), Baseline> = HashMap::new();
    due.into_iter()
        .map(|due| {
            let usual = newest.entry((due.workload.clone(), due.signature)).or_insert(due.baseline);
            let before = usual.before(due.minute);
            let novelty = if Minute::of(due.known_since) == due.minute {
                Novelty::New
            } else if before.burst_at().is_some_and(|bar| due.seen >= bar) {
                Novelty::Burst
            } else {
                Novelty::Known
            };
            if due.minute < open {
                usual.measure(due.minute, due.seen);
            }
            MinuteReport { novelty, level: before.level(), baseline: *usual, due }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use overseer_signatures::public_form;

    use super::*;

    fn due(minute: i64, seen: i64, baseline: Baseline) -> Due {
        let at = Minute(minute).begin();
        Due {
            workload: "web".to_owned(),
            signature: SignatureId(7),
            minute: Minute(minute),
            resource_id: String::new(),
            severity: 0,
            first_seen: at,
            last_seen: at,
            seen,
            told: 0,
            form: public_form(""),
            known_since: Minute(100).begin(),
            baseline,
        }
    }

    #[test]
    fn minutes_are_judged_by_those_before_them() {
        let minutes = (100..140).map(|minute| due(minute, if minute == 130 { 100 } else { 3 }, Baseline::default()));
        let told = judge(minutes.collect(), Minute(139));
        let of = |wanted| {
            told.iter().filter(|told| told.novelty == wanted).map(|told| told.due.minute.0).collect::<Vec<_>>()
        };
        assert_eq!(of(Novelty::New), [100]);
        assert_eq!(of(Novelty::Burst), [130]);
        assert_eq!(told[38].baseline, told[39].baseline, "a minute that is not over is not measured");
        assert!((told[39].level - 214.0 / 39.0).abs() < 1e-9);
    }

    #[test]
    fn a_burst_is_told_while_its_minute_goes_on() {
        let usual = judge((100..120).map(|minute| due(minute, 3, Baseline::default())).collect(), Minute(120));
        let bar = usual[19].baseline.burst_at().unwrap();
        let novelty = |seen| judge(vec![due(120, seen, usual[19].baseline)], Minute(120))[0].novelty;
        assert_eq!((novelty(bar - 1), novelty(bar)), (Novelty::Known, Novelty::Burst));
    }
}
