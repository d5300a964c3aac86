//! The archive's folder: segments, lines that are in none yet, what the miner learned, and the key of redaction's marks.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use overseer_logstore::{Config, Objects, OpenReport, Store, StoreError};
use overseer_redaction::{CorrelationKey, Redactor};
use overseer_runtime::SecretError;
use overseer_signatures::{Miner, State};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::task::JoinError;

use super::{Archive, Inner, Learned, Retention, Tallies};
use crate::chronicle::Signer;
use crate::intake::Workloads;

const MINER: &str = "signatures.json";
const SIGNING_KEY: &str = "summaries.key";
const KEY: &str = "redaction.key";
/// Lines that are in memory until they are sealed. Bytes.
const UNSEALED: usize = 64 << 20;

/// The archive cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("log store failed")]
    Store(#[from] StoreError),
    #[error("`{path}` cannot be used: is the disk full, or owned by another user?", path = path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the stored position of `{source_key}` has another version: remove the log store, or run that version")]
    BadMark { source_key: String },
    #[error("a task of the archive ended early")]
    Ended(#[from] JoinError),
    #[error("the access key of the log bucket cannot be used")]
    Key(#[from] SecretError),
    #[error("set both or neither of `access_key_id` and `secret_access_key_file` in [collector.log_bucket]")]
    HalfOfAKey,
    #[error("the access key of the log bucket is not UTF-8")]
    KeyIsNoText,
    #[error("the system's random number generator failed")]
    NoRandom,
    #[error("log counts cannot be recorded; lines are waiting")]
    NoRoom,
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> ArchiveError {
    let path = path.to_owned();
    move |source| ArchiveError::File { path, source }
}

impl Archive {
    /// Opens the archive in a folder, which is made if need be, with its segments in `segments`. `applied` is the number of the last tally that is in the
    /// tables. Blocks.
    ///
    /// # Errors
    /// When the folder cannot be used, or another process uses it.
    pub fn open(
        folder: &Path,
        segments: Objects,
        workloads: Workloads,
        retention: Retention,
        applied: u64,
    ) -> Result<Self, ArchiveError> {
        fs::create_dir_all(folder).map_err(at(folder))?;
        let config = Config { unsealed_bytes: UNSEALED, ..Config::default() };
        let (store, report) = Store::open(&folder.join("open"), segments, config)?;
        tell(&report);
        let tallies = Tallies::load(&store, applied)?;
        let redactor = Redactor::new(CorrelationKey::new(&secret(&folder.join(KEY))?));
        let learned = Mutex::new(Learned { miner: load_miner(folder), ..Learned::default() });
        Ok(Self(Arc::new(Inner {
            store,
            redactor,
            workloads,
            retention,
            learned,
            tallies,
            live: Arc::default(),
            folder: folder.to_owned(),
        })))
    }
}

/// What summaries of logs are signed with, made at the first start. Blocks.
///
/// # Errors
/// When the folder cannot be used.
pub fn summary_signer(folder: &Path) -> Result<Signer, ArchiveError> {
    fs::create_dir_all(folder).map_err(at(folder))?;
    Signer::from_seed(&secret(&folder.join(SIGNING_KEY))?).ok_or(ArchiveError::NoRandom)
}

fn tell(report: &OpenReport) {
    for aside in &report.aside {
        tracing::error!(segment = aside.name, why = aside.why, "log segment cannot be read; skipped");
    }
    for path in &report.damaged {
        tracing::error!(path = %path.display(), "write-ahead file damaged: unsealed log lines may be missing");
    }
}

/// The random bytes of a key, made at the first start. Only their owner may read them.
fn secret(path: &Path) -> Result<[u8; 32], ArchiveError> {
    let mut bytes = [0; 32];
    match File::open(path) {
        Ok(mut file) => file.read_exact(&mut bytes).map_err(at(path))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            SystemRandom::new().fill(&mut bytes).map_err(|_| ArchiveError::NoRandom)?;
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(at(path))?;
            file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(at(path))?;
        }
        Err(error) => return Err(at(path)(error)),
    }
    Ok(bytes)
}

/// What was learned before. A damaged file costs only time: ids are made of the lines, so that the same come again.
fn load_miner(folder: &Path) -> Miner {
    let path = folder.join(MINER);
    let read = fs::read(&path).map_err(|error| Box::new(error) as Box<dyn Error>);
    let miner = read.and_then(|bytes| Ok(Miner::restore(serde_json::from_slice::<State>(&bytes)?)?));
    miner.unwrap_or_else(|error| {
        if path.exists() {
            tracing::warn!(error = &*error as &dyn Error, path = %path.display(), "signature state discarded; learning anew");
        }
        Miner::default()
    })
}

/// Writes down what was learned, whole or not at all.
pub(super) fn save_miner(folder: &Path, state: &State) -> Result<(), ArchiveError> {
    let (path, new) = (folder.join(MINER), folder.join("signatures.json.new"));
    let bytes = serde_json::to_vec(state).map_err(|error| at(&path)(error.into()))?;
    let mut file = File::create(&new).map_err(at(&new))?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(at(&new))?;
    fs::rename(&new, &path).map_err(at(&path))
}
