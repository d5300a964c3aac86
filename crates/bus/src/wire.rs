//! An event as a NATS message: CloudEvents 1.0 in binary mode, the attributes in headers and the data as payload.
//!
//! What comes in was written by anyone who may publish, so everything is checked, the subject against the attributes
//! too: NATS grants permissions by subject.

use async_nats::HeaderMap;
use async_nats::datetime;
use overseer_contract::Event;
use overseer_model::Timestamp;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

const SPEC_VERSION: &str = "ce-specversion";
const ID: &str = "ce-id";
const KIND: &str = "ce-type";
const SOURCE: &str = "ce-source";
const TIME: &str = "ce-time";
const KEY: &str = "ce-partitionkey";
const TRACE: &str = "traceparent";

const SOURCE_PREFIX: &str = "/overseer/";
/// What a header value may not hold plainly, after the HTTP binding of CloudEvents.
const UNSAFE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// RFC 3339 has the years 0000 to 9999 only, in microseconds; a time outside is written as the nearest inside.
const EARLIEST_MICROS: i64 = -62_167_219_200_000_000;
const LATEST_MICROS: i64 = 253_402_300_799_999_999;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadMessage {
    #[error("the header `{0}` is missing")]
    Missing(&'static str),
    #[error("the header `{0}` cannot be parsed")]
    Header(&'static str),
    #[error("the payload is not UTF-8")]
    Payload,
    #[error("the subject does not match type and source")]
    Subject,
}

pub fn headers(event: &Event) -> HeaderMap {
    let Event { id, kind, site, key, at, trace, data: _ } = event;
    let id = id.to_string();
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", id.as_str());
    headers.insert(SPEC_VERSION, "1.0");
    headers.insert(ID, id);
    headers.insert(KIND, kind.as_str());
    headers.insert(SOURCE, format!("{SOURCE_PREFIX}{site}"));
    headers.insert(TIME, rfc3339(*at));
    headers.insert("content-type", "application/json");
    // CloudEvents knows no empty partition key.
    if !key.is_empty() {
        headers.insert(KEY, utf8_percent_encode(key, UNSAFE).to_string());
    }
    if let Some(trace) = trace {
        headers.insert(TRACE, trace.to_string());
    }
    headers
}

pub fn event(subject: &str, headers: Option<&HeaderMap>, payload: &[u8]) -> Result<Event, BadMessage> {
    let find = |name: &'static str| headers.and_then(|headers| headers.get(name)).map(|value| value.as_str());
    let need = |name: &'static str| find(name).ok_or(BadMessage::Missing(name));
    let bad = BadMessage::Header;

    if need(SPEC_VERSION)? != "1.0" {
        return Err(bad(SPEC_VERSION));
    }
    let site = need(SOURCE)?.strip_prefix(SOURCE_PREFIX).ok_or(bad(SOURCE))?;
    let key = percent_decode_str(find(KEY).unwrap_or_default()).decode_utf8().map_err(|_| bad(KEY))?;
    let event = Event {
        id: need(ID)?.parse().map_err(|_| bad(ID))?,
        kind: need(KIND)?.parse().map_err(|_| bad(KIND))?,
        site: site.parse().map_err(|_| bad(SOURCE))?,
        key: key.into_owned(),
        at: timestamp(need(TIME)?).ok_or(bad(TIME))?,
        trace: find(TRACE).map(|trace| trace.parse().map_err(|_| bad(TRACE))).transpose()?,
        data: String::from_utf8(payload.to_vec()).map_err(|_| BadMessage::Payload)?,
    };
    if event.subject() == subject { Ok(event) } else { Err(BadMessage::Subject) }
}

fn rfc3339(at: Timestamp) -> String {
    let micros = at.micros().clamp(EARLIEST_MICROS, LATEST_MICROS);
    let at = datetime::from_nanos(i128::from(micros) * 1_000).unwrap_or_else(|_| datetime::now());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        at.year(),
        at.month() as u8,
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.microsecond()
    )
}

fn timestamp(text: &str) -> Option<Timestamp> {
    let nanos = datetime::parse_rfc3339(text).ok()?.unix_timestamp_nanos();
    i64::try_from(nanos.div_euclid(1_000)).ok().map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;
    use overseer_model::{EventId, EventKind};
    use proptest::prelude::*;

    fn arbitrary_event() -> impl Strategy<Value = Event> {
        let trace = proptest::option::of("00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]");
        let times = EARLIEST_MICROS..=LATEST_MICROS;
        let kinds = proptest::sample::select(EventKind::ALL);
        (any::<String>(), any::<String>(), times, trace, "[a-z0-9-]{1,32}", kinds).prop_map(
            |(key, data, micros, trace, site, kind)| Event {
                id: EventId::fresh(),
                kind,
                site: site.parse().unwrap(),
                key,
                at: Timestamp::from_micros(micros),
                trace: trace.map(|trace| trace.parse().unwrap()),
                data,
            },
        )
    }

    fn sent() -> Event {
        Event {
            id: EventId::fresh(),
            kind: EventKind::PlanReady,
            site: "nas-1".parse().unwrap(),
            key: "k".to_owned(),
            at: Timestamp::from_micros(1_795_237_443_000_001),
            trace: None,
            data: "{}".to_owned(),
        }
    }

    proptest! {
        #[test]
        fn an_event_reads_back_exactly(sent in arbitrary_event()) {
            let headers = headers(&sent);
            for (_, values) in headers.iter() {
                for value in values {
                    prop_assert!(value.as_str().bytes().all(|byte| (b'!'..=b'~').contains(&byte)), "{value:?}");
                }
            }
            prop_assert_eq!(event(&sent.subject(), Some(&headers), sent.data.as_bytes()), Ok(sent));
        }

        #[test]
        fn any_header_text_is_refused_or_read_but_never_crashes(name in 0..7_usize, text in any::<String>()) {
            let sent = sent();
            let mut headers = headers(&sent);
            let name = [SPEC_VERSION, ID, KIND, SOURCE, TIME, KEY, TRACE][name];
            if let Ok(value) = text.parse::<async_nats::HeaderValue>() {
                headers.insert(name, value);
            }
            let _ = event(&sent.subject(), Some(&headers), sent.data.as_bytes());
        }
    }

    #[test]
    fn writes_the_attributes_of_cloud_events() {
        let sent = Event { key: "a b%ü".to_owned(), ..sent() };
        let headers = headers(&sent);
        let value = |name: &str| headers.get(name).unwrap().as_str().to_owned();
        assert_eq!(value("ce-type"), "overseer.plan.ready");
        assert_eq!(value("ce-source"), "/overseer/nas-1");
        assert_eq!(value("ce-time"), "2026-11-21T05:04:03.000001Z");
        assert_eq!(value("ce-partitionkey"), "a%20b%25%C3%BC");
        assert_eq!(value("ce-id"), value("Nats-Msg-Id"));
    }

    #[test]
    fn a_time_that_rfc_3339_cannot_say_becomes_the_nearest() {
        assert_eq!(rfc3339(Timestamp::from_micros(i64::MAX)), "9999-12-31T23:59:59.999999Z");
        assert_eq!(rfc3339(Timestamp::from_micros(i64::MIN)), "0000-01-01T00:00:00.000000Z");
    }

    #[test]
    fn refuses_a_message_whose_subject_says_otherwise() {
        let sent = sent();
        let elsewhere = event("overseer.plan.ready.v1.nas-2", Some(&headers(&sent)), b"{}");
        assert_eq!(elsewhere, Err(BadMessage::Subject));
        assert_eq!(event(&sent.subject(), None, b"{}"), Err(BadMessage::Missing(SPEC_VERSION)));
        assert_eq!(event(&sent.subject(), Some(&headers(&sent)), b"\xff"), Err(BadMessage::Payload));
    }
}
