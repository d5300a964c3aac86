//! What the server said it has taken, to notice when it has it no more.
//!
//! JetStream acknowledges before it syncs, unless it is told to sync always. After a loss of power a stream can end before
//! an event that it acknowledged, and give the event's sequence to another one.

use std::collections::BTreeMap;

use overseer_model::{EventId, Stream, Timestamp};

use crate::{MAY_BE_LOST, Setback};

/// The last event of this process that a stream acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
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

/// The last events that one stream acknowledged.
struct Last {
    taken: Taken,
    /// The same over a later connection. It does not cover `taken`, which has to be compared with the server first.
    later: Option<Taken>,
}

#[derive(Default)]
pub struct Ledger {
    streams: BTreeMap<&'static str, Last>,
    setback: Option<Setback>,
}

impl Ledger {
    pub fn note(&mut self, stream: Stream, taken: Taken) {
        let last = self.streams.entry(super::streams::name(stream)).or_insert(Last { taken, later: None });
        let same = |known: &Taken| known.connection == taken.connection;
        let slot = if same(&last.taken) { &mut last.taken } else { last.later.get_or_insert(taken) };
        if same(slot) && taken.sequence > slot.sequence {
            *slot = taken;
        }
    }

    pub fn last(&self, stream: Stream) -> Option<Taken> {
        self.streams.get(super::streams::name(stream)).map(|last| last.taken)
    }

    /// The stream is another one: what the former had is no measure for it.
    pub fn forget(&mut self, stream: Stream) {
        self.streams.remove(super::streams::name(stream));
    }

    /// The next to be compared is what came over the later connection.
    fn go_on(&mut self, stream: Stream, otherwise: Option<Taken>) {
        let name = super::streams::name(stream);
        if let Some(taken) = self.streams.remove(name).and_then(|last| last.later).or(otherwise) {
            self.streams.insert(name, Last { taken, later: None });
        }
    }

    pub fn setback(&self) -> Option<Setback> {
        self.setback
    }

    /// Whether the stream went back, given what it has over `connection` where it acknowledged `taken`.
    pub fn compare(&mut self, stream: Stream, taken: Taken, found: Found, connection: u64) -> bool {
        let lost = match found {
            Found::BeyondTheEnd => true,
            Found::Event(event) => event != Some(taken.event),
            Found::Nothing => false,
        };
        if !lost {
            self.go_on(stream, Some(Taken { connection, ..taken }));
            return false;
        }
        self.go_on(stream, None);
        let since = taken.at - MAY_BE_LOST;
        let before = self.setback;
        self.setback = Some(Setback {
            number: before.map_or(1, |setback| setback.number + 1),
            // Who has not read of the one before needs both.
            since: before.map_or(since, |setback| setback.since.min(since)),
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(sequence: u64, minute: i64) -> Taken {
        Taken { sequence, event: EventId::fresh(), at: Timestamp::from_micros(minute * 60_000_000), connection: 1 }
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
        let after = Taken { connection: 2, ..taken(9, 2) };
        ledger.note(Stream::Events, before);
        ledger.note(Stream::Events, after);
        assert_eq!(ledger.last(Stream::Events), Some(before));
        assert!(!ledger.compare(Stream::Events, before, Found::Event(Some(before.event)), 2));
        assert_eq!(ledger.last(Stream::Events), Some(after));
    }
}
