//! Which segments there are, and how far each partition is sealed. A local file of small entries; when it is lost, the
//! segments' own footers say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::codec::{HEAD, Input, close_frame, next_frame, sync_folder};
use crate::error::{StoreError, file};
use crate::part::Partition;
use crate::types::{Day, Group, Nanos};

/// What is known of a segment without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Name of its object.
    pub name: String,
    pub group: Group,
    pub day: Day,
    /// First and last commit whose lines it has.
    pub(crate) first: u64,
    pub(crate) through: u64,
    pub lines: u64,
    /// Bytes of the lines with a line end each.
    pub payload: u64,
    /// Bytes of the object.
    pub stored: u64,
    pub earliest: Nanos,
    pub latest: Nanos,
    /// What each resource has in it.
    pub resources: Vec<ResourceShare>,
}

/// The lines of one resource in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceShare {
    pub resource: String,
    pub lines: u64,
    pub payload: u64,
    pub earliest: Nanos,
    pub latest: Nanos,
}

fn escape(text: &str, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        out.push(match (letter, letter == '\\') {
            (_, true) => match letters.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some(other) => other,
                None => '\\',
            },
            (other, false) => other,
        });
    }
    out
}

impl Segment {
    /// What stands in the segment's footer: all but the object's own name and size, in lines of fields with tabs.
    pub(crate) fn about(&self) -> String {
        let mut out = String::from("1\t");
        escape(&self.group.0, &mut out);
        let Self { day, first, through, lines, payload, earliest, latest, .. } = self;
        out.push_str(&format!("\t{}\t{first}\t{through}\t{lines}\t{payload}\t{}\t{}", day.0, earliest.0, latest.0));
        for share in &self.resources {
            out.push('\n');
            escape(&share.resource, &mut out);
            let ResourceShare { lines, payload, earliest, latest, resource: _ } = share;
            out.push_str(&format!("\t{lines}\t{payload}\t{}\t{}", earliest.0, latest.0));
        }
        out
    }

    pub(crate) fn parse(name: &str, stored: u64, about: &str) -> Option<Self> {
        let mut lines = about.split('\n');
        let mut fields = lines.next()?.split('\t');
        if fields.next()? != "1" {
            return None;
        }
        let group = Group(unescape(fields.next()?));
        let day = Day(fields.next()?.parse().ok()?);
        let mut number = || fields.next()?.parse::<u64>().ok();
        let (first, through, count, payload) = (number()?, number()?, number()?, number()?);
        let mut time = || fields.next()?.parse().ok().map(Nanos);
        let (earliest, latest) = (time()?, time()?);
        let resources = lines.map(|line| {
            let mut fields = line.split('\t');
            let resource = unescape(fields.next()?);
            let (lines, payload) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            let (earliest, latest) = (Nanos(fields.next()?.parse().ok()?), Nanos(fields.next()?.parse().ok()?));
            Some(ResourceShare { resource, lines, payload, earliest, latest })
        });
        let resources = resources.collect::<Option<_>>()?;
        let name = name.to_owned();
        Some(Self { name, group, day, first, through, lines: count, payload, stored, earliest, latest, resources })
    }

    pub(crate) fn partition(&self) -> Partition {
        Partition { group: self.group.clone(), day: self.day }
    }
}

/// A change of the manifest.
pub enum Entry {
    Sealed(Arc<Segment>),
    /// The segment does not count any more; its object is to be deleted.
    Removed(String),
    /// The object of a removed segment is gone.
    Gone(String),
    /// Commits of the partition up to this one are in segments, or were deleted.
    Floor(Partition, u64),
}

impl Entry {
    fn put(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + HEAD, 0);
        let text = match self {
            Self::Sealed(segment) => format!("sealed\t{}\t{}\n{}", segment.name, segment.stored, segment.about()),
            Self::Removed(name) => format!("removed\t{name}"),
            Self::Gone(name) => format!("gone\t{name}"),
            Self::Floor(partition, through) => {
                let mut text = format!("floor\t{through}\t{}\t", partition.day.0);
                escape(&partition.group.0, &mut text);
                text
            }
        };
        out.extend_from_slice(text.as_bytes());
        close_frame(out.get_mut(start..).unwrap_or_default());
    }

    fn read(content: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(content).ok()?;
        let (kind, rest) = text.split_once('\t')?;
        Some(match kind {
            "sealed" => {
                let (head, about) = rest.split_once('\n')?;
                let (name, stored) = head.split_once('\t')?;
                Self::Sealed(Arc::new(Segment::parse(name, stored.parse().ok()?, about)?))
            }
            "removed" => Self::Removed(rest.to_owned()),
            "gone" => Self::Gone(rest.to_owned()),
            "floor" => {
                let mut fields = rest.split('\t');
                let (through, day) = (fields.next()?.parse().ok()?, Day(fields.next()?.parse().ok()?));
                Self::Floor(Partition { group: Group(unescape(fields.next()?)), day }, through)
            }
            _ => return None,
        })
    }
}

/// The manifest in memory and on disk.
pub struct Manifest {
    path: PathBuf,
    file: File,
    len: u64,
    pub segments: BTreeMap<String, Arc<Segment>>,
    /// Objects that are to be deleted.
    pub removed: BTreeSet<String>,
    pub floors: BTreeMap<Partition, u64>,
}

impl Manifest {
    /// Reads the manifest in `folder` and writes it anew, in short. Answers also whether some of it was damaged.
    pub fn open(folder: &Path) -> Result<(Self, bool), StoreError> {
        let path = folder.join("manifest");
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(file("read", &path)(error)),
        };
        let mut entries = Vec::new();
        let mut input = Input(&bytes);
        while let Some(entry) = next_frame(&mut input).and_then(Entry::read) {
            entries.push(entry);
        }
        let damaged = !input.0.is_empty();
        let file = OpenOptions::new().append(true).create(true).open(&path).map_err(file("open", &path))?;
        let mut manifest =
            Self { path, file, len: 0, segments: BTreeMap::new(), removed: BTreeSet::new(), floors: BTreeMap::new() };
        entries.into_iter().for_each(|entry| manifest.apply(entry));
        manifest.rewrite(folder)?;
        Ok((manifest, damaged))
    }

    fn rewrite(&mut self, folder: &Path) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        self.segments.values().for_each(|segment| Entry::Sealed(segment.clone()).put(&mut bytes));
        self.removed.iter().for_each(|name| Entry::Removed(name.clone()).put(&mut bytes));
        self.floors.iter().for_each(|(partition, floor)| Entry::Floor(partition.clone(), *floor).put(&mut bytes));
        let fresh = folder.join("manifest.new");
        let write = || -> std::io::Result<File> {
            let mut out = File::create(&fresh)?;
            out.write_all(&bytes)?;
            out.sync_all()?;
            std::fs::rename(&fresh, &self.path)?;
            sync_folder(folder)?;
            OpenOptions::new().append(true).open(&self.path)
        };
        self.file = write().map_err(file("write", &self.path))?;
        self.len = bytes.len() as u64;
        Ok(())
    }

    fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Sealed(segment) => {
                let floor = self.floors.entry(segment.partition()).or_default();
                *floor = (*floor).max(segment.through);
                self.segments.insert(segment.name.clone(), segment);
            }
            Entry::Removed(name) => {
                self.segments.remove(&name);
                self.removed.insert(name);
            }
            Entry::Gone(name) => {
                self.removed.remove(&name);
            }
            Entry::Floor(partition, through) => {
                let floor = self.floors.entry(partition).or_default();
                *floor = (*floor).max(through);
            }
        }
    }

    /// Makes `entries` durable together, then true.
    pub fn commit(&mut self, entries: Vec<Entry>) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        entries.iter().for_each(|entry| entry.put(&mut bytes));
        if let Err(error) = self.file.write_all(&bytes).and_then(|()| self.file.sync_data()) {
            // Half an entry would hide the next one.
            let _ = self.file.set_len(self.len);
            return Err(file("write", &self.path)(error));
        }
        self.len += bytes.len() as u64;
        entries.into_iter().for_each(|entry| self.apply(entry));
        Ok(())
    }

    /// Forgets floors that no commit is below any more.
    pub fn forget_floors(&mut self, oldest: u64) {
        self.floors.retain(|_, floor| *floor >= oldest);
    }
}
