//! What the server said it has taken, to notice when it has it no more.
//!
//! JetStream acknowledges before it syncs, unless it is told to sync always. After a loss of power a stream can end before
//! an event that it acknowledged, and give the event's sequence to another one.

use std::collections::BTreeMap;

use overseer_model::{EventId, Stream, Timestamp};

use crate::{MAY_BE_LOST, Setback};

/// The last event of this process that a stream acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    pub sequence: u64,
    pub event: EventId,
    pub at: Timestamp,
    /// Counts the connections to the server.
    pub connection: u64,
}

/// What a stream has at the sequence of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The stream ends before it.
    BeyondTheEnd,
    Event(Option<EventId>),
    /// It was taken by its consumer, or has become too old.
    Nothing,
}

impl Found {
    /// Whether the stream has lost `taken`, at whose place this is.
    fn loses(self, taken: Acknowledged) -> bool {
        match self {
            Self::BeyondTheEnd => true,
            Self::Event(event) => event != Some(taken.event),
            Self::Nothing => false,
        }
    }
}

/// The last events that one stream acknowledged.
struct Last {
    taken: Acknowledged,
    /// The same over a later connection. It does not cover `taken`, which has to be compared with the server first.
    later: Option<Acknowledged>,
}

#[derive(Default)]
pub struct Ledger {
    streams: BTreeMap<&'static str, Last>,
    /// The ends of the sequences, by subject: what comes next follows this event or none.
    sequences: BTreeMap<String, (Stream, Acknowledged)>,
    setback: Option<Setback>,
}

impl Ledger {
    pub fn note(&mut self, stream: Stream, taken: Acknowledged) {
        let last = self.streams.entry(super::streams::name(stream)).or_insert(Last { taken, later: None });
        let same = |known: &Acknowledged| known.connection == taken.connection;
        let slot = if same(&last.taken) { &mut last.taken } else { last.later.get_or_insert(taken) };
        if same(slot) && taken.sequence > slot.sequence {
            *slot = taken;
        }
    }

    /// The last event of a sequence.
    pub fn end_of(&self, subject: &str) -> Option<Acknowledged> {
        self.sequences.get(subject).map(|(_, taken)| *taken)
    }

    pub fn note_end(&mut self, stream: Stream, subject: String, taken: Acknowledged) {
        self.sequences.insert(subject, (stream, taken));
    }

    /// Another end was found than this process knows, with `found` at the place of the one that it knows. Whether the stream
    /// went back.
    pub fn other_end(&mut self, stream: Stream, subject: &str, found: Found) -> bool {
        let Some((_, taken)) = self.sequences.remove(subject) else { return false };
        let lost = found.loses(taken);
        if lost {
            self.forget(stream);
            self.went_back(taken);
        }
        lost
    }

    pub fn last(&self, stream: Stream) -> Option<Acknowledged> {
        self.streams.get(super::streams::name(stream)).map(|last| last.taken)
    }

    /// The stream is another one: what the former had is no measure for it.
    pub fn forget(&mut self, stream: Stream) {
        self.streams.remove(super::streams::name(stream));
        self.sequences.retain(|_, (of, _)| *of != stream);
    }

    /// The next to be compared is what came over the later connection.
    fn go_on(&mut self, stream: Stream, otherwise: Option<Acknowledged>) {
        let name = super::streams::name(stream);
        if let Some(taken) = self.streams.remove(name).and_then(|last| last.later).or(otherwise) {
            self.streams.insert(name, Last { taken, later: None });
        }
    }

    pub fn setback(&self) -> Option<Setback> {
        self.setback
    }

    /// Whether the stream went back, given what it has over `connection` where it acknowledged `taken`.
    pub fn compare(&mut self, stream: Stream, taken: Acknowledged, found: Found, connection: u64) -> bool {
        if !found.loses(taken) {
            self.go_on(stream, Some(Acknowledged { connection, ..taken }));
            return false;
        }
        self.go_on(stream, None);
        self.sequences.retain(|_, (of, _)| *of != stream);
        self.went_back(taken);
        true
    }

    /// `taken` is lost, and what came after it.
    fn went_back(&mut self, taken: Acknowledged) {
        let since = taken.at - MAY_BE_LOST;
        let before = self.setback;
        self.setback = Some(Setback {
            number: before.map_or(1, |setback| setback.number + 1),
            // Who has not read of the one before needs both.
            since: before.map_or(since, |setback| setback.since.min(since)),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(sequence: u64, minute: i64) -> Acknowledged {
        Acknowledged {
            sequence,
            event: EventId::fresh(),
            at: Timestamp::from_micros(minute * 60_000_000),
            connection: 1,
        }
    }

    #[test]
    fn an_event_that_is_no_longer_at_its_place_is_a_setback_and_one_that_was_consumed_is_none() {
        let (mut ledger, last) = (Ledger::default(), taken(7, 60));
        ledger.note(Stream::Events, taken(6, 59));
        ledger.note(Stream::Events, last);
        ledger.note(Stream::Events, taken(3, 61));
        assert_eq!(ledger.last(Stream::Events), Some(last), "the answer to a repeated event is about an older one");
        for kept in [Found::Nothing, Found::Event(Some(last.event))] {
            assert!(!ledger.compare(Stream::Events, last, kept, 1));
        }
        assert_eq!(ledger.setback(), None);
        for (number, lost) in (1..).zip([Found::BeyondTheEnd, Found::Event(Some(EventId::fresh())), Found::Event(None)])
        {
            ledger.note(Stream::Events, last);
            assert!(ledger.compare(Stream::Events, last, lost, 1), "{lost:?}");
            let since = Timestamp::from_micros(55 * 60_000_000);
            assert_eq!(ledger.setback(), Some(Setback { number, since }));
            assert_eq!(ledger.last(Stream::Events), None, "it is noticed once");
        }
    }

    #[test]
    fn what_is_sent_after_a_reconnection_does_not_cover_what_is_to_be_compared() {
        let (mut ledger, before) = (Ledger::default(), taken(7, 1));
        let after = Acknowledged { connection: 2, ..taken(9, 2) };
        ledger.note(Stream::Events, before);
        ledger.note(Stream::Events, after);
        assert_eq!(ledger.last(Stream::Events), Some(before));
        assert!(!ledger.compare(Stream::Events, before, Found::Event(Some(before.event)), 2));
        assert_eq!(ledger.last(Stream::Events), Some(after));
    }
}
