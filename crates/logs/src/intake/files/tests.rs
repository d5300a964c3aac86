use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use overseer_provider_port::LONGEST_LINE;
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

use super::mark::Mark;
use super::tail::{Doing, Look, Tail};
use super::{BadFile, FileSource, Limits};
use crate::intake::{DropReason, queue::Entry};

/// Long after any file was written: every one is settled.
fn later() -> SystemTime {
    SystemTime::now() + Duration::from_secs(60)
}

struct Stage {
    folder: tempfile::TempDir,
    tail: Tail,
    /// What was stored of what the tail gave, and what was not yet.
    kept: Vec<Entry>,
    given: Vec<Entry>,
    expected: Vec<String>,
    partial: String,
    next: usize,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tail = Tail::new(source(folder.path(), "app.log", Limits::default()).unwrap(), None);
        let (kept, given, expected) = (vec![], vec![], vec![]);
        Self { folder, tail, kept, given, expected, partial: String::new(), next: 0 }
    }
    fn path(&self, added: &str) -> PathBuf {
        self.folder.path().join(format!("app.log{added}"))
    }
    /// So many lines of different lengths, and a part of another.
    fn write(&mut self, lines: usize, part: bool) {
        let mut text = String::new();
        for _ in 0..lines {
            let line = format!("{} {}", self.next, "x".repeat(self.next * 37 % 300));
            self.next += 1;
            text += &line;
            text += "\n";
            self.expected.push(std::mem::take(&mut self.partial) + &line);
        }
        if part {
            self.partial += &format!("part{}", self.next);
            text += &format!("part{}", self.next);
            self.next += 1;
        }
        let mut file = OpenOptions::new().create(true).append(true).open(self.path("")).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
    /// What was begun is a line once its file is no longer written to.
    fn end_line(&mut self) {
        if !self.partial.is_empty() {
            self.expected.push(std::mem::take(&mut self.partial));
        }
    }
    /// `.1` becomes `.2` and so on, compressed or not.
    fn shift(&self) {
        for number in (1..8).rev() {
            for end in ["", ".gz"] {
                let from = self.path(&format!(".{number}{end}"));
                if from.exists() {
                    fs::rename(from, self.path(&format!(".{}{end}", number + 1))).unwrap();
                }
            }
        }
    }
    fn rename(&mut self) {
        if self.path("").exists() {
            self.shift();
            fs::rename(self.path(""), self.path(".1")).unwrap();
            self.end_line();
        }
    }
    fn copy_and_truncate(&mut self) {
        if self.path("").exists() {
            self.shift();
            fs::copy(self.path(""), self.path(".1")).unwrap();
            File::options().write(true).open(self.path("")).unwrap().set_len(0).unwrap();
            self.end_line();
        }
    }
    fn compress(&self) {
        let plain = self.path(".1");
        if let Ok(bytes) = fs::read(&plain) {
            let modified = fs::metadata(&plain).unwrap().modified().unwrap();
            let mut packed = GzEncoder::new(File::create(self.path(".1.gz")).unwrap(), Compression::fast());
            packed.write_all(&bytes).unwrap();
            packed.finish().unwrap().set_modified(modified).unwrap();
            fs::remove_file(plain).unwrap();
        }
    }
    fn look(&mut self, most: u64) -> Doing {
        let Look { entries, doing, .. } = self.tail.look(most, later());
        self.given.extend(entries);
        doing
    }
    fn look_until_quiet(&mut self) {
        while self.look(100_000) == Doing::Reading {}
    }
    fn keep(&mut self, entries: usize) {
        let entries = entries.min(self.given.len());
        self.kept.extend(self.given.drain(..entries));
    }
    fn restart(&mut self) {
        self.given.clear();
        let mark = self.kept.last().map(|entry| Mark::read(&entry.position).unwrap());
        self.tail = Tail::new(source(self.folder.path(), "app.log", Limits::default()).unwrap(), mark);
    }
    fn lines(&self) -> Vec<String> {
        let lines = self.kept.iter().filter_map(|entry| entry.line.as_ref());
        lines.map(|line| String::from_utf8(line.text.clone()).unwrap()).collect()
    }
}

fn source(folder: &Path, name: &str, limits: Limits) -> Result<FileSource, BadFile> {
    let root = folder.parent().unwrap().to_owned();
    FileSource::declare("shop", &folder.join(name), &[PathBuf::from("/nowhere"), root], limits)
}

#[derive(Clone, Debug)]
enum Step {
    Write {
        lines: usize,
        part: bool,
    },
    Look {
        most: u64,
    },
    Keep {
        entries: usize,
    },
    Restart,
    Rename,
    CopyAndTruncate,
    Compress,
    /// Once all was read and kept.
    Empty,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (1_usize..30, any::<bool>()).prop_map(|(lines, part)| Step::Write { lines, part }),
        3 => (1_u64..200_000).prop_map(|most| Step::Look { most }),
        2 => (0_usize..60).prop_map(|entries| Step::Keep { entries }),
        2 => Just(Step::Restart),
        1 => Just(Step::Rename),
        1 => Just(Step::CopyAndTruncate),
        1 => Just(Step::Compress),
        1 => Just(Step::Empty),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn each_line_comes_once_over_rotations_and_restarts(steps in vec(step(), 1..60)) {
        let mut stage = Stage::new();
        // A reader that never read a line would begin with the file that is there then.
        stage.write(3, false);
        stage.look_until_quiet();
        stage.keep(1);
        let mut rotations = 0;
        for step in &steps {
            match *step {
                Step::Write { lines, part } => stage.write(lines, part),
                Step::Look { most } => { stage.look(most); }
                Step::Keep { entries } => stage.keep(entries),
                Step::Restart => stage.restart(),
                Step::Rename | Step::CopyAndTruncate if rotations == 6 => {}
                Step::Rename => { stage.rename(); rotations += 1; }
                Step::CopyAndTruncate => { stage.copy_and_truncate(); rotations += 1; }
                Step::Compress => stage.compress(),
                Step::Empty => {
                    if stage.path("").exists() {
                        stage.look_until_quiet();
                        stage.keep(usize::MAX);
                        File::options().write(true).open(stage.path("")).unwrap().set_len(0).unwrap();
                        // What was begun comes with the next look at the emptied file, or never when there is none.
                        stage.look_until_quiet();
                        stage.end_line();
                        // With nothing kept of it, the next rotation would make it unknown.
                        stage.write(1, false);
                        stage.look_until_quiet();
                        stage.keep(usize::MAX);
                    }
                }
            }
        }
        stage.write(2, false);
        stage.look_until_quiet();
        stage.keep(usize::MAX);
        let (lines, expected) = (stage.lines(), stage.expected);
        let differs = lines.iter().zip(&expected).position(|(one, other)| one != other);
        let shown = |lines: &[String]| format!("{} of {}: {:?}", differs.unwrap_or(0), lines.len(), differs.map(|at| &lines[at]));
        assert!(lines == expected, "{} instead of {}", shown(&lines), shown(&expected));
    }
}

#[test]
fn a_file_that_vanished_is_waited_for() {
    let mut stage = Stage::new();
    assert_eq!(stage.look(1000), Doing::Missing);
    stage.write(3, false);
    stage.look_until_quiet();
    fs::remove_file(stage.path("")).unwrap();
    assert_eq!(stage.look(1000), Doing::Waiting);
    stage.write(4, false);
    stage.look_until_quiet();
    stage.keep(usize::MAX);
    assert_eq!(stage.lines(), stage.expected);
    assert!(stage.kept.iter().all(|entry| entry.dropped.is_none()));
}

#[test]
fn a_renamed_file_is_read_until_it_is_settled() {
    let mut stage = Stage::new();
    stage.write(1, false);
    stage.look_until_quiet();
    fs::rename(stage.path(""), stage.path(".1")).unwrap();
    fs::write(stage.path(""), "9 new\n").unwrap();
    let look = stage.tail.look(1000, SystemTime::now());
    assert!(look.entries.is_empty() && look.doing == Doing::Waiting);
    // The program was not told yet.
    OpenOptions::new().append(true).open(stage.path(".1")).unwrap().write_all(b"8 late\n").unwrap();
    stage.look_until_quiet();
    stage.keep(usize::MAX);
    assert_eq!(stage.lines()[1..], ["8 late", "9 new"]);
}

#[test]
fn what_was_overwritten_before_it_was_read_is_told() {
    let mut stage = Stage::new();
    stage.write(5, false);
    stage.look_until_quiet();
    stage.keep(2);
    stage.restart();
    fs::remove_file(stage.path("")).unwrap();
    fs::write(stage.path(""), "other\n").unwrap();
    stage.look_until_quiet();
    assert_eq!(stage.given[0].dropped, Some((DropReason::Overwritten, 0)));
    assert_eq!(stage.given[1].line.as_ref().unwrap().text, b"other");
}

#[test]
fn lines_of_any_bytes_and_any_length_are_taken() {
    let mut stage = Stage::new();
    const LENGTH: u64 = 100_000_000;
    fs::write(stage.path(""), b"\xff\xfe\0\n\n\r\n").unwrap();
    let file = OpenOptions::new().write(true).open(stage.path("")).unwrap();
    // A hole: zeros that take no room.
    file.set_len(7 + LENGTH).unwrap();
    OpenOptions::new().append(true).open(stage.path("")).unwrap().write_all(b"\nlast\n").unwrap();
    stage.look_until_quiet();
    let texts: Vec<&[u8]> = stage.given.iter().map(|entry| &entry.line.as_ref().unwrap().text[..]).collect();
    assert_eq!(texts[..3], [&b"\xff\xfe\0"[..], b"", b"\r"]);
    assert_eq!((texts[3].len(), texts[4]), (LONGEST_LINE, &b"last"[..]));
    let long = &stage.given[3];
    assert_eq!(long.dropped, Some((DropReason::LongLine, LENGTH - LONGEST_LINE as u64)));
    assert!(long.line.as_ref().unwrap().cut);
}

#[test]
fn beyond_its_volume_of_a_day_lines_are_dropped_and_counted() {
    let mut stage = Stage::new();
    let limits = Limits { bytes_per_day: 12, ..Limits::default() };
    stage.tail = Tail::new(source(stage.folder.path(), "app.log", limits).unwrap(), None);
    fs::write(stage.path(""), "12345\n12345\n12345\n").unwrap();
    let today = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400 * 20_000);
    let drops = |look: Look| look.entries.iter().map(|entry| entry.dropped).collect::<Vec<_>>();
    assert_eq!(drops(stage.tail.look(1000, today)), [None, None, Some((DropReason::Volume, 6))]);
    OpenOptions::new().append(true).open(stage.path("")).unwrap().write_all(b"tomorrow\n").unwrap();
    assert_eq!(drops(stage.tail.look(1000, today + Duration::from_secs(86_400))), [None]);
}

#[test]
fn only_plain_places_below_a_root_can_be_declared() {
    let roots = [PathBuf::from("/var/log"), PathBuf::from("/"), PathBuf::from("relative")];
    let declare = |path: &str| FileSource::declare("shop", Path::new(path), &roots, Limits::default());
    assert_eq!(declare("/var/log/shop/app.log").unwrap().key().as_str(), "file:shop:/var/log/shop/app.log");
    for path in ["/etc/passwd", "/var/logs/app.log", "/var/log", "/"] {
        assert!(matches!(declare(path), Err(BadFile::Outside { .. })), "{path}");
    }
    for path in ["app.log", "", "/var/log/../../etc/passwd", "/var/log/./app.log", "/var/log//app.log", "/var/log/a/"] {
        assert!(matches!(declare(path), Err(BadFile::NotPlain { .. })), "{path}");
    }
    for path in ["/var/log/a\nb", "/var/log/\u{202e}gol", "/var/log/a\0"] {
        assert!(matches!(declare(path), Err(BadFile::NotPlain { .. })), "{path:?}");
    }
    assert_eq!(declare(&format!("/var/log/{}", "ü/".repeat(400) + "x.log")), Err(BadFile::TooLong));
    let of = |workload: &str| FileSource::declare(workload, Path::new("/var/log/a"), &roots, Limits::default());
    assert!(of("shop/web").is_ok() && of(&"ü".repeat(200)).is_ok());
    for workload in ["", " ", " web", "web ", "a:b", "a\nb", "a\u{200b}", "a\0", &"x".repeat(201)] {
        assert_eq!(of(workload), Err(BadFile::Workload), "{workload:?}");
    }
}

#[test]
fn what_is_no_regular_file_is_refused_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    fs::create_dir_all(place("real/sub")).unwrap();
    fs::write(place("real/app.log"), "line\n").unwrap();
    symlink(place("real"), place("link")).unwrap();
    symlink(place("real/app.log"), place("link.log")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        place("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(place("socket")).unwrap();
    let why = |name: &str| {
        let mut tail = Tail::new(source(folder.path(), name, Limits::default()).unwrap(), None);
        match tail.look(1000, later()).doing {
            Doing::Refused { why } => why,
            other => panic!("{name}: {other:?}"),
        }
    };
    assert!(why("link/app.log").starts_with("`link` is a symbolic link"), "{}", why("link/app.log"));
    assert!(why("link.log").starts_with("`link.log` is a symbolic link"));
    assert!(why("real").contains("a folder"));
    assert!(why("pipe").contains("a pipe"));
    assert!(why("socket").contains("a socket"));
    assert!(why("real/app.log/under").contains("cannot be opened"), "{}", why("real/app.log/under"));

    let declare = |path: &str| {
        let root = Path::new(path).parent().unwrap().to_owned();
        FileSource::declare("shop", Path::new(path), &[root], Limits::default()).unwrap()
    };
    let refused = |path: &str| Tail::new(declare(path), None).look(1000, later()).doing;
    assert!(matches!(refused("/proc/self/status"), Doing::Refused { why } if why.contains("kernel file system")));
    assert!(matches!(refused("/sys/kernel/uevent_seqnum"), Doing::Refused { why } if why.contains("kernel")));
    assert!(matches!(refused("/dev/null"), Doing::Refused { why } if why.contains("a device")));
    let mut good = Tail::new(source(folder.path(), "real/app.log", Limits::default()).unwrap(), None);
    assert_eq!(good.look(1000, later()).entries.len(), 1);
}
