//! A store in a scratch folder, and lines to put into it.

use std::path::Path;
use std::time::{Duration, Instant};

use overseer_logstore::{
    Config, Group, Nanos, Objects, OpenReport, Order, Page, Query, Rank, Record, Signature, Store, StoreError, Stream,
};
use tempfile::TempDir;

pub struct Place {
    pub folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn open(&self) -> (Store, OpenReport) {
        self.open_with(Config::default())
    }

    pub fn open_with(&self, config: Config) -> (Store, OpenReport) {
        open(self.folder.path(), config)
    }

    /// The files of all segments.
    pub fn segments(&self) -> Vec<std::path::PathBuf> {
        files(&self.folder.path().join("segments"))
    }
}

/// Opens the store. A process that another test starts just now holds the lock of a store that was closed until it runs
/// its program: that passes.
pub fn open(folder: &Path, config: Config) -> (Store, OpenReport) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let objects = Objects::directory(&folder.join("segments")).unwrap();
        match Store::open(&folder.join("open"), objects, config.clone()) {
            Err(StoreError::Held { .. }) if Instant::now() < deadline => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

pub fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

pub fn group() -> Group {
    Group("group".to_owned())
}

/// 2026-03-01T00:00:00Z.
pub const START: i64 = 1_772_323_200_000_000_000;

pub fn record(time: i64, text: &[u8]) -> Record<'_> {
    Record {
        time: Nanos(time),
        resource: "web",
        instance: "web-1",
        stream: Stream::Stdout,
        severity: Rank(2),
        signature: Signature(7),
        text,
    }
}

/// Everything, oldest first, in one page.
pub fn everything() -> Query {
    Query { order: Order::OldestFirst, lines: usize::MAX, bytes: usize::MAX, ..Query::default() }
}

pub fn texts(page: &Page) -> Vec<String> {
    page.lines.iter().map(|line| String::from_utf8_lossy(&line.text).into_owned()).collect()
}
