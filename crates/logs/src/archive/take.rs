//! From a batch of the queues to what is stored of it: its lines redacted, with the signature of the event that each
//! belongs to, and what they count for.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use overseer_logstore::{Group, MarkKey, Nanos, Rank, Record, Signature};
use overseer_model::Timestamp;
use overseer_provider_port::{LONGEST_LINE, LogPosition};
use overseer_signatures::{Miner, Role};

use super::progress::{Mark, Progress};
use super::{ArchiveError, Days, Inner, Learned};
use crate::chronicle::{Counted, SignatureCount, Tally};
use crate::intake::{Batch, Line, SourceKey};

/// Lines of one source that stand together in a batch.
struct Run {
    lines: Range<usize>,
    workload: Arc<str>,
    days: Days,
}

/// What is stored of a line beside what the line itself says.
struct Kept {
    severity: Rank,
    signature: Signature,
    /// Instead of the line's own text, when that holds a secret.
    redacted: Option<Vec<u8>>,
}

/// A batch as it is stored.
pub(super) struct Prepared {
    runs: Vec<Run>,
    kept: Vec<Kept>,
    /// What the batch changes; kept only once the batch is.
    changed: HashMap<SourceKey, Progress>,
    counted: Vec<Counted>,
    marks: Vec<(SourceKey, LogPosition)>,
}

impl Inner {
    pub(super) fn accept(&self, batch: &Batch) -> Result<(), ArchiveError> {
        let mut learned = self.learned();
        let refused = learned.refused.take().filter(|refused| refused.is_of(batch));
        let prepared = refused.unwrap_or_else(|| self.prepare(&mut learned, batch));
        let mut groups: BTreeMap<Days, Vec<Record<'_>>> = BTreeMap::new();
        for (run, line, kept) in prepared.lines(batch) {
            groups.entry(run.days).or_default().push(kept.record(run, line));
        }
        let groups: Vec<(Group, Vec<Record<'_>>)> =
            groups.into_iter().map(|(days, records)| (days.group(), records)).collect();
        let groups: Vec<(&Group, &[Record<'_>])> =
            groups.iter().map(|(group, records)| (group, records.as_slice())).collect();
        let draft = self.tallies.draft(prepared.counted.clone());
        let mut marks = prepared.marks(&learned.sources);
        marks.extend(draft.marks.iter().cloned());
        let append = || self.store.append(&groups, &marks).map(drop);
        let told = prepared.lines(batch).map(|(run, line, kept)| kept.told(run, line));
        let appended = self.live.commit(append, told);
        if let Err(error) = appended {
            learned.refused = Some(prepared);
            return Err(error.into());
        }
        self.tallies.committed(draft);
        learned.unsaved += prepared.kept.len();
        learned.sources.extend(prepared.changed);
        Ok(())
    }

    fn prepare(&self, learned: &mut Learned, batch: &Batch) -> Prepared {
        let Learned { miner, sources, forms, .. } = learned;
        let mut changed: HashMap<SourceKey, Progress> = HashMap::new();
        let (mut runs, mut kept) = (Vec::new(), Vec::with_capacity(batch.lines.len()));
        let mut tally = Tally::default();
        for lines in batch.lines.chunk_by(|one, next| one.source == next.source) {
            let Some(source) = lines.first().map(|line| &line.source) else { continue };
            let progress =
                changed.entry(source.clone()).or_insert_with(|| sources.get(source).cloned().unwrap_or_default());
            let workload = self.workloads.of(source);
            let of = Of { workload: &workload, resource_id: source.container_id().unwrap_or_default() };
            let begin = kept.len();
            kept.extend(lines.iter().map(|line| self.keep(line, progress, miner, &of, &mut tally)));
            runs.push(Run { lines: begin..kept.len(), days: self.retention.of(&workload), workload });
        }
        let counted = tally.finish(|one| {
            forms.is_due(one).then(|| miner.signature(one.signature).map(|known| known.template).unwrap_or_default())
        });
        Prepared { runs, kept, changed, counted, marks: batch.marks.clone() }
    }

    fn keep(&self, line: &Line, progress: &mut Progress, miner: &mut Miner, of: &Of<'_>, tally: &mut Tally) -> Kept {
        let redacted = match self.redactor.redact_line(&mut progress.block, &line.text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(mut text) => {
                // A mark can be longer than the secret in its place, and what is too long would be refused for ever.
                text.truncate(LONGEST_LINE);
                Some(text)
            }
        };
        let text = redacted.as_deref().unwrap_or(&line.text);
        let (role, signature, severity) = progress.event(miner, text);
        let severity = Rank(severity as u8);
        if role == Role::Head {
            let at = Timestamp::from_micros(line.at.0.div_euclid(1_000));
            let Of { workload, resource_id } = *of;
            tally.count(&SignatureCount { workload, resource_id, signature, severity, first: at, last: at, count: 1 });
        }
        Kept { severity, signature: Signature(signature.0), redacted }
    }
}

/// Whose lines are taken.
struct Of<'a> {
    workload: &'a Arc<str>,
    resource_id: &'a str,
}

impl Kept {
    fn record<'a>(&'a self, run: &'a Run, line: &'a Line) -> Record<'a> {
        Record {
            time: Nanos(line.at.0),
            resource: &run.workload,
            instance: line.source.as_str(),
            stream: line.stream,
            severity: self.severity,
            signature: self.signature,
            text: self.redacted.as_deref().unwrap_or(&line.text),
        }
    }

    /// For those who follow.
    fn told(&self, run: &Run, line: &Line) -> overseer_logstore::Line {
        let Record { time, resource, instance, stream, severity, signature, text } = self.record(run, line);
        overseer_logstore::Line {
            time,
            group: run.days.group().into(),
            resource: resource.into(),
            instance: instance.into(),
            stream,
            severity,
            signature,
            text: text.to_vec(),
        }
    }
}

impl Prepared {
    /// The store refuses a batch whole, and it comes again as it was.
    fn is_of(&self, batch: &Batch) -> bool {
        self.kept.len() == batch.lines.len() && self.marks == batch.marks
    }

    /// Each line of the batch with what is kept of it.
    fn lines<'a>(&'a self, batch: &'a Batch) -> impl Iterator<Item = (&'a Run, &'a Line, &'a Kept)> {
        self.runs.iter().flat_map(move |run| {
            let lines = batch.lines.get(run.lines.clone()).unwrap_or_default();
            let kept = self.kept.get(run.lines.clone()).unwrap_or_default();
            lines.iter().zip(kept).map(move |(line, kept)| (run, line, kept))
        })
    }

    fn marks(&self, sources: &HashMap<SourceKey, Progress>) -> Vec<(MarkKey, Vec<u8>)> {
        let mark = |(source, position): &(SourceKey, LogPosition)| {
            let progress = self.changed.get(source).or_else(|| sources.get(source));
            let block = progress.map(|progress| progress.block).unwrap_or_default();
            (MarkKey(source.to_string()), Mark { position: *position, block }.to_bytes())
        };
        self.marks.iter().map(mark).collect()
    }
}
