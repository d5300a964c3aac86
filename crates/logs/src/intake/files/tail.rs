//! Reads one declared file on, one look at a time. Blocking; knows no runtime and no clock but what it is given.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::time::SystemTime;

use flate2::read::MultiGzDecoder;
use overseer_logstore::Stream;
use overseer_provider_port::{LONGEST_LINE, LogTime};
use rustix::fs::fstat;

use super::FileSource;
use super::mark::{HEAD, Hash, Identity, Mark, TAIL};
use super::open::{Folder, OpenError, Opened, Rotated, Version, about};
use crate::intake::queue::Entry;
use crate::intake::{DropReason, Line};

/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;
/// Most steps of a look, so that it ends whatever the files do meanwhile.
const STEPS: usize = 10_000;
const DAY_S: u64 = 24 * 3600;

/// What a look found.
pub struct Look {
    pub entries: Vec<Entry>,
    /// That were read.
    pub bytes: u64,
    pub doing: Doing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doing {
    /// There is more.
    Reading,
    /// For more to be written.
    Waiting,
    Missing,
    Refused {
        why: String,
    },
}

pub struct Tail {
    source: FileSource,
    /// After the last line that was given.
    mark: Option<Mark>,
    reading: Option<Reading>,
    /// The rotated files at the last time that one was to be found.
    beside: Vec<Version>,
    /// The file that the mark is in was read to its end: when it is gone, nothing is lost.
    is_finished: bool,
    /// Read to their end since then, without a line in them.
    empty: Vec<Version>,
    day: Day,
}

/// A file, and where in it to begin.
struct Target {
    opened: Opened,
    is_gzip: bool,
    is_current: bool,
    offset: u64,
}

/// What a day has had.
#[derive(Default)]
struct Day {
    number: u64,
    bytes: u64,
}

impl Tail {
    pub fn new(source: FileSource, mark: Option<Mark>) -> Self {
        Self {
            source,
            mark,
            reading: None,
            beside: Vec::new(),
            is_finished: false,
            empty: Vec::new(),
            day: Day::default(),
        }
    }

    /// After the last line that was given.
    pub fn mark(&self) -> Option<Mark> {
        self.mark
    }

    /// Reads at most so many bytes on, and a chunk more.
    pub fn look(&mut self, most: u64, now: SystemTime) -> Look {
        let mut look = Look { entries: Vec::new(), bytes: 0, doing: Doing::Reading };
        self.check(&mut look, now);
        let chunk = most.min(4 * CHUNK as u64);
        // Each file that is found takes some steps; more than that would be a circle.
        for _ in 0..STEPS {
            if look.bytes >= chunk || look.doing != Doing::Reading {
                return look;
            }
            look.doing = match self.step(&mut look, now) {
                Ok(doing) => doing,
                Err(OpenError::Missing) => Doing::Missing,
                Err(error) => Doing::Refused { why: error.to_string() },
            };
        }
        look.doing = Doing::Waiting;
        look
    }

    /// Before anything is read on from the middle of another text.
    fn check(&mut self, look: &mut Look, now: SystemTime) {
        let Some(reading) = self.reading.as_ref().filter(|reading| reading.is_current) else { return };
        if !reading.is_as_it_was() {
            look.doing = self.replaced(look, now);
        } else if reading.place.offset == 0 && self.mark.is_some() && self.has_new_beside() {
            // Of an empty file it cannot be seen whether it was written, copied and emptied meanwhile.
            self.reading = None;
        }
    }

    fn step(&mut self, look: &mut Look, now: SystemTime) -> Result<Doing, OpenError> {
        let Some(reading) = &mut self.reading else {
            return self.begin(look);
        };
        let failed = |source| OpenError::Io { name: self.source.key.to_string(), source };
        let mut lines = Vec::new();
        let read = reading.read(&mut lines).map_err(failed)?;
        self.give(lines, look, now);
        look.bytes += read as u64;
        if read > 0 { Ok(Doing::Reading) } else { self.at_end(look, now) }
    }

    fn begin(&mut self, look: &mut Look) -> Result<Doing, OpenError> {
        let target = self.find(look)?;
        let failed = |source| OpenError::Io { name: self.source.key.to_string(), source };
        self.reading = Some(Reading::begin(target).map_err(failed)?);
        Ok(Doing::Reading)
    }

    /// What is to be read after the mark: the file that it is in, or when that was read to its end the one after it.
    fn find(&mut self, look: &mut Look) -> Result<Target, OpenError> {
        let folder = Folder::open(&self.source)?;
        let current = folder.current()?;
        let Some(mark) = self.mark else { return Ok(Target::current(current, 0)) };
        if holds(&current, false, &mark) {
            return Ok(Target::current(current, mark.offset));
        }
        let rotated = folder.rotated();
        self.beside = versions(&rotated);
        // By its inode when it was renamed, or else by what is in it, in the newest of them.
        let renamed = |one: &Rotated| one.opened.id == mark.file && holds(&one.opened, one.is_gzip, &mark);
        let found = rotated.iter().position(renamed).or_else(|| holder(&rotated, &mark));
        // It was emptied, and then rotated: what is in it now is all new.
        let emptied = || rotated.iter().position(|one| one.opened.id == mark.file);
        let (first, offset) = match found {
            Some(found) if self.is_finished => (Some(found + 1), 0),
            Some(found) => (Some(found), mark.offset),
            None => (emptied(), 0),
        };
        if found.is_none() && !self.is_finished {
            // How much that was is not known.
            let dropped = Some((DropReason::Overwritten, 0));
            look.entries.extend(mark.write().map(|position| Entry { line: None, dropped, position }));
            self.is_finished = true;
        }
        let behind = rotated.into_iter().skip(first.unwrap_or(usize::MAX));
        let next = behind
            .filter(|one| one.opened.size > 0 && !self.empty.contains(&one.opened.version()))
            .map(|one| Target::rotated(one, offset))
            .next();
        Ok(next.unwrap_or_else(|| Target::current(current, 0)))
    }

    /// What is to be done where a file has no more bytes.
    fn at_end(&mut self, look: &mut Look, now: SystemTime) -> Result<Doing, OpenError> {
        let Some(reading) = &self.reading else { return Ok(Doing::Reading) };
        if !reading.is_current {
            return Ok(self.finish_when_settled(look, now));
        }
        let there = match Folder::open(&self.source).and_then(|folder| folder.current()) {
            Ok(opened) => opened,
            // It may come back; what was opened is still read.
            Err(OpenError::Missing) => return Ok(Doing::Waiting),
            Err(error) => return Err(error),
        };
        if there.id != reading.id {
            return Ok(self.finish_when_settled(look, now));
        }
        if there.size < reading.place.offset || !reading.is_as_it_was() {
            return Ok(self.replaced(look, now));
        }
        if there.size > reading.place.offset {
            return Ok(Doing::Reading);
        }
        Ok(Doing::Waiting)
    }

    fn has_new_beside(&self) -> bool {
        let rotated = Folder::open(&self.source).map(|folder| folder.rotated()).unwrap_or_default();
        versions(&rotated) != self.beside
    }

    /// The file was rotated away: it ends once nobody has written to it for a while.
    fn finish_when_settled(&mut self, look: &mut Look, now: SystemTime) -> Doing {
        let Some(reading) = &mut self.reading else { return Doing::Reading };
        let since = reading.modified().and_then(|modified| now.duration_since(modified).ok());
        // A time in the future says nothing.
        if !reading.is_gzip() && since.is_some_and(|since| since < self.source.limits.settle) {
            return Doing::Waiting;
        }
        let (rest, version) = (reading.rest(), reading.version);
        self.reading = None;
        self.give(rest.into_iter().collect(), look, now);
        self.is_finished = true;
        self.empty.push(version);
        Doing::Reading
    }

    /// The file was emptied under its reader. When a copy of it was made before, the rest is read from there.
    fn replaced(&mut self, look: &mut Look, now: SystemTime) -> Doing {
        let rotated = Folder::open(&self.source).map(|folder| folder.rotated()).unwrap_or_default();
        let is_copied = self.mark.is_some_and(|mark| holder(&rotated, &mark).is_some());
        let reading = self.reading.take();
        if !is_copied {
            let rest = reading.and_then(|mut reading| reading.rest());
            self.give(rest.into_iter().collect(), look, now);
            self.is_finished = true;
        }
        Doing::Reading
    }

    fn give(&mut self, lines: Vec<Whole>, look: &mut Look, now: SystemTime) {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        if self.day.number != since.as_secs() / DAY_S {
            self.day = Day { number: since.as_secs() / DAY_S, bytes: 0 };
        }
        let at = LogTime(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
        for Whole { text, dropped, mark } in lines {
            (self.mark, self.is_finished) = (Some(mark), false);
            self.empty.clear();
            let Some(position) = mark.write() else { continue };
            let bytes = text.len() as u64 + 1;
            self.day.bytes += bytes;
            let key = &self.source.key;
            look.entries.push(if self.day.bytes > self.source.limits.bytes_per_day {
                Entry { line: None, dropped: Some((DropReason::Volume, bytes + dropped)), position }
            } else {
                let line = Line { source: key.clone(), at, stream: Stream::File, text, cut: dropped > 0 };
                Entry { line: Some(line), dropped: (dropped > 0).then_some((DropReason::LongLine, dropped)), position }
            });
        }
    }
}

impl Target {
    fn current(opened: Opened, offset: u64) -> Self {
        Self { opened, is_gzip: false, is_current: true, offset }
    }
    fn rotated(rotated: Rotated, offset: u64) -> Self {
        let Rotated { name: _, is_gzip, opened } = rotated;
        Self { opened, is_gzip, is_current: false, offset }
    }
}

fn versions(rotated: &[Rotated]) -> Vec<Version> {
    rotated.iter().map(|one| one.opened.version()).collect()
}

/// The newest file that holds the mark.
fn holder(rotated: &[Rotated], mark: &Mark) -> Option<usize> {
    rotated.iter().rposition(|one| holds(&one.opened, one.is_gzip, mark))
}

/// Whether this is the file that the mark is in, wherever it is now.
fn holds(opened: &Opened, is_gzip: bool, mark: &Mark) -> bool {
    let check = if is_gzip { check_gzip(&opened.file, mark) } else { check_plain(opened, mark) };
    check.ok().flatten() == Some(Hash(mark.check))
}

fn check_plain(opened: &Opened, mark: &Mark) -> io::Result<Option<Hash>> {
    if opened.size < mark.offset {
        return Ok(None);
    }
    Ok(Some(Place::at(&opened.file, mark.offset)?.check()))
}

fn check_gzip(file: &File, mark: &Mark) -> io::Result<Option<Hash>> {
    let mut place = Place::beginning();
    let mut body = MultiGzDecoder::new(file.try_clone()?);
    let skipped = place.skip(&mut body, mark.offset);
    // The next reader begins at the beginning.
    (&*file).seek(SeekFrom::Start(0))?;
    Ok(skipped?.then(|| place.check()))
}

/// A line and where it ends.
struct Whole {
    text: Vec<u8>,
    dropped: u64,
    mark: Mark,
}

/// Where a reader is in the bytes of a file, and what it needs to make a mark of it.
#[derive(Clone)]
struct Place {
    offset: u64,
    /// Of the first bytes.
    head: Hash,
    /// The last bytes before the offset.
    tail: Vec<u8>,
}

impl Place {
    fn beginning() -> Self {
        Self { offset: 0, head: Hash::EMPTY, tail: Vec::new() }
    }

    /// At an offset of a file that has at least so many bytes.
    fn at(file: &File, offset: u64) -> io::Result<Self> {
        let length = |most: usize| usize::try_from(offset).unwrap_or(most).min(most);
        let (mut head, mut tail) = (vec![0; length(HEAD)], vec![0; length(TAIL)]);
        let before = offset - tail.len() as u64;
        file.read_exact_at(&mut head, 0)?;
        file.read_exact_at(&mut tail, before)?;
        Ok(Self { offset, head: Hash::EMPTY.and(&head), tail })
    }

    fn pass(&mut self, bytes: &[u8]) {
        let head = HEAD.saturating_sub(usize::try_from(self.offset).unwrap_or(HEAD));
        self.head = self.head.and(bytes.get(..head).unwrap_or(bytes));
        self.offset += bytes.len() as u64;
        let last = bytes.get(bytes.len().saturating_sub(TAIL)..).unwrap_or_default();
        let kept = self.tail.len().min(TAIL - last.len());
        self.tail.drain(..self.tail.len() - kept);
        self.tail.extend_from_slice(last);
    }

    fn check(&self) -> Hash {
        self.head.and(&self.tail)
    }

    /// Passes so many bytes of a stream; whether there were as many.
    fn skip(&mut self, body: &mut impl Read, offset: u64) -> io::Result<bool> {
        let mut buffer = vec![0; CHUNK];
        while self.offset < offset {
            let most = usize::try_from(offset - self.offset).unwrap_or(CHUNK).min(CHUNK);
            let read = body.read(buffer.get_mut(..most).unwrap_or_default())?;
            if read == 0 {
                return Ok(false);
            }
            self.pass(buffer.get(..read).unwrap_or_default());
        }
        Ok(true)
    }
}

enum Body {
    Plain(File),
    Gzip(Box<MultiGzDecoder<File>>),
}

/// A file that is being read.
struct Reading {
    body: Body,
    id: Identity,
    /// When it was opened.
    version: Version,
    is_current: bool,
    /// After the last byte that was read.
    place: Place,
    /// Where the line begins that is being read.
    line: u64,
    /// What was read of it, as far as it is kept, and how many bytes are not.
    pending: Vec<u8>,
    dropped: u64,
    buffer: Vec<u8>,
}

impl Reading {
    fn begin(target: Target) -> io::Result<Self> {
        let version = target.opened.version();
        let Target { opened: Opened { mut file, id, .. }, is_gzip, is_current, offset } = target;
        let (body, place) = if is_gzip {
            let (mut body, mut place) = (Box::new(MultiGzDecoder::new(file)), Place::beginning());
            place.skip(&mut body, offset)?;
            (Body::Gzip(body), place)
        } else {
            let place = Place::at(&file, offset)?;
            file.seek(SeekFrom::Start(offset))?;
            (Body::Plain(file), place)
        };
        let buffer = vec![0; CHUNK];
        Ok(Self { body, id, version, is_current, line: place.offset, place, pending: Vec::new(), dropped: 0, buffer })
    }

    /// Reads a chunk and takes its lines; how many bytes there were.
    fn read(&mut self, lines: &mut Vec<Whole>) -> io::Result<usize> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let read = match &mut self.body {
            Body::Plain(file) => file.read(&mut buffer),
            Body::Gzip(body) => body.read(&mut buffer),
        };
        if let Ok(read) = read {
            let bytes = buffer.get(..read).unwrap_or_default();
            for part in bytes.split_inclusive(|byte| *byte == b'\n') {
                self.place.pass(part);
                self.add(part.strip_suffix(b"\n").unwrap_or(part));
                if part.ends_with(b"\n") {
                    lines.push(self.line());
                }
            }
        }
        self.buffer = buffer;
        read
    }

    fn add(&mut self, text: &[u8]) {
        let room = LONGEST_LINE - self.pending.len().min(LONGEST_LINE);
        let (kept, dropped) = text.split_at(text.len().min(room));
        self.pending.extend_from_slice(kept);
        self.dropped += dropped.len() as u64;
    }

    fn line(&mut self) -> Whole {
        self.line = self.place.offset;
        let mark = Mark { file: self.id, offset: self.line, check: self.place.check().0 };
        Whole { text: std::mem::take(&mut self.pending), dropped: std::mem::take(&mut self.dropped), mark }
    }

    /// A line without end, at the end of a file that no one writes to any more.
    fn rest(&mut self) -> Option<Whole> {
        (self.place.offset > self.line).then(|| self.line())
    }

    /// Whether its beginning and the bytes before the offset are still those that were read.
    fn is_as_it_was(&self) -> bool {
        let Body::Plain(file) = &self.body else { return true };
        Place::at(file, self.place.offset).is_ok_and(|place| place.check() == self.place.check())
    }

    fn modified(&self) -> Option<SystemTime> {
        match &self.body {
            Body::Plain(file) => fstat(file).ok().map(|stat| about(&stat).2),
            Body::Gzip(_) => None,
        }
    }

    fn is_gzip(&self) -> bool {
        matches!(self.body, Body::Gzip(_))
    }
}
