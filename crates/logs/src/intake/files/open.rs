//! Opens a declared file, and those beside it that it was rotated to. Each folder below the root is opened from the one
//! before, and a link is followed nowhere; what is not a regular file of a real file system is refused before it is opened
//! for reading.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, fstatfs, open, openat, statat};
use rustix::io::Errno;

use super::FileSource;
use super::mark::Identity;

/// Most files beside the declared one that are considered.
const SIBLINGS: usize = 1000;
/// File systems whose files are no files: proc, sysfs, debugfs, tracefs, cgroup, cgroup2, bpf, securityfs, configfs.
const NO_FILES: [u64; 9] =
    [0x9fa0, 0x6265_6572, 0x6462_6720, 0x7472_6163, 0x0027_e0eb, 0x6367_7270, 0xcafe_4a11, 0x7363_6673, 0x6265_6570];

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the file does not exist")]
    Missing,
    #[error("`{name}` is a symbolic link, which is not followed: declare its target")]
    Link { name: String },
    #[error("`{name}` is {what}: only regular files are read")]
    NotRegular { name: String, what: &'static str },
    #[error("`{name}` is on a kernel file system, which is not read")]
    KernelFile { name: String },
    #[error("`{name}` cannot be opened: {source}")]
    Io { name: String, source: io::Error },
}

/// An open file.
#[derive(Debug)]
pub struct Opened {
    pub file: File,
    pub id: Identity,
    pub size: u64,
    pub modified: SystemTime,
}

/// A file as it was at one time: an inode alone is soon given to another.
pub type Version = (Identity, u64, SystemTime);

impl Opened {
    pub fn version(&self) -> Version {
        (self.id, self.size, self.modified)
    }
}

/// The folder of a declared file.
pub struct Folder {
    folder: OwnedFd,
    name: String,
}

impl Folder {
    pub fn open(source: &FileSource) -> Result<Self, OpenError> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let root = source.root.display().to_string();
        // The operator named the root, so a link there is meant.
        let mut folder = open(&source.root, flags, Mode::empty()).map_err(|errno| failed(&root, errno))?;
        let Some((name, folders)) = source.names.split_last() else { return Err(OpenError::Missing) };
        for name in folders {
            let next = openat(&folder, name.as_str(), flags | OFlags::NOFOLLOW, Mode::empty());
            // The kernel says "not a folder" of a link as well.
            folder = next.map_err(|errno| match kind(&folder, name) {
                Ok(FileType::Symlink) => OpenError::Link { name: name.clone() },
                Ok(_) | Err(_) => failed(name, errno),
            })?;
        }
        Ok(Self { folder, name: name.clone() })
    }

    /// The declared file.
    pub fn current(&self) -> Result<Opened, OpenError> {
        self.file(&self.name)
    }

    /// A file of this folder.
    fn file(&self, name: &str) -> Result<Opened, OpenError> {
        // Opening a device can do something, so it is not even tried.
        regular(name, kind(&self.folder, name).map_err(|errno| failed(name, errno))?)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = openat(&self.folder, name, flags, Mode::empty()).map_err(|errno| failed(name, errno))?;
        let stat = fstat(&opened).map_err(|errno| failed(name, errno))?;
        regular(name, FileType::from_raw_mode(stat.st_mode))?;
        let system = fstatfs(&opened).map_err(|errno| failed(name, errno))?;
        if NO_FILES.contains(&u64::try_from(system.f_type).unwrap_or_default()) {
            return Err(OpenError::KernelFile { name: name.to_owned() });
        }
        let (id, size, modified) = about(&stat);
        Ok(Opened { file: opened.into(), id, size, modified })
    }

    /// What the declared file was rotated to, the oldest first.
    pub fn rotated(&self) -> Vec<Rotated> {
        let Ok(entries) = Dir::read_from(&self.folder) else { return Vec::new() };
        let names =
            entries.filter_map(Result::ok).filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned));
        let names = names.filter(|name| name.strip_prefix(&self.name).is_some_and(is_rotation)).take(SIBLINGS);
        let opened = names.filter_map(|name| {
            let opened = self.file(&name).ok()?;
            Some(Rotated { is_gzip: name.ends_with(".gz"), name, opened })
        });
        let mut rotated: Vec<Rotated> = opened.collect();
        // One that is being compressed is there twice.
        let plain: Vec<String> = rotated.iter().filter(|one| !one.is_gzip).map(|one| one.name.clone()).collect();
        rotated.retain(|one| one.name.strip_suffix(".gz").is_none_or(|name| !plain.iter().any(|plain| plain == name)));
        // Of one time: `.2` is older than `.1`.
        rotated.sort_by(|one, other| {
            one.opened.modified.cmp(&other.opened.modified).then_with(|| other.name.cmp(&one.name))
        });
        rotated
    }
}

/// A file that the declared one was rotated to.
#[derive(Debug)]
pub struct Rotated {
    pub name: String,
    pub is_gzip: bool,
    pub opened: Opened,
}

/// What a rotation adds to a name: `.1`, `-20261121`, `.2026-11-21T08`, and `.gz` behind any of them.
fn is_rotation(added: &str) -> bool {
    let added = added.strip_suffix(".gz").unwrap_or(added);
    let sign = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '_' | 'T' | 'Z');
    added.starts_with(['.', '-', '_']) && added.contains(|c: char| c.is_ascii_digit()) && added.chars().all(sign)
}

pub fn about(stat: &Stat) -> (Identity, u64, SystemTime) {
    let id = Identity { device: stat.st_dev, inode: stat.st_ino };
    let seconds = u64::try_from(stat.st_mtime).unwrap_or_default();
    let nanos = u32::try_from(stat.st_mtime_nsec).unwrap_or_default();
    let modified = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos);
    (id, u64::try_from(stat.st_size).unwrap_or_default(), modified)
}

fn kind(folder: &OwnedFd, name: &str) -> Result<FileType, Errno> {
    statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| FileType::from_raw_mode(stat.st_mode))
}

fn regular(name: &str, kind: FileType) -> Result<(), OpenError> {
    let what = match kind {
        FileType::RegularFile => return Ok(()),
        FileType::Symlink => return Err(OpenError::Link { name: name.to_owned() }),
        FileType::Directory => "a folder",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "of unknown type",
    };
    Err(OpenError::NotRegular { name: name.to_owned(), what })
}

fn failed(name: &str, errno: Errno) -> OpenError {
    match errno {
        Errno::NOENT => OpenError::Missing,
        Errno::LOOP => OpenError::Link { name: name.to_owned() },
        other => OpenError::Io { name: name.to_owned(), source: other.into() },
    }
}
