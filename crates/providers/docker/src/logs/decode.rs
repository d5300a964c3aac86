//! From the engine's bytes to the pieces of its entries: frames with a header of eight bytes, or the bare bytes of a
//! terminal. Nothing is collected here but a header and a time, whatever comes.

use overseer_provider_port::LogStream;

use crate::time;

/// What the bytes say, in order: an entry begins, has some text, and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'b> {
    Begin {
        stream: LogStream,
        at: i64,
    },
    /// Some of the entry's text, without a line end.
    Text(&'b [u8]),
    /// The entry ended; the line goes on in the next entry of its stream, or is whole.
    End {
        whole: bool,
    },
}

/// Longest time in front of an entry, with its zone.
const STAMP: usize = 40;

#[derive(Debug, Default)]
struct Stamp {
    text: Vec<u8>,
}

impl Stamp {
    /// Takes bytes up to the space after the time. The time, when it is whole, and what is left.
    fn take<'b>(&mut self, bytes: &'b [u8]) -> Result<(Option<i64>, &'b [u8]), &'static str> {
        let space = bytes.iter().position(|byte| *byte == b' ');
        let (stamp, rest) = bytes.split_at(space.unwrap_or(bytes.len()));
        if self.text.len() + stamp.len() > STAMP {
            return Err("an entry begins with no time");
        }
        self.text.extend_from_slice(stamp);
        if space.is_none() {
            return Ok((None, rest));
        }
        let at = std::str::from_utf8(&self.text).ok().and_then(time::read_nanos);
        Ok((Some(at.ok_or("the time of an entry does not read")?), rest.get(1..).unwrap_or_default()))
    }
}

/// The engine cuts longer lines into entries of so many bytes.
const ENTRY: usize = 16 * 1024;

/// How the last entry of a line is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastEntry {
    /// By its line end.
    EndsTheLine,
    /// By its length as well: the engine's `local` format has no line end after a line of several entries.
    IsShorter,
}

/// The frames of a container without a terminal.
#[derive(Debug)]
pub(crate) struct Frames {
    last_entry: LastEntry,
    header: Vec<u8>,
    /// Bytes of the frame that are to come.
    left: usize,
    stamp: Option<Stamp>,
    /// Bytes of its text so far.
    length: usize,
    /// A line end that is either the frame's last byte or part of its text.
    held: bool,
}

impl Frames {
    pub fn new(last_entry: LastEntry) -> Self {
        Self { last_entry, header: Vec::new(), left: 0, stamp: None, length: 0, held: false }
    }

    /// Takes the next bytes of the connection.
    ///
    /// # Errors
    /// With what does not read; the rest of the connection then means nothing.
    pub fn take<'b>(&mut self, mut bytes: &'b [u8], mut each: impl FnMut(Piece<'b>)) -> Result<(), &'static str> {
        while !bytes.is_empty() {
            if self.left == 0 {
                bytes = self.take_header(bytes)?;
                continue;
            }
            let (payload, rest) = bytes.split_at(bytes.len().min(self.left));
            self.left -= payload.len();
            bytes = rest;
            self.take_payload(payload, &mut each)?;
        }
        Ok(())
    }

    /// Whether the connection may end here.
    pub fn is_between(&self) -> bool {
        self.left == 0 && self.header.is_empty()
    }

    fn take_header<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], &'static str> {
        let (header, rest) = bytes.split_at(bytes.len().min(8 - self.header.len()));
        self.header.extend_from_slice(header);
        if let [stream, _, _, _, a, b, c, d] = *self.header.as_slice() {
            if stream > 2 {
                return Err(if stream == 3 {
                    "the engine failed within the log"
                } else {
                    "a frame of no known stream"
                });
            }
            self.left = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
            (self.stamp, self.length, self.held) = (Some(Stamp::default()), 0, false);
            if self.left == 0 {
                self.header.clear();
            }
        }
        Ok(rest)
    }

    fn take_payload<'b>(&mut self, payload: &'b [u8], each: &mut impl FnMut(Piece<'b>)) -> Result<(), &'static str> {
        let mut text = payload;
        if let Some(stamp) = &mut self.stamp {
            let (at, rest) = stamp.take(payload)?;
            text = rest;
            if let Some(at) = at {
                let stream = if self.header.first() == Some(&2) { LogStream::Stderr } else { LogStream::Stdout };
                self.stamp = None;
                each(Piece::Begin { stream, at });
            }
        }
        if self.stamp.is_some() {
            return if self.left == 0 { Err("an entry begins with no time") } else { Ok(()) };
        }
        self.length += text.len();
        if !text.is_empty() && std::mem::take(&mut self.held) {
            each(Piece::Text(b"\n"));
        }
        let ended = text.strip_suffix(b"\n");
        self.held |= ended.is_some();
        let text = ended.unwrap_or(text);
        if !text.is_empty() {
            each(Piece::Text(text));
        }
        if self.left == 0 {
            self.header.clear();
            let is_short = self.last_entry == LastEntry::IsShorter && self.length != ENTRY;
            each(Piece::End { whole: std::mem::take(&mut self.held) || is_short });
        }
        Ok(())
    }
}

/// The bytes of a terminal: lines with a time in front of each entry, and no sign between the entries of one line but
/// that the same time comes again after 16 KB. Where the engine's `local` format has no line end after such a line, the
/// line after it is taken for the rest of it.
#[derive(Debug, Default)]
pub(crate) struct Terminal {
    stamp: Stamp,
    /// Within an entry: bytes of its text so far.
    text: Option<usize>,
    /// How much of the same time, and the space after it, has come again.
    again: usize,
}

impl Terminal {
    /// Takes the next bytes of the connection.
    ///
    /// # Errors
    /// With what does not read.
    pub fn take(&mut self, mut bytes: &[u8], mut each: impl FnMut(Piece<'_>)) -> Result<(), &'static str> {
        while !bytes.is_empty() {
            bytes = match self.text {
                None => self.take_stamp(bytes, &mut each)?,
                Some(ENTRY) => self.take_again(bytes, &mut each),
                Some(length) => self.take_text(bytes, length, &mut each),
            };
        }
        Ok(())
    }

    pub fn is_between(&self) -> bool {
        self.text.is_none() && self.stamp.text.is_empty()
    }

    fn take_stamp<'b>(&mut self, bytes: &'b [u8], each: &mut impl FnMut(Piece<'_>)) -> Result<&'b [u8], &'static str> {
        let (at, rest) = self.stamp.take(bytes)?;
        if let Some(at) = at {
            self.text = Some(0);
            each(Piece::Begin { stream: LogStream::Stdout, at });
        }
        Ok(rest)
    }

    fn take_text<'b>(&mut self, bytes: &'b [u8], length: usize, each: &mut impl FnMut(Piece<'_>)) -> &'b [u8] {
        let most = if length < ENTRY { ENTRY - length } else { usize::MAX };
        let bounded = bytes.get(..most).unwrap_or(bytes);
        let end = bounded.iter().position(|byte| *byte == b'\n');
        let (text, rest) = bytes.split_at(end.unwrap_or(bounded.len()));
        if !text.is_empty() {
            each(Piece::Text(text));
        }
        if end.is_none() {
            self.text = Some(length + text.len());
            return rest;
        }
        each(Piece::End { whole: true });
        self.text = None;
        self.stamp.text.clear();
        rest.get(1..).unwrap_or_default()
    }

    /// After 16 KB: the same time and a space mean another entry of the same line, anything else that it goes on.
    fn take_again<'b>(&mut self, bytes: &'b [u8], each: &mut impl FnMut(Piece<'_>)) -> &'b [u8] {
        let expected = self.stamp.text.get(self.again).copied().unwrap_or(b' ');
        if bytes.first() != Some(&expected) {
            let seen = self.stamp.text.get(..self.again).unwrap_or_default();
            each(Piece::Text(seen));
            // Never 16 KB again: this entry is a longer one.
            self.text = Some(ENTRY + 1);
            self.again = 0;
            return bytes;
        }
        self.again += 1;
        if self.again > self.stamp.text.len() {
            each(Piece::End { whole: false });
            let at = std::str::from_utf8(&self.stamp.text).ok().and_then(time::read_nanos).unwrap_or_default();
            each(Piece::Begin { stream: LogStream::Stdout, at });
            (self.text, self.again) = (Some(0), 0);
        }
        bytes.get(1..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    const STAMP: &str = "2026-11-21T05:04:03.000000001Z ";

    /// What came of it, with neighbouring texts joined.
    fn all(take: impl FnOnce(&mut dyn FnMut(Piece<'_>))) -> Vec<String> {
        let mut told: Vec<String> = vec![];
        take(&mut |piece| match piece {
            Piece::Begin { stream, at } => told.push(format!("{stream:?} {}", at % 1000)),
            Piece::Text(text) => match told.last_mut().filter(|last| last.starts_with('|')) {
                Some(last) => last.push_str(&String::from_utf8_lossy(text)),
                None => told.push(format!("|{}", String::from_utf8_lossy(text))),
            },
            Piece::End { whole } => told.push(format!("end {whole}")),
        });
        told
    }
    fn frame(stream: u8, text: &str) -> Vec<u8> {
        let text = format!("{STAMP}{text}");
        [&[stream, 0, 0, 0][..], &u32::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
    }

    proptest! {
        #[test]
        fn frames_read_the_same_however_they_are_cut(cuts in proptest::collection::vec(1_usize..40, 1..40)) {
            let bytes = [frame(1, "one\n"), frame(2, "\n"), frame(1, "a\nb"), frame(1, ""), frame(1, "\n\n")].concat();
            let told = all(|mut each| {
                let mut frames = Frames::new(LastEntry::EndsTheLine);
                let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
                while !rest.is_empty() {
                    let (next, behind) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                    frames.take(next, &mut each).unwrap();
                    rest = behind;
                }
                assert!(frames.is_between());
            });
            let expected = ["Stdout 1", "|one", "end true", "Stderr 1", "end true", "Stdout 1", "|a\nb", "end false",
                "Stdout 1", "end false", "Stdout 1", "|\n", "end true"];
            assert_eq!(told, expected);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _read = Frames::new(LastEntry::EndsTheLine).take(&bytes, |_| {});
            let _read = Terminal::default().take(&bytes, |_| {});
        }

        #[test]
        fn a_terminal_reads_the_same_however_it_is_cut(cuts in proptest::collection::vec(1_usize..20_000, 1..40)) {
            let long = "x".repeat(ENTRY);
            let bytes = format!("{STAMP}one\r\n{STAMP}\n{STAMP}{long}{STAMP}{long}{STAMP}rest\n{STAMP}{long}2026-no\n");
            let told = all(|mut each| {
                let mut terminal = Terminal::default();
                let (mut rest, mut cuts) = (bytes.as_bytes(), cuts.iter().cycle());
                while !rest.is_empty() {
                    let (next, behind) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                    terminal.take(next, &mut each).unwrap();
                    rest = behind;
                }
                assert!(terminal.is_between());
            });
            let long = format!("|{long}");
            let expected = ["Stdout 1", "|one\r", "end true", "Stdout 1", "end true", "Stdout 1", &long, "end false",
                "Stdout 1", &long, "end false", "Stdout 1", "|rest", "end true", "Stdout 1", &format!("{long}2026-no"), "end true"];
            assert_eq!(told, expected);
        }
    }
}
