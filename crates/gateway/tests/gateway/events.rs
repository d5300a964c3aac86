//! Live events: replay, reset, the end, and what must never be in them.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http_body_util::BodyExt;
use overseer_bus::Bus;
use overseer_contract::{Event, EventPayload, v1};
use overseer_model::{EventId, Timestamp};

use crate::house::{House, VIEWER, read, rest};

/// An open stream, read event by event.
pub struct Reader {
    body: Body,
    text: String,
}

impl Reader {
    async fn open(house: &House, last: Option<&str>) -> Self {
        let mut request = rest("GET", "/api/v1/events", VIEWER, "");
        if let Some(last) = last {
            request.headers_mut().insert("last-event-id", last.parse().unwrap());
        }
        Self::of(house.send(request).await)
    }

    pub fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body(), text: String::new() }
    }

    /// The lines of the next event; `None` at the end.
    pub async fn next(&mut self) -> Option<Vec<String>> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = event.lines().map(str::to_owned).collect();
                self.text = rest.to_owned();
                return Some(event);
            }
            let frame = tokio::time::timeout(Duration::from_secs(5), self.body.frame()).await.expect("an event")?;
            self.text.push_str(std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap());
        }
    }
}

fn event<P: EventPayload>(payload: &P) -> Event {
    Event::new("home".parse().unwrap(), "key", Timestamp::now(), None, payload).unwrap()
}

fn plan_ready() -> Event {
    event(&v1::PlanReady { plan: Some(v1::Plan { id: "pln_1".into(), ..v1::Plan::default() }) })
}

fn lines(event: &Event) -> Vec<String> {
    let time = overseer_contract::to_timestamp(event.at).to_string();
    let data = serde_json::json!({"id": event.id.to_string(), "type": "overseer.plan.ready", "site": "home",
        "time": time, "data": {"plan": {"id": "pln_1"}}});
    vec![format!("id: {}", event.id), "event: plan.ready".to_owned(), format!("data: {data}")]
}

fn sorted(event: Option<Vec<String>>) -> Vec<String> {
    let mut lines = event.unwrap();
    lines.sort();
    lines
}

#[tokio::test]
async fn a_reader_gets_what_happens_and_what_it_missed() {
    let house = House::new().await;
    let mut reader = Reader::open(&house, None).await;
    let events = [plan_ready(), plan_ready(), plan_ready()];
    for event in &events {
        house.bus.publish(event).await.unwrap();
        assert_eq!(sorted(reader.next().await), sorted(Some(lines(event))));
    }
    drop(reader);
    let mut back = Reader::open(&house, Some(&events[0].id.to_string())).await;
    for event in &events[1..] {
        assert_eq!(sorted(back.next().await), sorted(Some(lines(event))));
    }
    let mut astray = Reader::open(&house, Some(&EventId::fresh().to_string())).await;
    assert_eq!(astray.next().await.unwrap()[0], "event: reset");
}

#[tokio::test]
async fn tickets_and_facts_never_come_out() {
    let house = House::new().await;
    let mut reader = Reader::open(&house, None).await;
    house.bus.publish(&event(&v1::StepDispatched { step: None, ticket: "the-ticket".into() })).await.unwrap();
    house.bus.publish(&event(&v1::FactBatch { epoch: "epo".into(), facts: vec![] })).await.unwrap();
    let shown = plan_ready();
    house.bus.publish(&shown).await.unwrap();
    assert_eq!(sorted(reader.next().await), sorted(Some(lines(&shown))));
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_told_to_reset_and_goes_on() {
    let house = House::new().await;
    let (mut slow, mut prompt) = (Reader::open(&house, None).await, Reader::open(&house, None).await);
    for _ in 0..300 {
        house.bus.publish(&plan_ready()).await.unwrap();
    }
    let last = plan_ready();
    house.bus.publish(&last).await.unwrap();
    let mut resets = [0, 0];
    // Once the prompt one has read all, the slow one is behind by all.
    for (reader, resets) in [&mut prompt, &mut slow].into_iter().zip(&mut resets) {
        loop {
            let event = sorted(reader.next().await);
            if event == sorted(Some(lines(&last))) {
                break;
            }
            *resets += u32::from(event.contains(&"event: reset".to_owned()));
        }
    }
    assert_eq!(resets[1], 1);
}

#[tokio::test]
async fn readers_need_a_token_are_counted_and_end_with_the_gateway() {
    let house = House::new().await;
    assert_eq!(house.rest("GET", "/api/v1/events", "", "").await.0, 401);
    assert_eq!(house.rest("GET", "/api/v1/events?facts=true", VIEWER, "").await.0, 400);
    let mut first = Reader::open(&house, None).await;
    let (_second, _third) = (Reader::open(&house, None).await, Reader::open(&house, None).await);
    let (status, problem) = read(house.send(rest("GET", "/api/v1/events", VIEWER, "")).await).await;
    assert_eq!((status.as_u16(), &problem["code"]), (429, &"limit_exceeded".into()));
    house.stop.cancel();
    assert_eq!(first.next().await, None);
    drop(first);
    assert_eq!(house.send(rest("GET", "/api/v1/events", VIEWER, "")).await.status(), 200);
}

#[tokio::test]
async fn a_revoked_token_ends_its_streams() {
    let house = House::new().await;
    let mut reader = Reader::open(&house, None).await;
    house.tokens.lock().unwrap().remove(VIEWER);
    assert_eq!(reader.next().await, None);
}
