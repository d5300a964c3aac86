//! The write-ahead file: every commit is here, durable, before it is acknowledged, and until a segment has its lines.
//!
//! Files are named by their first commit, and begin with all marks. A commit is whole or it is not there: a frame that
//! was cut off by a crash fails its checksum. When a write fails its bytes are cut off again; where even that fails a new
//! file begins, and what an older file holds from that commit on does not count.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::hash::Hash;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::codec::{HEAD, Input, close_frame, next_frame, put_bytes, put_u32, put_u64, sync_folder};
use crate::error::{StoreError, file};
use crate::types::{Group, MarkKey, Record};

/// A file that is at least so long is followed by a new one.
const ROTATE: u64 = 32 << 20;

pub struct Wal {
    folder: PathBuf,
    file: File,
    path: PathBuf,
    /// Length up to which the file is durable.
    len: u64,
    /// Bytes of the marks that the file begins with, however many those are.
    begin: u64,
    /// First commits of the files that are there, the one in use last.
    pub files: Vec<u64>,
    /// The file must not be written to any more.
    broken: bool,
}

fn path_of(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}.wal"))
}

impl Wal {
    /// A new file behind those that `files` names, which begins with `marks`.
    pub fn create(
        folder: &Path,
        mut files: Vec<u64>,
        first: u64,
        marks: &[(MarkKey, Vec<u8>)],
    ) -> Result<Self, StoreError> {
        let path = path_of(folder, first);
        let mut frame = vec![0; HEAD];
        put_u64(&mut frame, 0);
        put_marks(&mut frame, marks);
        put_u32(&mut frame, 0);
        close_frame(&mut frame);
        let made = write_new(&path, &frame).and_then(|made| sync_folder(folder).map(|()| made));
        let handle = made.map_err(|error| {
            // Without its first frame the file would hide commits of the one before it.
            let _ = std::fs::remove_file(&path);
            file("begin", &path)(error)
        })?;
        files.retain(|other| *other != first);
        files.push(first);
        let len = frame.len() as u64;
        Ok(Self { folder: folder.to_owned(), file: handle, path, begin: len, len, files, broken: false })
    }

    /// Whether the next write begins a new file, which needs the marks.
    pub fn begins_anew(&self) -> bool {
        self.broken || self.len - self.begin >= ROTATE
    }

    /// Makes `frames` durable, of which the first is commit `first`.
    pub fn write(&mut self, frames: &[u8], first: u64, marks: &[(MarkKey, Vec<u8>)]) -> Result<(), StoreError> {
        if self.begins_anew() {
            *self = Self::create(&self.folder, self.files.clone(), first, marks)?;
        }
        let written = self.file.write_all(frames).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.len += frames.len() as u64;
                Ok(())
            }
            Err(error) => {
                let cut = self.file.set_len(self.len).and_then(|()| self.file.sync_all());
                self.broken = cut.is_err();
                Err(file("write to", &self.path)(error))
            }
        }
    }

    /// Removes files whose commits are all below `needed`.
    pub fn forget(&mut self, needed: u64) {
        while let [first, next, ..] = *self.files.as_slice() {
            if next > needed || std::fs::remove_file(path_of(&self.folder, first)).is_err() {
                break;
            }
            self.files.remove(0);
        }
    }
}

fn write_new(path: &Path, frame: &[u8]) -> std::io::Result<File> {
    let mut handle = OpenOptions::new().append(true).create(true).open(path)?;
    handle.set_len(0)?;
    handle.write_all(frame)?;
    handle.sync_all()?;
    Ok(handle)
}

/// First commits of the files in `folder`, ascending.
pub fn list(folder: &Path) -> Result<Vec<u64>, StoreError> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(file("list", folder))? {
        let name = entry.map_err(file("list", folder))?.file_name();
        let first =
            name.to_str().and_then(|name| name.strip_suffix(".wal")).and_then(|first| first.parse::<u64>().ok());
        files.extend(first);
    }
    files.sort_unstable();
    Ok(files)
}

/// Calls `commit` with the number and the content of each commit in order; zero is the number of the marks that a file
/// begins with. Answers the number that the next commit has, and the files that miss some.
pub fn replay(
    folder: &Path,
    files: &[u64],
    mut commit: impl FnMut(u64, Commit),
) -> Result<(u64, Vec<PathBuf>), StoreError> {
    let (mut next, mut damaged) = (files.first().copied().unwrap_or(1), Vec::new());
    for (at, first) in files.iter().enumerate() {
        let until = files.get(at + 1).copied();
        let path = path_of(folder, *first);
        let mut bytes = Vec::new();
        File::open(&path).and_then(|mut open| open.read_to_end(&mut bytes)).map_err(file("read", &path))?;
        let mut input = Input(&bytes);
        next = next.max(*first);
        while let Some((number, found)) = next_frame(&mut input).and_then(Commit::read) {
            if number == 0 {
                commit(number, found);
            } else if number >= next && until.is_none_or(|until| number < until) {
                next = number + 1;
                commit(number, found);
            }
        }
        // What a crash cut off is at the end of the last file, and was never acknowledged.
        if until.is_some_and(|until| next < until) {
            damaged.push(path);
        }
    }
    Ok((next, damaged))
}

fn put_marks(out: &mut Vec<u8>, marks: &[(MarkKey, Vec<u8>)]) {
    put_u32(out, marks.len() as u32);
    for (MarkKey(key), value) in marks {
        put_bytes(out, key.as_bytes());
        put_bytes(out, value);
    }
}

/// Marks with their values.
pub type Marks = Vec<(MarkKey, Vec<u8>)>;

/// One commit, read back.
pub struct Commit<'a> {
    pub marks: Marks,
    pub groups: Vec<Batch<'a>>,
}

/// Lines of one group in a commit, as columns.
pub struct Batch<'a> {
    pub group: &'a str,
    pub sources: Vec<(&'a str, &'a str)>,
    pub classes: Vec<[u64; 3]>,
    pub times: &'a [[u8; 8]],
    pub source_numbers: &'a [[u8; 4]],
    pub class_numbers: &'a [[u8; 4]],
    pub lens: &'a [[u8; 4]],
    /// The lines, each with a line end behind it.
    pub text: &'a [u8],
}

impl<'a> Commit<'a> {
    pub fn read(content: &'a [u8]) -> Option<(u64, Self)> {
        let mut input = Input(content);
        let number = input.u64()?;
        let mut commit = Self { marks: Vec::new(), groups: Vec::new() };
        for _ in 0..input.u32()? {
            commit.marks.push((MarkKey(input.text()?.to_owned()), input.bytes()?.to_vec()));
        }
        for _ in 0..input.u32()? {
            commit.groups.push(Batch::read(&mut input)?);
        }
        Some((number, commit))
    }
}

impl<'a> Batch<'a> {
    fn read(input: &mut Input<'a>) -> Option<Self> {
        let group = input.text()?;
        let (mut sources, mut classes) = (Vec::new(), Vec::new());
        for _ in 0..input.u32()? {
            sources.push((input.text()?, input.text()?));
        }
        for _ in 0..input.u32()? {
            classes.push([input.u64()?, input.u64()?, input.u64()?]);
        }
        let count = input.u32()? as usize;
        let times = input.take(count.checked_mul(8)?)?.as_chunks().0;
        let mut column = || Some(input.take(count.checked_mul(4)?)?.as_chunks().0);
        let (source_numbers, class_numbers, lens) = (column()?, column()?, column()?);
        Some(Self { group, sources, classes, times, source_numbers, class_numbers, lens, text: input.bytes()? })
    }
}

/// A commit as a frame whose number and checksum are still missing, see [`close`].
pub fn frame(batches: &[(&Group, &[Record])], marks: &[(MarkKey, Vec<u8>)]) -> Vec<u8> {
    let text: usize = batches.iter().flat_map(|(_, records)| *records).map(|record| record.text.len() + 32).sum();
    let mut out = Vec::with_capacity(text + 1024);
    out.resize(HEAD + 8, 0);
    put_marks(&mut out, marks);
    put_u32(&mut out, batches.len() as u32);
    for (Group(name), records) in batches {
        put_bytes(&mut out, name.as_bytes());
        put_batch(&mut out, records);
    }
    out
}

/// Gives a frame its number and checksum.
pub fn close(frame: &mut [u8], number: u64) {
    if let Some(place) = frame.get_mut(HEAD..HEAD + 8) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    close_frame(frame);
}

/// Gives each distinct value a number. Neighbours are often equal, so the last one is looked at first.
struct Numbered<T> {
    values: Vec<T>,
    numbers: HashMap<T, u32, crate::hash::Build>,
    last: Option<(T, u32)>,
}

impl<T: Copy + Eq + Hash> Numbered<T> {
    fn new() -> Self {
        Self { values: Vec::new(), numbers: HashMap::default(), last: None }
    }

    fn number(&mut self, value: T) -> u32 {
        if let Some((last, number)) = self.last
            && last == value
        {
            return number;
        }
        let next = self.values.len() as u32;
        let number = *self.numbers.entry(value).or_insert(next);
        if number == next {
            self.values.push(value);
        }
        self.last = Some((value, number));
        number
    }
}

fn put_batch(out: &mut Vec<u8>, records: &[Record]) {
    let (mut sources, mut classes) = (Numbered::new(), Numbered::new());
    let numbers: Vec<(u32, u32)> = records
        .iter()
        .map(|record| {
            let class = [u64::from(record.stream.code()), u64::from(record.severity.0), record.signature.0];
            (sources.number((record.resource, record.instance)), classes.number(class))
        })
        .collect();
    put_u32(out, sources.values.len() as u32);
    for (resource, instance) in &sources.values {
        put_bytes(out, resource.as_bytes());
        put_bytes(out, instance.as_bytes());
    }
    put_u32(out, classes.values.len() as u32);
    classes.values.iter().flatten().for_each(|value| put_u64(out, *value));
    put_u32(out, records.len() as u32);
    records.iter().for_each(|record| put_u64(out, record.time.0 as u64));
    numbers.iter().for_each(|(source, _)| put_u32(out, *source));
    numbers.iter().for_each(|(_, class)| put_u32(out, *class));
    records.iter().for_each(|record| put_u32(out, record.text.len() as u32));
    put_u32(out, records.iter().map(|record| record.text.len() as u32 + 1).sum());
    for record in records {
        out.extend_from_slice(record.text);
        out.push(b'\n');
    }
}
