//! What a store of objects must do for segments, asked of a directory and of a store in memory; in `s3.rs` of one that
//! speaks S3.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use overseer_logstore::{Config, Nanos, Objects, Selector, Store};

use crate::place::{START, everything, group, record};

pub fn keeps_segments(objects: impl Fn() -> Objects) {
    let folder = tempfile::tempdir().unwrap();
    let open = || Store::open(folder.path(), objects(), Config::default()).unwrap();
    let (store, _) = open();
    let lines: Vec<String> = (0..500).map(|line| format!("line {line} of {}", line * 7)).collect();
    let records: Vec<_> = (START..).zip(&lines).map(|(time, line)| record(time, line.as_bytes())).collect();
    store.append(&[(&group(), &records)], &[]).unwrap();
    store.seal().unwrap();
    drop(store);

    let (store, report) = open();
    assert_eq!((report.recovered, report.aside.len()), (0, 0));
    let page = store.read(&everything()).unwrap();
    assert!(page.lines.iter().map(|line| line.text.as_slice()).eq(lines.iter().map(String::as_bytes)));
    assert_eq!(store.delete_before(&Selector::Group(group()), Nanos(START + 500)).unwrap(), 500);
    drop(store);

    let (store, report) = open();
    assert_eq!((report.adopted.len(), report.aside.len()), (0, 0));
    assert!(store.read(&everything()).unwrap().lines.is_empty());
}

#[test]
fn a_directory_keeps_segments() {
    let folder = tempfile::tempdir().unwrap();
    keeps_segments(|| Objects::directory(folder.path()).unwrap());
}

#[test]
fn a_store_in_memory_keeps_segments() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    keeps_segments(|| Objects::new(store.clone()).unwrap());
}
