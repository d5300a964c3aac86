//! Declared log files: read as they grow, through rotations, from where the last reader was.
//!
//! Promised, for a file that is only ever added to and rotated: each line once and in order, over restarts of this
//! process as well. A position is the file's device, inode and offset, and a hash of what is at its beginning and before
//! the offset; the hash decides, so a file is found again when it was renamed, copied or compressed to
//! `NAME.1`, `NAME-20261121`, `NAME.2.gz` and the like beside it. A line without end at the end of a file that was rotated
//! away is a line.
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

mod mark;
mod open;
mod tail;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use self::mark::Mark;
pub use self::open::OpenError;
use self::tail::{Doing, Tail};
use super::{Intake, Queues, Source, SourceKey, SourceState, States};
use crate::backoff::Backoff;

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
    root: PathBuf,
    /// Names from the root to the file.
    names: Vec<String>,
    limits: Limits,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFile {
    #[error("`{path}` is no place of a log file: write an absolute path in UTF-8, without `.` and `..`")]
    NotPlain { path: PathBuf },
    #[error("`{path}` is not below an allowed root: allow its folder, or move the log below one of {roots:?}")]
    Outside { path: PathBuf, roots: Vec<PathBuf> },
}

impl FileSource {
    /// Declares a file of a resource. The file need not exist yet; whether it can be read is seen when it is opened, each
    /// time anew.
    ///
    /// # Errors
    /// When the path is not plain, or below none of the roots.
    pub fn declare(resource: &str, path: &Path, roots: &[PathBuf], limits: Limits) -> Result<Self, BadFile> {
        let not_plain = || BadFile::NotPlain { path: path.to_owned() };
        let names = names(path).ok_or_else(not_plain)?;
        let text = path.to_str().ok_or_else(not_plain)?;
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
        let key = SourceKey::file(resource, text);
        Ok(Self { key, root: root.clone(), names: names.into_iter().skip(depth).collect(), limits })
    }

    #[must_use]
    pub fn key(&self) -> &SourceKey {
        &self.key
    }
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

/// Reads every declared file.
pub(crate) struct Files {
    intake: Intake,
    queues: Queues,
}

impl Files {
    pub fn new(intake: Intake, queues: Queues) -> Self {
        Self { intake, queues }
    }

    /// Reads until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        for file in &self.intake.files {
            let source = self.queues.source(file.key.clone());
            tasks.spawn(follow(file.clone(), source, self.intake.clone()));
        }
        stop.cancelled().await;
    }
}

async fn follow(file: FileSource, source: Source, intake: Intake) {
    let mark = stored_mark(&file, &intake).await;
    let mut tail = Tail::new(file.clone(), mark);
    let mut every = tokio::time::interval(POLL);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let of_a_look = (file.limits.bytes_per_second / 4).max(1);
    loop {
        every.tick().await;
        let mut left = of_a_look;
        while left > 0 {
            let looked = spawn_blocking(move || {
                let looked = tail.look(left, SystemTime::now());
                (tail, looked)
            });
            // It panics never, and is not cancelled.
            let Ok((back, looked)) = looked.await else { return };
            tail = back;
            tell(&file.key, &intake.states, &looked.doing);
            left = left.saturating_sub(looked.bytes);
            source.push(looked.entries).await;
            if looked.doing != Doing::Reading {
                break;
            }
        }
    }
}

/// Says what changed, once.
fn tell(key: &SourceKey, states: &States, doing: &Doing) {
    let state = match doing {
        Doing::Reading | Doing::Waiting => SourceState::Following,
        Doing::Missing => SourceState::Waiting { why: "the file does not exist".to_owned() },
        Doing::Refused { why } => SourceState::Refused { why: why.clone() },
    };
    if states.all().get(key) != Some(&state) {
        match &state {
            SourceState::Refused { why } | SourceState::Waiting { why } => {
                tracing::warn!(source = %key, why, "a log file is not read");
            }
            SourceState::Following | SourceState::Ended => tracing::info!(source = %key, "a log file is read"),
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
                    tracing::error!(error = &error as &dyn Error, "the position of a log file cannot be read");
                }
                backoff.wait().await;
            }
        }
    }
}
