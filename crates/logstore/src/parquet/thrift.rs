//! The part of Thrift's compact protocol that Parquet's footers and page headers need. Reading treats every byte as
//! hostile: nothing panics, nothing is allocated for a length that the input does not carry.

pub const TRUE: u8 = 1;
pub const FALSE: u8 = 2;
pub const I32: u8 = 5;
pub const I64: u8 = 6;
pub const BINARY: u8 = 8;
pub const LIST: u8 = 9;
pub const STRUCT: u8 = 12;

/// Deepest nesting that is read; Parquet's own structures need five.
const MAX_DEPTH: u8 = 12;

#[derive(Default)]
pub struct Writer {
    pub out: Vec<u8>,
    /// Id of the last field in each open structure.
    open: Vec<i16>,
}

impl Writer {
    /// The bytes of one structure whose fields `fill` writes.
    pub fn structure(fill: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut writer = Self::default();
        writer.element(fill);
        writer.out
    }

    /// One structure as an element of a list.
    pub fn element(&mut self, fill: impl FnOnce(&mut Self)) {
        self.open.push(0);
        fill(self);
        self.open.pop();
        self.out.push(0);
    }

    fn head(&mut self, id: i16, kind: u8) {
        let last = self.open.last_mut();
        let step = id - last.as_ref().map_or(0, |last| **last);
        if let Some(last) = last {
            *last = id;
        }
        match u8::try_from(step) {
            Ok(step @ 1..=15) => self.out.push(step << 4 | kind),
            _ => {
                self.out.push(kind);
                varint(&mut self.out, zigzag(i64::from(id)));
            }
        }
    }

    pub fn bool(&mut self, id: i16, value: bool) {
        self.head(id, if value { TRUE } else { FALSE });
    }

    pub fn i32(&mut self, id: i16, value: i32) {
        self.head(id, I32);
        varint(&mut self.out, zigzag(i64::from(value)));
    }

    pub fn i64(&mut self, id: i16, value: i64) {
        self.head(id, I64);
        varint(&mut self.out, zigzag(value));
    }

    pub fn text(&mut self, id: i16, value: &str) {
        self.head(id, BINARY);
        self.text_element(value);
    }

    pub fn text_element(&mut self, value: &str) {
        varint(&mut self.out, value.len() as u64);
        self.out.extend_from_slice(value.as_bytes());
    }

    pub fn i32_element(&mut self, value: i32) {
        varint(&mut self.out, zigzag(i64::from(value)));
    }

    pub fn inner(&mut self, id: i16, fill: impl FnOnce(&mut Self)) {
        self.head(id, STRUCT);
        self.element(fill);
    }

    /// Announces `len` elements of `kind`, which the caller then writes.
    pub fn list(&mut self, id: i16, kind: u8, len: usize) {
        self.head(id, LIST);
        match u8::try_from(len) {
            Ok(len @ 0..=14) => self.out.push(len << 4 | kind),
            _ => {
                self.out.push(0xf0 | kind);
                varint(&mut self.out, len as u64);
            }
        }
    }
}

pub fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

pub fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// What is left of the input. Every method answers `None` when the input does not hold what was asked for.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    pub rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    pub fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub fn i64(&mut self) -> Option<i64> {
        self.varint().map(unzigzag)
    }

    /// A length or an offset: never negative.
    pub fn size(&mut self) -> Option<usize> {
        usize::try_from(self.i64()?).ok()
    }

    pub fn binary(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.varint()?).ok()?;
        self.take(len)
    }

    /// Kind and number of elements of a list. Each takes at least a byte, so the number is bounded by the input.
    pub fn list(&mut self) -> Option<(u8, usize)> {
        let head = self.byte()?;
        let len = match head >> 4 {
            15 => usize::try_from(self.varint()?).ok()?,
            len => usize::from(len),
        };
        (len <= self.rest.len()).then_some((head & 15, len))
    }

    /// Calls `field` for each field of a structure with its id and kind; it answers `Some(false)` for what it does not
    /// know, which is then skipped.
    pub fn fields(&mut self, mut field: impl FnMut(&mut Self, i16, u8) -> Option<bool>) -> Option<()> {
        let mut id = 0i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(());
            }
            id = match head >> 4 {
                0 => i16::try_from(self.i64()?).ok()?,
                step => id.checked_add(i16::from(step))?,
            };
            if !field(self, id, head & 15)? {
                self.skip(head & 15, MAX_DEPTH)?;
            }
        }
    }

    fn skip(&mut self, kind: u8, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            TRUE | FALSE => {}
            3 => drop(self.byte()?),
            4..=6 => drop(self.varint()?),
            7 => drop(self.take(8)?),
            BINARY => drop(self.binary()?),
            LIST | 10 => {
                let (kind, len) = self.list()?;
                for _ in 0..len {
                    match kind {
                        TRUE | FALSE => drop(self.byte()?),
                        kind => self.skip(kind, depth)?,
                    }
                }
            }
            STRUCT => loop {
                let head = self.byte()?;
                if head == 0 {
                    break;
                }
                if head >> 4 == 0 {
                    self.varint()?;
                }
                self.skip(head & 15, depth)?;
            },
            _ => return None,
        }
        Some(())
    }
}
