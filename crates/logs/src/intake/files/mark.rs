//! A place in a file, known again wherever the file went.

use overseer_provider_port::LogPosition;

const VERSION: u8 = 2;
/// Bytes at the beginning of a file that tell it from others.
pub const HEAD: usize = 256;
/// Bytes before the offset that do so.
pub const TAIL: usize = 32;

/// Which file, as the file system has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub device: u64,
    pub inode: u64,
}

/// After a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub file: Identity,
    /// Never 0.
    pub offset: u64,
    /// Of the file's first [`HEAD`] bytes and the [`TAIL`] bytes before the offset, or as many as there are.
    pub check: u64,
}

impl Mark {
    pub fn read(position: &LogPosition) -> Option<Self> {
        let (version, rest) = position.as_bytes().split_first()?;
        let (fields, rest) = rest.as_chunks::<8>();
        let [device, inode, offset, check] = *fields else { return None };
        let [device, inode, offset, check] = [device, inode, offset, check].map(u64::from_le_bytes);
        let is_mark = *version == VERSION && rest.is_empty() && offset > 0;
        is_mark.then_some(Self { file: Identity { device, inode }, offset, check })
    }

    pub fn write(self) -> Option<LogPosition> {
        let fields = [self.file.device, self.file.inode, self.offset, self.check];
        let bytes: Vec<u8> = std::iter::once(VERSION).chain(fields.into_iter().flat_map(u64::to_le_bytes)).collect();
        LogPosition::from_bytes(&bytes)
    }
}

/// FNV-1a, 64 bits: short inputs, and no one gains by a collision but in a file that is his own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(pub u64);

impl Hash {
    pub const EMPTY: Self = Self(0xcbf2_9ce4_8422_2325);

    #[must_use]
    pub fn and(self, bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)))
    }
}
