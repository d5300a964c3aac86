//! A loss of power, honestly: what the files hold is rebuilt from what was written and synced, as `strace` saw it.
//!
//! A child of this test commits, and notes each commit in a file of its own, as a service tells others of it. A write counts
//! from the end of the next `fsync` or `fdatasync` of its file on. At each note, what counts by then is opened anew: a
//! commit that somebody was told of must be in it.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use overseer_model::ServiceName;
use overseer_storage::{Db, Location, outbox, sqlx, state};

use crate::place::{THINGS, event, read, write};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Syncs {
    /// As every service's tables are opened.
    AsOpened,
    /// Only at checkpoints, as SQLite does by default in this mode.
    Seldom,
}

/// Enough for several checkpoints of the write-ahead log.
const COMMITS: u32 = 300;
const CHECKED_EACH: u32 = 10;
const CHILD: &str = "OVERSEER_POWER_CHILD";
const NOTES: &str = "told";

#[tokio::test]
async fn a_commit_that_others_were_told_of_survives_a_loss_of_power() {
    assert_eq!(lost(Syncs::AsOpened).await, [0_u32; 0]);
}

/// Else this test would notice nothing.
#[tokio::test]
async fn a_commit_that_is_not_synced_does_not() {
    assert!(!lost(Syncs::Seldom).await.is_empty());
}

/// The child's part; nothing in any other process.
#[tokio::test]
async fn commits_and_tells() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let (syncs, folder) = task.split_once(' ').unwrap();
    let db = open(Path::new(folder)).await;
    if let ("seldom", Db::Sqlite { write, .. }) = (syncs, &db) {
        // It holds for one connection; there is one that writes.
        sqlx::query("PRAGMA synchronous = NORMAL").execute(write).await.unwrap();
    }
    let mut notes = File::create(Path::new(folder).join(NOTES)).unwrap();
    for number in 1..=COMMITS {
        let mut large = event("key");
        large.data = "x".repeat(20_000);
        write(&db, async |conn| {
            outbox::put(conn, &large).await?;
            state::set(conn, "number", &number.to_string()).await
        })
        .await;
        notes.write_all(format!("{number}").as_bytes()).unwrap();
    }
    // As in a loss of power, nobody closes the database.
    std::process::exit(0);
}

async fn open(folder: &Path) -> Db {
    let location = Location::Sqlite { folder: folder.to_owned() };
    Db::open(&location, ServiceName::Executor, THINGS).await.unwrap()
}

/// The commits that others were told of and that a loss of power right then would have taken back.
async fn lost(syncs: Syncs) -> Vec<u32> {
    let folder = tempfile::tempdir().unwrap();
    let (data, trace) = (folder.path().join("data"), folder.path().join("trace"));
    std::fs::create_dir(&data).unwrap();
    let word = match syncs {
        Syncs::AsOpened => "opened",
        Syncs::Seldom => "seldom",
    };
    let child = Command::new("strace")
        .args(["-f", "-y", "-xx", "-s", "100000", "-e", "trace=pwrite64,write,ftruncate,fsync,fdatasync,unlink"])
        .arg("-o")
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "power::commits_and_tells"])
        .env(CHILD, format!("{word} {}", data.display()))
        .output()
        .expect("strace is missing: run `./dev setup`");
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));

    let (mut disk, mut lost, mut told) = (Disk::default(), Vec::new(), 0);
    for line in std::fs::read_to_string(&trace).unwrap().lines() {
        let Some(number) = disk.follow(line) else { continue };
        told = number;
        if number.is_multiple_of(CHECKED_EACH) {
            let after = tempfile::tempdir().unwrap();
            disk.write_to(after.path());
            let db = open(after.path()).await;
            let kept = read(&db, async |conn| state::get(conn, "number").await).await;
            if kept.map_or(0, |kept| kept.parse::<u32>().unwrap()) < number {
                lost.push(number);
            }
        }
    }
    assert_eq!(told, COMMITS, "the trace was understood to its end");
    lost
}

/// One file: as programs see it, and as it is after a loss of power.
#[derive(Default)]
struct Image {
    seen: Vec<u8>,
    synced: Vec<u8>,
}

#[derive(Default)]
struct Disk {
    files: BTreeMap<PathBuf, Image>,
    /// Syncs that have begun, by thread.
    syncing: HashMap<String, PathBuf>,
}

impl Disk {
    /// Takes one line of the trace into account; the number in it when it is a note.
    fn follow(&mut self, line: &str) -> Option<u32> {
        let (thread, call) = line.split_once(' ')?;
        let call = call.trim_start();
        if call.starts_with("<... fsync resumed") || call.starts_with("<... fdatasync resumed") {
            let path = self.syncing.remove(thread)?;
            self.sync(path);
            return None;
        }
        let (name, args) = call.split_once('(')?;
        let args: Vec<&str> = args.split([',', ')']).map(str::trim).collect();
        match name {
            "pwrite64" => {
                let (file, data) = (self.files.entry(path_of(args[0])?).or_default(), bytes_of(args[1]));
                let at: usize = args[3].split(' ').next()?.parse().ok()?;
                file.seen.resize(file.seen.len().max(at + data.len()), 0);
                file.seen[at..at + data.len()].copy_from_slice(&data);
            }
            "ftruncate" => {
                let file = self.files.entry(path_of(args[0])?).or_default();
                file.seen.resize(args[1].split(' ').next()?.parse().ok()?, 0);
            }
            "unlink" => {
                let path = String::from_utf8(bytes_of(args[0])).ok()?;
                self.files.remove(Path::new(&path));
            }
            "fsync" | "fdatasync" => {
                let path = path_of(args[0])?;
                if line.ends_with("<unfinished ...>") {
                    self.syncing.insert(thread.to_owned(), path);
                } else {
                    self.sync(path);
                }
            }
            "write" if path_of(args[0])?.ends_with(NOTES) => {
                return String::from_utf8(bytes_of(args[1])).ok()?.parse().ok();
            }
            _ => {}
        }
        None
    }

    fn sync(&mut self, path: PathBuf) {
        if let Some(file) = self.files.get_mut(&path) {
            file.synced.clone_from(&file.seen);
        }
    }

    fn write_to(&self, folder: &Path) {
        for (path, file) in &self.files {
            let name = path.file_name().unwrap().to_string_lossy();
            // The index of the log in memory is made anew.
            if name.contains(".db") && !name.ends_with("-shm") && !file.synced.is_empty() {
                std::fs::write(folder.join(&*name), &file.synced).unwrap();
            }
        }
    }
}

/// Of `3<\x2f\x74…>`.
fn path_of(argument: &str) -> Option<PathBuf> {
    let path = argument.split_once('<')?.1.split('>').next()?;
    Some(String::from_utf8(bytes_of(path)).ok()?.into())
}

/// Of `"\x61\x62"`.
fn bytes_of(text: &str) -> Vec<u8> {
    text.trim_matches('"').split("\\x").filter_map(|hex| u8::from_str_radix(hex.get(..2)?, 16).ok()).collect()
}
