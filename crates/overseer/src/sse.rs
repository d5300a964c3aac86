//! Server-sent events, as the gateway sends them: an event has one line of data.

use anyhow::Context as _;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};

/// Longer than the longest line of a log, each byte of it escaped.
const LONGEST: usize = 4 << 20;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// Empty when it has no name.
    pub name: String,
    pub data: String,
}

pub type Events = BoxStream<'static, anyhow::Result<SseEvent>>;

/// The events of an answer; heartbeats are none.
pub fn events(answer: reqwest::Response) -> Events {
    let bytes = answer.bytes_stream().map_err(|error| anyhow::Error::from(error).context("connection lost"));
    let parts = bytes.scan(Parser::default(), |parser, chunk| {
        let events = chunk.and_then(|chunk| parser.take(&chunk));
        futures::future::ready(Some(events))
    });
    parts.map_ok(|events| futures::stream::iter(events.into_iter().map(Ok))).try_flatten().boxed()
}

#[derive(Default)]
struct Parser {
    /// Of a line that is not there whole.
    line: Vec<u8>,
    event: SseEvent,
}

impl Parser {
    fn take(&mut self, chunk: &[u8]) -> anyhow::Result<Vec<SseEvent>> {
        let mut events = Vec::new();
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            anyhow::ensure!(self.line.len() <= LONGEST, "the server is not an Overseer");
            if part.ends_with(b"\n") {
                let line = String::from_utf8(std::mem::take(&mut self.line)).context("an event is not UTF-8")?;
                events.extend(self.line(line.trim_end_matches(['\r', '\n'])));
            }
        }
        Ok(events)
    }

    /// The event that ends with this line.
    fn line(&mut self, line: &str) -> Option<SseEvent> {
        if line.is_empty() {
            return Some(std::mem::take(&mut self.event)).filter(|event| !event.data.is_empty());
        }
        let (field, value) = line.split_once(':')?;
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" => value.clone_into(&mut self.event.data),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_they_are_cut() {
        let text = ": heartbeat\n\nid: 7\nevent: problem\ndata: {\"a\":\"ü\"}\n\ndata:{}\n\n";
        let event = |name: &str, data: &str| SseEvent { name: name.to_owned(), data: data.to_owned() };
        let expected = [event("problem", "{\"a\":\"ü\"}"), event("", "{}")];
        for size in 1..text.len() {
            let mut parser = Parser::default();
            let parts = text.as_bytes().chunks(size);
            let events: Vec<SseEvent> = parts.flat_map(|part| parser.take(part).unwrap()).collect();
            assert_eq!(events, expected, "{size}");
        }
        let mut parser = Parser::default();
        assert!((0..5).map(|_| parser.take(&vec![b'x'; 1 << 20])).any(|taken| taken.is_err()));
        assert!(Parser::default().take(b"data: \xff\n").is_err());
    }
}
