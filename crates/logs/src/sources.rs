//! The files that people declared as logs: kept in a table, told to their readers, listed beside the containers.
//!
//! The table is the truth; the readers follow it. A change is written to the audit chain in the transaction that makes
//! it. A file whose folder is not allowed any more stays declared, is refused and not read.

mod store;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::HashMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use overseer_model::{LogSourceId, Timestamp};
use overseer_runtime::{BuildError, Code, Page, Problem};
use overseer_storage::{Db, StoreError, audit};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use tokio::sync::Mutex;

use crate::archive::{Days, Retention};
use crate::intake::files::{BadFile, Declared, FileSource, Limits, is_root};
use crate::intake::{Report, SourceKey, SourceState, States, Workloads};
use store::Row;

/// Most files that can be declared: each is looked at four times a second.
const MOST: i64 = 1_000;
/// What a page token cannot hold as it is.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// A source as it is listed.
#[derive(Clone, Debug)]
pub struct Source {
    /// Of a declared file.
    pub id: Option<LogSourceId>,
    pub workload: Arc<str>,
    pub key: SourceKey,
    pub report: Report,
    /// How long its lines are kept.
    pub keep: Days,
}

/// Who asks for a change.
pub struct By(pub String);

/// Clones are the same.
#[derive(Clone)]
pub struct Sources(Arc<Inner>);

struct Inner {
    db: Db,
    roots: Vec<PathBuf>,
    files: Declared,
    states: States,
    workloads: Workloads,
    retention: Retention,
    /// Held over a change of the table and of the readers, so that both see the same order.
    changing: Mutex<()>,
}

/// What the sources share with the readers of logs.
pub struct Readers {
    pub files: Declared,
    pub states: States,
    pub workloads: Workloads,
    pub retention: Retention,
}

impl Sources {
    /// Begins to read the files that are declared already.
    ///
    /// # Errors
    /// When a root is none, or the table cannot be read.
    pub async fn open(db: Db, roots: Vec<PathBuf>, readers: Readers) -> Result<Self, BuildError> {
        if let Some(bad) = roots.iter().find(|root| !is_root(root)) {
            let what = format!(
                "`{}` in collector.log_roots is no folder that can be allowed: write an absolute path without `..`, not `/`",
                bad.display()
            );
            return Err(BuildError::Config { what, source: None });
        }
        let Readers { files, states, workloads, retention } = readers;
        let inner = Inner { db, roots, files, states, workloads, retention, changing: Mutex::default() };
        for row in inner.rows().await? {
            match inner.declare(&row.workload, &row.path) {
                Ok(file) => inner.begin(file),
                Err(error) => inner.refuse(&row, &error),
            }
        }
        Ok(Self(Arc::new(inner)))
    }

    /// Declares a file and begins to read it.
    pub async fn add(&self, by: By, workload: String, path: String) -> Result<Source, Problem> {
        let file = self.0.declare(&workload, &path).map_err(|error| problem(&error))?;
        let row = Row { id: LogSourceId::fresh(), workload, path };
        let inner = self.0.clone();
        to_the_end(async move {
            let _one = inner.changing.lock().await;
            inner.insert(&by, &row).await?;
            inner.begin(file);
            inner.source(&row).ok_or_else(gone)
        })
        .await
    }

    /// Ends the reading of a declared file; what it was.
    pub async fn remove(&self, by: By, id: &str) -> Result<Source, Problem> {
        let id: LogSourceId = id.parse().map_err(|_| gone())?;
        let inner = self.0.clone();
        to_the_end(async move {
            let _one = inner.changing.lock().await;
            let row = inner.delete(&by, id).await?;
            let was = inner.source(&row).ok_or_else(gone)?;
            inner.files.remove(&was.key);
            inner.states.remove(&was.key);
            Ok(was)
        })
        .await
    }

    /// All that is read, declared files before containers; and the token of the next page.
    pub async fn list(&self, page_size: u32, page_token: &str) -> Result<(Vec<Source>, String), Problem> {
        let page = Page::of(page_size, page_token)?;
        let after = page.after.as_deref().map(|token| percent_decode_str(token).decode_utf8_lossy().into_owned());
        let ids: HashMap<SourceKey, LogSourceId> =
            self.0.rows().await?.into_iter().map(|row| (row.key(), row.id)).collect();
        let behind = |key: &SourceKey| after.as_deref().is_none_or(|after| key.as_str() < after);
        let reports = self.0.states.all().into_iter().rev().filter(|(key, _)| behind(key));
        let sources: Vec<Source> = reports
            .take(usize::try_from(page.size).unwrap_or_default())
            .map(|(key, report)| {
                let workload = self.0.workloads.of(&key);
                let keep = self.0.retention.of(&workload);
                Source { id: ids.get(&key).copied(), workload, key, report, keep }
            })
            .collect();
        let next = page.next(&sources, |last| utf8_percent_encode(last.key.as_str(), ESCAPED).to_string());
        Ok((sources, next))
    }
}

impl Inner {
    fn declare(&self, workload: &str, path: &str) -> Result<FileSource, BadFile> {
        FileSource::declare(workload, Path::new(path), &self.roots, Limits::default())
    }

    fn begin(&self, file: FileSource) {
        self.states.set(file.key(), SourceState::Waiting { why: "it was not opened yet".to_owned() });
        self.workloads.tell(file.key(), file.workload());
        self.files.add(file);
    }

    fn refuse(&self, row: &Row, error: &BadFile) {
        let (key, why) = (row.key(), error.to_string());
        tracing::warn!(source = %key, why, "declared log file cannot be read");
        self.workloads.tell(&key, &row.workload);
        self.states.set(&key, SourceState::Refused { why });
    }

    fn source(&self, row: &Row) -> Option<Source> {
        let key = row.key();
        let report = self.states.all().remove(&key)?;
        let keep = self.retention.of(&row.workload);
        Some(Source { id: Some(row.id), workload: row.workload.as_str().into(), key, report, keep })
    }

    async fn rows(&self) -> Result<Vec<Row>, StoreError> {
        store::all(&mut self.db.reader().await?.conn()).await
    }

    async fn insert(&self, by: &By, row: &Row) -> Result<(), Problem> {
        let now = Timestamp::now();
        let mut tx = self.db.begin_write().await?;
        // First, because its lock puts writers in order: the number of rows holds until the commit.
        record(&mut tx.conn(), by, "log_source.create", row, now).await?;
        if store::count(&mut tx.conn()).await? >= MOST {
            return Err(Problem::new(
                Code::LimitExceeded,
                format!("the limit of {MOST} declared files is reached"),
                "remove one: see /api/v1/log-sources",
            ));
        }
        if !store::insert(&mut tx.conn(), row, &by.0, now).await? {
            return Err(Problem::new(
                Code::Conflict,
                "this file is already declared for this workload",
                "see /api/v1/log-sources",
            ));
        }
        Ok(tx.commit().await?)
    }

    async fn delete(&self, by: &By, id: LogSourceId) -> Result<Row, Problem> {
        let mut tx = self.db.begin_write().await?;
        let row = store::delete(&mut tx.conn(), id).await?.ok_or_else(gone)?;
        record(&mut tx.conn(), by, "log_source.delete", &row, Timestamp::now()).await?;
        tx.commit().await?;
        Ok(row)
    }
}

async fn record(
    conn: &mut overseer_storage::Conn<'_>,
    By(actor): &By,
    action: &str,
    row: &Row,
    at: Timestamp,
) -> Result<(), StoreError> {
    let (object, detail) = (row.id.to_string(), row.key().to_string());
    audit::append(conn, &audit::Record { at, actor, action, object: &object, detail: &detail }).await
}

/// A change that was begun goes on when whoever asked for it does not wait: the table and the readers stay the same.
async fn to_the_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    tokio::spawn(change).await.unwrap_or_else(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "change of log sources failed");
        Err(Problem::new(Code::Internal, "Overseer failed", "check the collector's log"))
    })
}

fn gone() -> Problem {
    Problem::not_found("declared file", "/api/v1/log-sources")
}

fn problem(error: &BadFile) -> Problem {
    let bad = |what: &str, todo: &str| Problem::new(Code::SchemaInvalid, what, todo);
    match error {
        BadFile::Workload => {
            bad("invalid workload", "send 1 to 200 characters without `:` or invisible ones, for example `shop/web`")
        }
        BadFile::NotPlain { .. } => {
            bad("invalid path", "send an absolute path without `.`, `..` or invisible characters")
        }
        BadFile::TooLong => bad("the path is too long", "workload and path together may have 1,000 bytes"),
        BadFile::Outside { roots, .. } => Problem::new(
            Code::PolicyDenied,
            "the path is outside the allowed roots",
            if roots.is_empty() {
                "no folder is allowed yet: add one to `log_roots` in the section [collector], and restart Overseer"
            } else {
                "choose a path below a folder listed in `log_roots` in the section [collector], or add its folder there and \
                 restart Overseer"
            },
        ),
    }
}
