//! Declared log files: read as they grow, through rotations, from where the last reader was.
//!
//! Promised, for a file that is only ever added to and rotated: each line once and in order, over restarts of this
//! process as well. A position is the file's device, inode and offset, and a hash of what is at its beginning and before
//! the offset; the hash decides, so a file is found again when it was renamed, copied or compressed to
//! `NAME.1`, `NAME-20261121`, `NAME.2.gz` and the like beside it. A line without end at the end of a file that was rotated
//! away is a line.
//!
//! Files are declared and removed while their readers run. One that is declared anew is read on where it was left.
//!
//! Not promised:
//! - `copytruncate` loses what is written between the copy and the truncation; nothing can be done about it here.
//! - A file that is emptied without a copy loses what was not read yet. A look every [`POLL`] bounds that.
//! - What is written to a file more than the `settle` time after it was renamed, once another stands in its place.
//! - A file that is emptied while nobody looks, and then begins with the very bytes that it had before, is taken for the
//!   one before.
//! - A process that starts anew counts the volume of the day anew.
//!
//! A source that is read faster than its rate allows waits; its file keeps the rest. Beyond its volume of a day, lines
//! are dropped and counted.

mod declared;
mod mark;
mod open;
mod tail;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::error::Error;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use overseer_logstore::MAX_NAME;
use overseer_runtime::Backoff;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

pub use self::declared::Declared;
use self::mark::Mark;
pub use self::open::OpenError;
use self::tail::{Doing, Tail};
use super::{Intake, Queues, Source, SourceKey, SourceState, States};

/// How often a file is looked at.
pub const POLL: Duration = Duration::from_millis(250);

/// What one file may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Reading waits beyond it.
    pub bytes_per_second: u64,
    /// Of one day in UTC; lines beyond it are dropped.
    pub bytes_per_day: u64,
    /// How long a renamed file must be unchanged to count as finished. Programs write to it until they are told of the
    /// rotation.
    pub settle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_per_second: 8 << 20, bytes_per_day: 8 << 30, settle: Duration::from_secs(2) }
    }
}

/// A file that its user declared, below a root that the operator allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSource {
    key: SourceKey,
    workload: String,
    root: PathBuf,
    /// Names from the root to the file.
    names: Vec<String>,
    limits: Limits,
}

/// Longest name of a workload that a person gives. Characters.
const LONGEST_WORKLOAD: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFile {
    #[error("invalid workload name: expected 1 to {LONGEST_WORKLOAD} characters, without `:` or invisible ones")]
    Workload,
    #[error("invalid path `{path}`: expected an absolute UTF-8 path without `.`, `..` or invisible characters")]
    NotPlain { path: PathBuf },
    #[error("path too long: workload and path together may have {} bytes", MAX_NAME - 6)]
    TooLong,
    #[error(
        "`{path}` is outside the allowed roots: add its folder to log_roots, or move the log below one of {roots:?}"
    )]
    Outside { path: PathBuf, roots: Vec<PathBuf> },
}

impl FileSource {
    /// Declares a file of a resource. The file need not exist yet; whether it can be read is seen when it is opened, each
    /// time anew.
    ///
    /// # Errors
    /// When the workload is no name, the path is not plain, or it is below none of the roots.
    pub fn declare(workload: &str, path: &Path, roots: &[PathBuf], limits: Limits) -> Result<Self, BadFile> {
        if !is_workload(workload) {
            return Err(BadFile::Workload);
        }
        let not_plain = || BadFile::NotPlain { path: path.to_owned() };
        let names = names(path).ok_or_else(not_plain)?;
        let text = path.to_str().filter(|text| is_visible(text)).ok_or_else(not_plain)?;
        let key = SourceKey::file(workload, text);
        // What the sink cannot name it would refuse for ever.
        if key.as_str().len() > MAX_NAME {
            return Err(BadFile::TooLong);
        }
        // The path as it was written must be what its components say: `/a/./b` is not.
        let is_plain = Path::new("/").join(names.iter().collect::<PathBuf>()).as_os_str() == path.as_os_str();
        if !is_plain {
            return Err(not_plain());
        }
        let below = |root: &&PathBuf| {
            names_of_root(root).is_some_and(|root| root.len() < names.len() && names.starts_with(&root))
        };
        let outside = || BadFile::Outside { path: path.to_owned(), roots: roots.to_vec() };
        let root = roots.iter().find(below).ok_or_else(outside)?;
        let depth = names_of_root(root).map_or(0, |root| root.len());
        let names = names.into_iter().skip(depth).collect();
        Ok(Self { key, workload: workload.to_owned(), root: root.clone(), names, limits })
    }

    #[must_use]
    pub fn key(&self) -> &SourceKey {
        &self.key
    }
    #[must_use]
    pub fn workload(&self) -> &str {
        &self.workload
    }
}

/// Without `:`, which ends the workload in the key of a source.
fn is_workload(text: &str) -> bool {
    let is_spaced = text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
    (1..=LONGEST_WORKLOAD).contains(&text.chars().count()) && is_visible(text) && !text.contains(':') && !is_spaced
}

fn is_visible(text: &str) -> bool {
    !text.contains(overseer_model::hides)
}

/// Whether files below this folder can be allowed.
#[must_use]
pub fn is_root(folder: &Path) -> bool {
    names_of_root(folder).is_some()
}

/// The names in an absolute path without `..`.
fn names(path: &Path) -> Option<Vec<String>> {
    let mut components = path.components();
    if components.next() != Some(Component::RootDir) {
        return None;
    }
    let name = |component: Component<'_>| match component {
        Component::Normal(name) => name.to_str().map(str::to_owned),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
    };
    components.map(name).collect()
}

/// `/` is no root: it would allow everything.
fn names_of_root(root: &Path) -> Option<Vec<String>> {
    names(root).filter(|names| !names.is_empty())
}

/// Sources that are not declared any more and whose place is still known, because lines of theirs may wait to be stored.
const LEFT: usize = 1_000;

/// Reads every file as long as it is declared.
pub(crate) struct Files {
    intake: Intake,
    queues: Queues,
    /// How each reader is told to end.
    readers: HashMap<SourceKey, CancellationToken>,
    tasks: JoinSet<(SourceKey, Option<Mark>)>,
    /// Where readers ended.
    left: VecDeque<(SourceKey, Mark)>,
}

impl Files {
    pub fn new(intake: Intake, queues: Queues) -> Self {
        Self { intake, queues, readers: HashMap::new(), tasks: JoinSet::new(), left: VecDeque::new() }
    }

    /// Reads until it is told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut declared = self.intake.files.watch();
        loop {
            let files = declared.borrow_and_update().clone();
            self.match_up(&files);
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(Ok((key, mark))) = self.tasks.join_next() => self.ended(key, mark),
                _changed = declared.changed() => {}
            }
        }
    }

    /// Begins and ends readers, so that those run whose files are declared.
    fn match_up(&mut self, files: &BTreeMap<SourceKey, FileSource>) {
        for (key, reader) in self.readers.iter().filter(|(key, _)| !files.contains_key(key)) {
            reader.cancel();
            self.intake.states.remove(key);
        }
        for (key, file) in files {
            // One that was declared anew before its reader ended begins after that.
            if !self.readers.contains_key(key) {
                let end = CancellationToken::new();
                self.readers.insert(key.clone(), end.clone());
                let left = self.left.iter().position(|(of, _)| of == key).and_then(|at| self.left.remove(at));
                let source = self.queues.source(key.clone());
                let mark = left.map(|(_, mark)| mark);
                self.tasks.spawn(follow(file.clone(), source, self.intake.clone(), mark, end));
            }
        }
    }

    fn ended(&mut self, key: SourceKey, mark: Option<Mark>) {
        self.readers.remove(&key);
        self.intake.states.remove(&key);
        self.intake.workloads.gone(&key);
        self.left.extend(mark.map(|mark| (key, mark)));
        if self.left.len() > LEFT {
            self.left.pop_front();
        }
    }
}

/// Reads a file until `end`; answers after which line that was.
async fn follow(
    file: FileSource,
    source: Source,
    intake: Intake,
    left: Option<Mark>,
    end: CancellationToken,
) -> (SourceKey, Option<Mark>) {
    intake.workloads.tell(&file.key, &file.workload);
    let mark = match left {
        Some(left) => Some(left),
        None => end.run_until_cancelled(stored_mark(&file, &intake)).await.flatten(),
    };
    let mut tail = Tail::new(file.clone(), mark);
    let mut every = tokio::time::interval(POLL);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let of_a_look = (file.limits.bytes_per_second / 4).max(1);
    while end.run_until_cancelled(every.tick()).await.is_some() {
        let mut left = of_a_look;
        while left > 0 {
            let looked = spawn_blocking(move || {
                let looked = tail.look(left, SystemTime::now());
                (tail, looked)
            });
            // It panics never, and is not cancelled.
            let Ok((back, looked)) = looked.await else { return (file.key, None) };
            tail = back;
            if !end.is_cancelled() {
                tell(&file.key, &intake.states, &looked.doing);
            }
            left = left.saturating_sub(looked.bytes);
            // What was read is given, so that the mark holds.
            source.push(looked.entries).await;
            if looked.doing != Doing::Reading || end.is_cancelled() {
                break;
            }
        }
    }
    (file.key, tail.mark())
}

/// Says what changed, once.
fn tell(key: &SourceKey, states: &States, doing: &Doing) {
    let state = match doing {
        Doing::Reading | Doing::Waiting => SourceState::Following,
        Doing::Missing => SourceState::Waiting { why: "the file does not exist".to_owned() },
        Doing::Refused { why } => SourceState::Refused { why: why.clone() },
    };
    if states.of(key).as_ref() != Some(&state) {
        match &state {
            SourceState::Refused { why } | SourceState::Waiting { why } => {
                tracing::warn!(source = %key, why, "log file is not read");
            }
            SourceState::Following | SourceState::Ended => tracing::info!(source = %key, "reading log file"),
        }
        states.set(key, state);
    }
}

async fn stored_mark(file: &FileSource, intake: &Intake) -> Option<Mark> {
    let mut backoff = Backoff::default();
    loop {
        match intake.positions.position(&file.key).await {
            Ok(position) => return position.and_then(|position| Mark::read(&position)),
            Err(error) => {
                if backoff.is_fresh() {
                    tracing::error!(error = &error as &dyn Error, "position of a log file cannot be read");
                }
                backoff.wait().await;
            }
        }
    }
}
