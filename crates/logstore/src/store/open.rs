//! Opening: what the write-ahead files, the manifest and the objects say is brought together.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use super::read::Bytes;
use super::{Config, OpenReport, State, Store, Writer};
use crate::error::{StoreError, file};
use crate::manifest::{Entry, Manifest, Segment};
use crate::objects::Objects;
use crate::query::Aside;
use crate::segment::footer;
use crate::wal::{self, Wal};

impl Store {
    /// Opens the store whose write-ahead files are in `dir`, which is made if it is not there, and whose segments are in
    /// `objects`. Takes time in proportion to what is not sealed.
    ///
    /// # Errors
    /// When another process has it open, or files cannot be read or written. A damaged segment is no error: it is in the
    /// report.
    pub fn open(dir: &Path, objects: Objects, config: Config) -> Result<(Self, OpenReport), StoreError> {
        std::fs::create_dir_all(dir).map_err(file("make", dir))?;
        let held = hold(dir)?;
        let (manifest, _) = Manifest::open(dir)?;
        let mut state = State {
            open: BTreeMap::new(),
            frozen: VecDeque::new(),
            manifest,
            marks: BTreeMap::new(),
            aside: BTreeMap::new(),
        };
        let mut report = OpenReport::default();
        reconcile(&objects, &mut state, &mut report)?;
        let files = wal::list(dir)?;
        let (next, damaged) = wal::replay(dir, &files, |number, commit| state.take(number, commit))?;
        report.damaged = damaged;
        report.recovered = state.open.values().map(|part| part.lines as u64).sum();
        let sealed = state.manifest.segments.values().map(|segment| segment.through + 1).max().unwrap_or(1);
        let next = next.max(sealed);
        let marks: wal::Marks = state.marks.clone().into_iter().collect();
        let mut wal = Wal::create(dir, files, next, &marks)?;
        wal.forget(state.oldest().unwrap_or(next));
        state.manifest.forget_floors(wal.files.first().copied().unwrap_or(next));
        let store = Self {
            config,
            objects,
            queue: Mutex::default(),
            turned: Condvar::new(),
            writer: Mutex::new(Writer { wal, next }),
            state: Mutex::new(state),
            sealing: Mutex::new(()),
            _held: held,
        };
        Ok((store, report))
    }
}

fn hold(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let held = File::create(&path).map_err(file("make", &path))?;
    match held.try_lock() {
        Ok(()) => Ok(held),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::Held { path: dir.to_owned() }),
        Err(std::fs::TryLockError::Error(error)) => Err(file("lock", &path)(error)),
    }
}

/// Brings the manifest and the objects together.
fn reconcile(objects: &Objects, state: &mut State, report: &mut OpenReport) -> Result<(), StoreError> {
    for name in state.manifest.removed.clone() {
        objects.delete(&name)?;
        state.manifest.commit(vec![Entry::Gone(name)])?;
    }
    let found: BTreeMap<String, usize> = objects.list()?.into_iter().collect();
    for segment in state.manifest.segments.values() {
        let why = match found.get(&segment.name) {
            None => "it is missing".to_owned(),
            Some(size) if *size as u64 != segment.stored => {
                format!("it has {size} bytes instead of {}", segment.stored)
            }
            Some(_) => continue,
        };
        report.aside.push(Aside { name: segment.name.clone(), why: why.clone() });
        state.aside.insert(segment.name.clone(), why);
    }
    for (name, size) in found {
        if state.manifest.segments.contains_key(&name) || !name.ends_with(".parquet") {
            continue;
        }
        // A crash after its object was written and before the manifest said so, or a manifest that was lost.
        let source = Bytes { objects, name: &name, len: size };
        let segment = footer(&source).ok().and_then(|footer| Segment::parse(&name, size as u64, &footer.about));
        let adopted = segment.filter(|segment| {
            state.manifest.floors.get(&segment.partition()).is_none_or(|floor| *floor < segment.first)
        });
        match adopted {
            Some(segment) => {
                state.manifest.commit(vec![Entry::Sealed(Arc::new(segment))])?;
                report.adopted.push(name);
            }
            None => {
                let why = "it is not in the manifest, and cannot be taken in".to_owned();
                report.aside.push(Aside { name, why });
            }
        }
    }
    Ok(())
}
