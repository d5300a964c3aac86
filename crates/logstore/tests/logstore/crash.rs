//! What was acknowledged is there exactly once, whenever the process ends.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use overseer_logstore::{Config, MarkKey, Nanos, Store, StoreError};
use proptest::prelude::*;

use crate::place::{Place, START, everything, files, group, open, record, texts};

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&file, target).unwrap();
    }
}

fn mark() -> MarkKey {
    MarkKey("follower".to_owned())
}

/// Appends lines `from..from + count` in one commit, with the next number as mark.
fn append(store: &Store, from: u64, count: u64) -> Result<(), StoreError> {
    let lines: Vec<String> = (from..from + count).map(|at| format!("line {at} of id={:08x}", at * 0x9e37)).collect();
    let records: Vec<_> =
        (from..).zip(&lines).map(|(at, text)| record(START + at as i64 * 1_000_000, text.as_bytes())).collect();
    store.append(&[(&group(), &records)], &[(mark(), (from + count).to_string().into_bytes())]).map(drop)
}

/// The lines are 0, 1, ... up to the mark, each once. Answers the mark.
fn whole(store: &Store) -> u64 {
    let mark = store.mark(&mark()).unwrap().map_or(0, |mark| String::from_utf8(mark).unwrap().parse().unwrap());
    let page = store.read(&everything()).unwrap();
    assert!(page.aside.is_empty(), "{:?}", page.aside);
    let expected: Vec<String> = (0..mark).map(|at| format!("line {at} of id={:08x}", at * 0x9e37)).collect();
    assert_eq!(texts(&page), expected);
    mark
}

#[derive(Clone, Debug)]
enum Step {
    Append(u64),
    Seal,
    Maintain(i64),
    Reopen,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn nothing_is_lost_or_doubled_by_a_write_that_was_cut_off(
        steps in proptest::collection::vec(prop_oneof![
            5 => (1u64..60).prop_map(Step::Append),
            1 => Just(Step::Seal),
            1 => (0i64..8000).prop_map(Step::Maintain),
            1 => Just(Step::Reopen),
        ], 1..10),
        last in 1u64..60,
        cut in any::<prop::sample::Index>(),
    ) {
        let place = Place::new();
        let (mut store, mut next) = (place.open().0, 0);
        for step in steps {
            match step {
                Step::Append(count) => {
                    append(&store, next, count).unwrap();
                    next += count;
                }
                Step::Seal => store.seal().unwrap(),
                Step::Maintain(seconds) => store.maintain(Nanos(START + seconds * 1_000_000_000)).unwrap(),
                Step::Reopen => {
                    drop(store);
                    store = place.open().0;
                }
            }
            prop_assert_eq!(whole(&store), next);
        }
        // The crash happens while the last commit is written: any part of its bytes is there.
        let wal = files(&place.folder.path().join("open")).into_iter().rfind(|file| file.extension().is_some_and(|e| e == "wal")).unwrap();
        let durable = std::fs::metadata(&wal).unwrap().len();
        append(&store, next, last).unwrap();
        let full = std::fs::metadata(&wal).unwrap().len();
        let crashed = tempfile::tempdir().unwrap();
        copy(place.folder.path(), crashed.path());
        let kept = durable + cut.index((full - durable) as usize + 1) as u64;
        let wal = crashed.path().join(wal.strip_prefix(place.folder.path()).unwrap());
        std::fs::OpenOptions::new().write(true).open(&wal).unwrap().set_len(kept).unwrap();
        let (store, report) = open(crashed.path(), Config::default());
        prop_assert!(report.damaged.is_empty());
        prop_assert_eq!(whole(&store), if kept == full { next + last } else { next });
        // And it goes on as if nothing had been.
        let next = whole(&store);
        append(&store, next, 5).unwrap();
        store.seal().unwrap();
        drop(store);
        prop_assert_eq!(whole(&open(crashed.path(), Config::default()).0), next + 5);
    }
}

/// Sealing writes the object, then the manifest, then forgets the write-ahead file. A crash between any two of these is
/// the folders of before and after, put together.
#[test]
fn a_crash_while_sealing_neither_loses_nor_doubles() {
    let place = Place::new();
    let (store, _) = place.open();
    append(&store, 0, 100).unwrap();
    store.seal().unwrap();
    append(&store, 100, 100).unwrap();
    let before = tempfile::tempdir().unwrap();
    copy(place.folder.path(), before.path());
    store.seal().unwrap();
    append(&store, 200, 1).unwrap();
    drop(store);

    let only_object = tempfile::tempdir().unwrap();
    copy(before.path(), only_object.path());
    copy(&place.folder.path().join("segments"), &only_object.path().join("segments"));
    let (store, report) = open(only_object.path(), Config::default());
    assert_eq!((report.adopted.len(), report.recovered), (1, 0));
    assert_eq!(whole(&store), 200);

    let still_wal = tempfile::tempdir().unwrap();
    copy(before.path(), still_wal.path());
    copy(place.folder.path(), still_wal.path());
    let (store, report) = open(still_wal.path(), Config::default());
    assert_eq!((report.adopted.len(), report.recovered), (0, 1));
    assert_eq!(whole(&store), 201);
}

#[test]
fn a_lost_manifest_is_made_again_from_the_segments() {
    let place = Place::new();
    let (store, _) = place.open();
    append(&store, 0, 100).unwrap();
    store.seal().unwrap();
    append(&store, 100, 100).unwrap();
    store.seal().unwrap();
    append(&store, 200, 50).unwrap();
    let known = store.segments().unwrap();
    drop(store);
    std::fs::remove_file(place.folder.path().join("open/manifest")).unwrap();
    let (store, report) = place.open();
    assert_eq!((report.adopted.len(), report.recovered), (2, 50));
    assert_eq!(store.segments().unwrap(), known);
    assert_eq!(whole(&store), 250);
}

#[test]
fn only_one_process_has_the_store() {
    let place = Place::new();
    let (_store, _) = place.open();
    let objects = overseer_logstore::Objects::directory(&place.folder.path().join("segments")).unwrap();
    let refused = Store::open(&place.folder.path().join("open"), objects, Config::default()).err().unwrap();
    assert!(matches!(refused, StoreError::Held { .. }));
}

/// What [`child`] does: appends until it is killed, or until its disk is full, and says after each commit how far it is.
const CHILD: &str = "LOGSTORE_TEST_CHILD";

#[test]
#[ignore = "the other half of two tests: it runs in a process of its own"]
fn child() {
    let Ok(folder) = std::env::var(CHILD) else { return };
    let config = Config { segment_bytes: 20_000, ..Config::default() };
    let (store, _) = open(Path::new(&folder), config);
    let mut next = whole(&store);
    let mut out = std::io::stdout();
    loop {
        match append(&store, next, 37) {
            Ok(()) => {
                next += 37;
                writeln!(out, "acknowledged {next}").unwrap();
            }
            Err(StoreError::DiskFull { .. }) => {
                writeln!(out, "full {next}").unwrap();
                assert_eq!(whole(&store), next);
                // Room again: the limit is lifted.
                let mut lift = Command::new("prlimit");
                let done = lift.args(["--fsize=unlimited", "--pid"]).arg(std::process::id().to_string()).status();
                assert!(done.unwrap().success(), "prlimit of util-linux is needed");
                append(&store, next, 37).unwrap();
                assert_eq!(whole(&store), next + 37);
                writeln!(out, "goes on {}", next + 37).unwrap();
                return;
            }
            Err(other) => panic!("{other}"),
        }
        store.maintain(Nanos(START)).unwrap();
    }
}

fn start(folder: &Path, before: &str) -> std::process::Child {
    let this = std::env::current_exe().unwrap();
    let script = format!("{before} exec \"$0\" --exact crash::child --ignored --nocapture --test-threads=1");
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(this).env(CHILD, folder).stdout(Stdio::piped());
    command.spawn().unwrap()
}

fn number(line: &str, word: &str) -> Option<u64> {
    line.split_once(word).map(|(_, number)| number.trim().parse().unwrap())
}

#[test]
fn a_killed_process_loses_nothing_that_it_was_told_is_kept() {
    let place = Place::new();
    for round in 1..6 {
        let mut child = start(place.folder.path(), "");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = 0;
        for _ in 0..round * 23 {
            if let Some(next) = lines.find_map(|line| number(&line.unwrap(), "acknowledged ")) {
                told = next;
            }
        }
        child.kill().unwrap();
        told = lines.filter_map(|line| number(&line.ok()?, "acknowledged ")).last().unwrap_or(told);
        child.wait().unwrap();
        let kept = whole(&place.open().0);
        // At most the one commit that was under way is there besides.
        assert!(kept == told || kept == told + 37, "told {told}, kept {kept}");
    }
}

#[test]
fn a_full_disk_is_said_and_nothing_is_lost() {
    let place = Place::new();
    // No file may be longer: the write fails in the middle, as on a full disk.
    let child = start(place.folder.path(), "trap '' XFSZ; ulimit -S -f 100;").wait_with_output().unwrap();
    let out = String::from_utf8(child.stdout).unwrap();
    assert!(child.status.success(), "{out}");
    let full = out.lines().find_map(|line| number(line, "full ")).expect("the disk was never full");
    assert!(full > 0);
    assert_eq!(whole(&place.open().0), full + 37);
}
