//! Little-endian numbers and length-prefixed bytes, as the write-ahead file and the manifest hold them; and the frame
//! around each of their entries: length, checksum, content.

use std::io;

pub fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u32(out, bytes.len() as u32);
    out.extend_from_slice(bytes);
}

/// What is left to read. `None` says that it is not there.
#[derive(Clone, Copy)]
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(*self.take(4)?.first_chunk()?))
    }

    pub fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(*self.take(8)?.first_chunk()?))
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.u32()?;
        self.take(len as usize)
    }

    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}

/// Bytes before the content of a frame.
pub const HEAD: usize = 8;

/// Writes length and checksum into the first [`HEAD`] bytes of `frame`.
pub fn close_frame(frame: &mut [u8]) {
    if let Some((head, content)) = frame.split_first_chunk_mut::<HEAD>() {
        let len = (content.len() as u32).to_le_bytes();
        let sum = crc32fast::hash(content).to_le_bytes();
        let (at_len, at_sum) = head.split_at_mut(4);
        at_len.copy_from_slice(&len);
        at_sum.copy_from_slice(&sum);
    }
}

/// The content of the next frame of `input`; `None` at the end, and at the first that is not whole.
pub fn next_frame<'a>(input: &mut Input<'a>) -> Option<&'a [u8]> {
    let mut ahead = *input;
    let (len, sum) = (ahead.u32()?, ahead.u32()?);
    let content = ahead.take(len as usize)?;
    if crc32fast::hash(content) != sum {
        return None;
    }
    *input = ahead;
    Some(content)
}

/// Makes the names in a folder durable.
pub fn sync_folder(path: &std::path::Path) -> io::Result<()> {
    std::fs::File::open(path)?.sync_all()
}
