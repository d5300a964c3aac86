//! The store: commits lines, seals them into segments, and answers queries over both.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use crate::codec::HEAD;
use crate::error::{StoreError, file};
use crate::manifest::{Entry, Manifest, Segment};
use crate::objects::Objects;
use crate::part::{Part, Partition, days};
use crate::query::{Aside, Key, Matcher, Order, Page, Query};
use crate::scan::{Wanted, in_memory, in_segment};
use crate::seal::{Form, seal};
use crate::segment::{ReadError, Source, footer};
use crate::types::{Ack, Group, Line, MAX_NAME, MarkKey, Nanos, Record};
use crate::wal::{self, Wal};

/// How the store works. The defaults suit a machine with some hundred containers.
#[derive(Clone, Debug)]
pub struct Config {
    /// Payload at which a group's lines of a day are sealed into a segment. Bytes.
    pub segment_bytes: usize,
    /// Payload of one block of a segment: what a search for a short time reads at least. Bytes.
    pub block_bytes: usize,
    /// Payload that all lines in memory together may have before the largest are sealed. Bytes. Memory stays below
    /// about three times this and twice `segment_bytes`.
    pub unsealed_bytes: usize,
    /// Lines are sealed at the latest so long after [`Store::maintain`] first saw them.
    pub max_age: Nanos,
    /// Longest text of a record, in bytes.
    pub record_bytes: usize,
    /// zstd level of segments, 1 to 19.
    pub level: i32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            block_bytes: 32 << 20,
            unsealed_bytes: 256 << 20,
            max_age: Nanos(3_600_000_000_000),
            record_bytes: 64 << 10,
            level: 1,
        }
    }
}

/// Largest commit, in bytes of text and 32 for each record.
const MAX_COMMIT: usize = 64 << 20;

/// What opening found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Lines that were acknowledged but in no segment, and are back in memory.
    pub recovered: u64,
    /// Segments that cannot be used, by name and why.
    pub aside: Vec<Aside>,
    /// Segments that the manifest did not know, and that count again.
    pub adopted: Vec<String>,
    /// Write-ahead files of which a part could not be read: their lines may be missing.
    pub damaged: Vec<PathBuf>,
}

/// Which lines to delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    Group(Group),
    Resource(String),
}

/// See the crate's documentation. All calls block; share it between threads by reference.
pub struct Store {
    config: Config,
    objects: Objects,
    queue: Mutex<Queue>,
    turned: Condvar,
    writer: Mutex<Writer>,
    state: Mutex<State>,
    /// Held while sealing or deleting: one at a time, in the order of commits.
    sealing: Mutex<()>,
    /// Locked for as long as the store is open.
    _held: File,
}

/// Commits that wait to be written together.
#[derive(Default)]
struct Queue {
    waiting: Vec<(u64, Vec<u8>)>,
    next_ticket: u64,
    is_led: bool,
    done: BTreeMap<u64, Result<u64, Failure>>,
}

/// Why a write failed, for each of those that waited for it.
#[derive(Clone)]
struct Failure {
    path: PathBuf,
    kind: io::ErrorKind,
    code: Option<i32>,
}

impl Failure {
    fn error(self) -> StoreError {
        let source = self.code.map_or_else(|| self.kind.into(), io::Error::from_raw_os_error);
        file("write to", &self.path)(source)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::DiskFull { path, source } | StoreError::File { path, source, .. } => {
                Self { path, kind: source.kind(), code: source.raw_os_error() }
            }
            _ => Self { path: PathBuf::new(), kind: io::ErrorKind::Other, code: None },
        }
    }
}

struct Writer {
    wal: Wal,
    /// Number of the next commit.
    next: u64,
}

struct State {
    open: BTreeMap<Partition, Part>,
    /// Parts that take no more lines and are in no segment yet, oldest first.
    frozen: VecDeque<Arc<Part>>,
    manifest: Manifest,
    marks: BTreeMap<MarkKey, Vec<u8>>,
    aside: BTreeMap<String, String>,
}

impl State {
    fn unsealed(&self) -> usize {
        self.open.values().map(Part::memory).sum::<usize>()
            + self.frozen.iter().map(|part| part.memory()).sum::<usize>()
    }

    fn take(&mut self, number: u64, commit: wal::Commit) {
        self.marks.extend(commit.marks);
        for batch in &commit.groups {
            for (partition, range, text) in days(batch) {
                // Up to the floor they are in a segment already.
                if self.manifest.floors.get(&partition).is_none_or(|floor| *floor < number) {
                    let part = self.open.entry(partition.clone()).or_insert_with(|| Part::new(partition, number));
                    part.extend(number, batch, range, text);
                }
            }
        }
    }

    fn freeze(&mut self, partitions: Vec<Partition>) {
        for partition in partitions {
            if let Some(part) = self.open.remove(&partition) {
                self.frozen.push_back(Arc::new(part));
            }
        }
    }

    /// First commit that is needed in the write-ahead files.
    fn oldest(&self) -> Option<u64> {
        self.open.values().map(|part| part.first).chain(self.frozen.iter().map(|part| part.first)).min()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>, StoreError> {
    mutex.lock().map_err(|_| StoreError::Poisoned)
}

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

    /// Commits lines and marks together, all or nothing. When it returns they are durable, and searches find them. Calls
    /// that come at the same time share one write to the disk. The order of equal times is that of the calls.
    ///
    /// When too much is unsealed, sealing is done here, and takes its time.
    ///
    /// # Errors
    /// When a line, a name or the whole is too long, or nothing can be written: then nothing of the call is kept.
    pub fn append(&self, batches: &[(&Group, &[Record])], marks: &[(MarkKey, Vec<u8>)]) -> Result<Ack, StoreError> {
        self.validate(batches, marks)?;
        let ack = self.commit(wal::frame(batches, marks))?;
        if lock(&self.state)?.unsealed() > self.config.unsealed_bytes {
            self.relieve()?;
        }
        Ok(ack)
    }

    fn validate(&self, batches: &[(&Group, &[Record])], marks: &[(MarkKey, Vec<u8>)]) -> Result<(), StoreError> {
        let name = |name: &str| match name.len() {
            got if got > MAX_NAME => Err(StoreError::NameTooLong { got, limit: MAX_NAME }),
            _ => Ok(()),
        };
        let mut total = marks.iter().map(|(_, value)| value.len()).sum();
        marks.iter().try_for_each(|(key, _)| name(&key.0))?;
        for (group, records) in batches {
            name(&group.0)?;
            for record in *records {
                let (got, limit) = (record.text.len(), self.config.record_bytes);
                if got > limit {
                    return Err(StoreError::LineTooLong { got, limit });
                }
                name(record.resource)?;
                name(record.instance)?;
                total += got + 32;
            }
        }
        if total > MAX_COMMIT {
            return Err(StoreError::BatchTooLarge { got: total, limit: MAX_COMMIT });
        }
        Ok(())
    }

    /// Waits until `frame` is durable and its lines are in memory. One of those who wait writes for all.
    fn commit(&self, frame: Vec<u8>) -> Result<Ack, StoreError> {
        let mut queue = lock(&self.queue)?;
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        queue.waiting.push((ticket, frame));
        loop {
            if let Some(done) = queue.done.remove(&ticket) {
                return done.map(|commit| Ack { commit }).map_err(Failure::error);
            }
            if queue.is_led {
                queue = self.turned.wait(queue).map_err(|_| StoreError::Poisoned)?;
                continue;
            }
            queue.is_led = true;
            let batch = std::mem::take(&mut queue.waiting);
            drop(queue);
            let (tickets, frames): (Vec<u64>, Vec<Vec<u8>>) = batch.into_iter().unzip();
            let written = self.write(frames);
            queue = lock(&self.queue)?;
            queue.is_led = false;
            let first = written.map_err(Failure::from);
            for (at, ticket) in (0..).zip(tickets) {
                queue.done.insert(ticket, first.clone().map(|first| first + at));
            }
            self.turned.notify_all();
        }
    }

    /// Writes and applies commits; answers the number of the first.
    fn write(&self, mut frames: Vec<Vec<u8>>) -> Result<u64, StoreError> {
        let mut writer = lock(&self.writer)?;
        let first = writer.next;
        for (number, frame) in (first..).zip(&mut frames) {
            wal::close(frame, number);
        }
        let marks: wal::Marks =
            if writer.wal.begins_anew() { lock(&self.state)?.marks.clone().into_iter().collect() } else { Vec::new() };
        match frames.as_slice() {
            [only] => writer.wal.write(only, first, &marks)?,
            several => writer.wal.write(&several.concat(), first, &marks)?,
        }
        writer.next += frames.len() as u64;
        let mut state = lock(&self.state)?;
        for frame in &frames {
            if let Some((number, commit)) = frame.get(HEAD..).and_then(wal::Commit::read) {
                state.take(number, commit);
            }
        }
        Ok(first)
    }

    /// The value that was last committed under `key`.
    ///
    /// # Errors
    /// Only after a panic inside the store.
    pub fn mark(&self, key: &MarkKey) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(lock(&self.state)?.marks.get(key).cloned())
    }

    /// All marks.
    ///
    /// # Errors
    /// Only after a panic inside the store.
    pub fn marks(&self) -> Result<BTreeMap<MarkKey, Vec<u8>>, StoreError> {
        Ok(lock(&self.state)?.marks.clone())
    }

    /// Seals what is large or old enough at `now`. To be called every few seconds.
    ///
    /// # Errors
    /// When a segment cannot be written. Its lines stay where they are, and the next call tries again.
    pub fn maintain(&self, now: Nanos) -> Result<(), StoreError> {
        let turn = lock(&self.sealing)?;
        let mut state = lock(&self.state)?;
        let mut due = Vec::new();
        for (partition, part) in &mut state.open {
            let since = *part.since.get_or_insert(now);
            if part.payload >= self.config.segment_bytes || now.0.saturating_sub(since.0) >= self.config.max_age.0 {
                due.push(partition.clone());
            }
        }
        state.freeze(due);
        drop(state);
        self.seal_frozen(&turn)
    }

    /// Seals everything.
    ///
    /// # Errors
    /// As [`Self::maintain`].
    pub fn seal(&self) -> Result<(), StoreError> {
        let turn = lock(&self.sealing)?;
        let mut state = lock(&self.state)?;
        let all = state.open.keys().cloned().collect();
        state.freeze(all);
        drop(state);
        self.seal_frozen(&turn)
    }

    /// Seals the largest parts until half of what may be unsealed is free.
    fn relieve(&self) -> Result<(), StoreError> {
        let turn = lock(&self.sealing)?;
        let mut state = lock(&self.state)?;
        let mut left = state.open.values().map(Part::memory).sum::<usize>();
        let mut by_size: Vec<_> =
            state.open.iter().map(|(partition, part)| (part.memory(), partition.clone())).collect();
        by_size.sort_unstable_by(|a, b| b.cmp(a));
        let mut due = Vec::new();
        for (size, partition) in by_size {
            if left <= self.config.unsealed_bytes / 2 {
                break;
            }
            left -= size;
            due.push(partition);
        }
        state.freeze(due);
        drop(state);
        self.seal_frozen(&turn)
    }

    fn seal_frozen(&self, _turn: &MutexGuard<()>) -> Result<(), StoreError> {
        loop {
            // Those of one partition are in order of their commits; a failure must end the round, since a later segment
            // says that all before it is sealed.
            let Some(part) = lock(&self.state)?.frozen.front().cloned() else { break };
            let name = part.partition.group.0.clone();
            let (segment, bytes) = seal(&part, self.form()).map_err(|source| StoreError::Encode { name, source })?;
            self.objects.put(&segment.name, bytes)?;
            let mut state = lock(&self.state)?;
            state.manifest.commit(vec![Entry::Sealed(Arc::new(segment))])?;
            state.frozen.pop_front();
        }
        // While the writer is held no commit is between its file and memory.
        let mut writer = lock(&self.writer)?;
        let oldest = lock(&self.state)?.oldest().unwrap_or(writer.next);
        writer.wal.forget(oldest);
        let first = writer.wal.files.first().copied().unwrap_or(writer.next);
        lock(&self.state)?.manifest.forget_floors(first);
        Ok(())
    }

    fn form(&self) -> Form {
        Form { block_bytes: self.config.block_bytes, level: self.config.level }
    }

    /// The segments, and what is known of them without reading them.
    ///
    /// # Errors
    /// Only after a panic inside the store.
    pub fn segments(&self) -> Result<Vec<Arc<Segment>>, StoreError> {
        Ok(lock(&self.state)?.manifest.segments.values().cloned().collect())
    }

    /// Lines and payload bytes that are in no segment yet, by group.
    ///
    /// # Errors
    /// Only after a panic inside the store.
    pub fn unsealed(&self) -> Result<BTreeMap<Group, (u64, u64)>, StoreError> {
        let state = lock(&self.state)?;
        let mut groups = BTreeMap::new();
        for part in state.open.values().chain(state.frozen.iter().map(|part| &**part)) {
            let (lines, bytes) = groups.entry(part.partition.group.clone()).or_insert((0, 0));
            *lines += part.lines as u64;
            *bytes += part.payload as u64;
        }
        Ok(groups)
    }

    /// Answers `query`. Lines that are committed while it runs may be missing, all before are there.
    ///
    /// # Errors
    /// When the regular expression cannot be used. A segment that cannot be read is no error: the page names it.
    pub fn read(&self, query: &Query) -> Result<Page, StoreError> {
        let matcher = Matcher::new(query.text.as_ref())?;
        let after = query.after.as_ref().map(|cursor| cursor.0.clone());
        let mut wanted = Wanted { query, matcher, after };
        let mut page = Page::default();
        let mut places = self.places(&wanted, &mut page)?;
        match query.order {
            Order::NewestFirst => places.sort_by_key(|place| std::cmp::Reverse(place.latest())),
            Order::OldestFirst => places.sort_by_key(Place::earliest),
        }
        let mut found: Vec<(Key, Line)> = Vec::new();
        for place in &places {
            if is_beyond(place, &found, query) {
                page.looked_at.skipped += usize::from(matches!(place, Place::Sealed(_)));
                continue;
            }
            let lines = match place {
                Place::Memory(part) => in_memory(part, &wanted),
                Place::Sealed(segment) => {
                    page.looked_at.segments += 1;
                    page.looked_at.payload += segment.payload;
                    match self.in_sealed(segment, &wanted) {
                        Ok(lines) => lines,
                        Err(why) => {
                            page.aside.extend(why);
                            continue;
                        }
                    }
                }
            };
            found.extend(lines);
            sort(&mut found, query.order);
            found.truncate(query.lines);
        }
        wanted.after = None;
        cut(found, query, &mut page);
        Ok(page)
    }

    /// What may hold wanted lines.
    fn places(&self, wanted: &Wanted, page: &mut Page) -> Result<Vec<Place>, StoreError> {
        let state = lock(&self.state)?;
        let groups = &wanted.query.groups;
        let has_group = |group: &Group| groups.is_empty() || groups.contains(group);
        let mut places = Vec::new();
        for segment in state.manifest.segments.values() {
            if !has_group(&segment.group) || !wanted.overlaps(segment.earliest, segment.latest) {
                page.looked_at.skipped += 1;
            } else if let Some(why) = state.aside.get(&segment.name) {
                page.aside.push(Aside { name: segment.name.clone(), why: why.clone() });
            } else if segment
                .resources
                .iter()
                .any(|share| wanted.has_resource(&share.resource) && wanted.overlaps(share.earliest, share.latest))
            {
                places.push(Place::Sealed(segment.clone()));
            } else {
                page.looked_at.skipped += 1;
            }
        }
        let open = state.open.values().cloned().map(Arc::new);
        for part in open.chain(state.frozen.iter().cloned()) {
            if has_group(&part.partition.group) && wanted.overlaps(part.earliest, part.latest) {
                places.push(Place::Memory(part));
            }
        }
        Ok(places)
    }

    /// `Err` says what to tell of the segment, if anything.
    fn in_sealed(&self, segment: &Segment, wanted: &Wanted) -> Result<Vec<(Key, Line)>, Option<Aside>> {
        let source = Object::new(&self.objects, segment).map_err(|error| self.set_aside(segment, &error))?;
        in_segment(&source, &Arc::new(segment.partition()), segment.first, wanted)
            .map(|(lines, _)| lines)
            .map_err(|error| self.set_aside(segment, &error))
    }

    /// Remembers a segment that is damaged. One that was deleted meanwhile is nothing to tell.
    fn set_aside(&self, segment: &Segment, error: &ReadError) -> Option<Aside> {
        let mut why = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            why.push_str(&format!(": {error}"));
            cause = error.source();
        }
        let mut state = self.state.lock().ok()?;
        if !state.manifest.segments.contains_key(&segment.name) {
            return None;
        }
        if matches!(error, ReadError::Corrupt(_)) {
            state.aside.insert(segment.name.clone(), why.clone());
        }
        Some(Aside { name: segment.name.clone(), why })
    }

    /// Deletes what is older than `time` and answers how many lines that were. Whole segments go: of a segment with
    /// lines on both sides of `time` all stay, and lines of a resource that shares its segments stay until the others of
    /// their segment may go too.
    ///
    /// # Errors
    /// When the manifest cannot be written. What was deleted before that stays deleted.
    pub fn delete_before(&self, selector: &Selector, time: Nanos) -> Result<u64, StoreError> {
        let _turn = lock(&self.sealing)?;
        let mut state = lock(&self.state)?;
        let is_old = |segment: &Segment| match selector {
            Selector::Group(group) => segment.group == *group && segment.latest < time,
            Selector::Resource(resource) => {
                segment.latest < time && segment.resources.iter().all(|share| share.resource == *resource)
            }
        };
        let old: Vec<Arc<Segment>> =
            state.manifest.segments.values().filter(|segment| is_old(segment)).cloned().collect();
        let mut entries: Vec<Entry> = old.iter().map(|segment| Entry::Removed(segment.name.clone())).collect();
        let mut lines: u64 = old.iter().map(|segment| segment.lines).sum();
        if let Selector::Group(group) = selector {
            let gone = |part: &Part| part.partition.group == *group && part.latest < time;
            for part in state.open.values().chain(state.frozen.iter().map(|part| &**part)).filter(|part| gone(part)) {
                entries.push(Entry::Floor(part.partition.clone(), part.through));
                lines += part.lines as u64;
            }
            state.manifest.commit(entries)?;
            state.open.retain(|_, part| !gone(part));
            state.frozen.retain(|part| !gone(part));
        } else {
            state.manifest.commit(entries)?;
        }
        drop(state);
        for segment in old {
            self.objects.delete(&segment.name)?;
            lock(&self.state)?.manifest.commit(vec![Entry::Gone(segment.name.clone())])?;
        }
        Ok(lines)
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

/// Where lines may be.
enum Place {
    Memory(Arc<Part>),
    Sealed(Arc<Segment>),
}

impl Place {
    fn earliest(&self) -> Nanos {
        match self {
            Self::Memory(part) => part.earliest,
            Self::Sealed(segment) => segment.earliest,
        }
    }

    fn latest(&self) -> Nanos {
        match self {
            Self::Memory(part) => part.latest,
            Self::Sealed(segment) => segment.latest,
        }
    }
}

fn sort(found: &mut [(Key, Line)], order: Order) {
    match order {
        Order::OldestFirst => found.sort_by(|a, b| a.0.cmp(&b.0)),
        Order::NewestFirst => found.sort_by(|a, b| b.0.cmp(&a.0)),
    }
}

/// Whether the page is full of lines that come before all of `place`.
fn is_beyond(place: &Place, found: &[(Key, Line)], query: &Query) -> bool {
    let Some((last, _)) = found.last() else { return false };
    let bytes: usize = found.iter().map(|(_, line)| line.text.len()).sum();
    let is_full = found.len() >= query.lines || bytes >= query.bytes;
    is_full
        && match query.order {
            Order::NewestFirst => place.latest().0 < last.time,
            Order::OldestFirst => place.earliest().0 > last.time,
        }
}

/// Fills the page with what fits.
fn cut(found: Vec<(Key, Line)>, query: &Query, page: &mut Page) {
    let all = found.len();
    let (mut bytes, mut last) = (0, None);
    // Each place gave lines until it had enough, so behind a full page there may be more.
    for (key, line) in found {
        bytes += line.text.len();
        if bytes > query.bytes && last.is_some() {
            break;
        }
        page.lines.push(line);
        last = Some(key);
    }
    if page.lines.len() < all || all >= query.lines || bytes >= query.bytes {
        page.next = last.map(crate::query::Cursor);
    }
}

/// The bytes of an object.
struct Bytes<'a> {
    objects: &'a Objects,
    name: &'a str,
    len: usize,
}

impl Source for Bytes<'_> {
    fn size(&self) -> usize {
        self.len
    }

    fn read(&self, range: Range<usize>) -> io::Result<Vec<u8>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        self.objects.read(self.name, range).map_err(io::Error::other)
    }
}

/// The bytes of a segment; those of a small one are fetched at once.
enum Object<'a> {
    Whole(Vec<u8>),
    Parts(Bytes<'a>),
}

/// Objects up to this size are fetched whole.
const SMALL: usize = 512 << 10;

impl<'a> Object<'a> {
    fn new(objects: &'a Objects, segment: &'a Segment) -> Result<Self, ReadError> {
        let bytes = Bytes { objects, name: &segment.name, len: segment.stored as usize };
        if bytes.len > SMALL {
            return Ok(Self::Parts(bytes));
        }
        bytes.read(0..bytes.len).map(Self::Whole).map_err(ReadError::Fetch)
    }
}

impl Source for Object<'_> {
    fn size(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Parts(bytes) => bytes.len,
        }
    }

    fn read(&self, range: Range<usize>) -> io::Result<Vec<u8>> {
        match self {
            Self::Whole(bytes) => bytes.as_slice().read(range),
            Self::Parts(bytes) => bytes.read(range),
        }
    }
}
