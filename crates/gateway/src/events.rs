//! Live events for views: `GET /api/v1/events`, server-sent.
//!
//! Shown is what happened, as the services said it: neither facts nor tickets. A reader that comes back with
//! `Last-Event-ID` gets what it missed, as long as that is among the last events remembered here; otherwise, and when
//! it is too slow, it is told to `reset`: to read anew by REST. Delivery is a convenience, never the truth.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::Response;
use axum::response::sse::Event as SseEvent;
use futures::stream::{self, BoxStream, StreamExt};
use http::{HeaderMap, Method};
use overseer_bus::Bus;
use overseer_contract::{Event, to_timestamp};
use overseer_model::{EventId, Permission, Stream};
use overseer_runtime::actor_has;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::answer::{self, Refusal};
use crate::auth::{Auth, Credential};
use crate::streams::{Next, Streams};

pub(crate) const PATH: &str = "/api/v1/events";

/// Events remembered for readers that come back.
const REMEMBERED: usize = 1024;
/// Events that a reader may be behind.
const BEHIND: usize = 256;
const REOPEN_AFTER: Duration = Duration::from_secs(1);

/// One event as readers see it.
struct Shown {
    id: EventId,
    /// Without the house's name, for example `plan.ready`.
    kind: &'static str,
    data: String,
}

#[derive(Clone)]
enum Live {
    Event(Arc<Shown>),
    /// Something may have been missed.
    Gap,
}

/// What was heard lately, and who listens. Clones are the same.
#[derive(Clone)]
pub(crate) struct Feed(Arc<Inner>);

struct Inner {
    remembered: Mutex<VecDeque<Arc<Shown>>>,
    live: broadcast::Sender<Live>,
    stop: CancellationToken,
}

impl Feed {
    pub(crate) fn new(stop: CancellationToken) -> Self {
        Self(Arc::new(Inner { remembered: Mutex::default(), live: broadcast::Sender::new(BEHIND), stop }))
    }

    /// Listens until the end. A bus that ends its stream is asked for another.
    pub(crate) async fn run(self, bus: Arc<dyn Bus>, first: BoxStream<'static, Event>) {
        let stop = self.0.stop.clone();
        let listen = async {
            self.hear(first).await;
            loop {
                self.forget();
                match bus.watch().await {
                    Ok(events) => self.hear(events).await,
                    Err(error) => {
                        tracing::warn!(error = &error as &dyn std::error::Error, "live events unavailable");
                    }
                }
                tokio::time::sleep(REOPEN_AFTER).await;
            }
        };
        stop.run_until_cancelled(listen).await;
    }

    async fn hear(&self, mut events: BoxStream<'static, Event>) {
        while let Some(event) = events.next().await {
            if let Some(shown) = shown(&event) {
                self.publish(Arc::new(shown));
            }
        }
    }

    fn publish(&self, event: Arc<Shown>) {
        let mut remembered = self.0.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        // The outbox sends again what it cannot be sure of.
        if remembered.iter().rev().any(|known| known.id == event.id) {
            return;
        }
        if remembered.len() == REMEMBERED {
            remembered.pop_front();
        }
        remembered.push_back(Arc::clone(&event));
        // Fails when nobody listens.
        let _ = self.0.live.send(Live::Event(event));
    }

    /// After a gap what is remembered is no answer to "what came after".
    fn forget(&self) {
        let mut remembered = self.0.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.clear();
        let _ = self.0.live.send(Live::Gap);
    }

    /// What a reader gets at once, and where the rest comes from; nothing falls between the two.
    fn join(&self, last: Option<&str>) -> (VecDeque<Live>, broadcast::Receiver<Live>) {
        let remembered = self.0.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let live = self.0.live.subscribe();
        let Some(last) = last else { return (VecDeque::new(), live) };
        let position = last.parse::<EventId>().ok().and_then(|id| remembered.iter().position(|event| event.id == id));
        let missed = match position {
            Some(position) => remembered.iter().skip(position + 1).cloned().map(Live::Event).collect(),
            None => VecDeque::from([Live::Gap]),
        };
        (missed, live)
    }

    /// Opens a stream of events for the caller.
    pub(crate) async fn answer(
        &self,
        request: &http::request::Parts,
        auth: &Auth,
        streams: &Streams,
        credential: Credential,
    ) -> Result<Response, Refusal> {
        if request.method != Method::GET {
            return Err(Refusal::wrong_verb("GET".to_owned()));
        }
        actor_has(auth.caller(&credential).await?.actor(), Permission::Read)?;
        if request.uri.query().is_some_and(|query| !query.is_empty()) {
            return Err(Refusal::malformed("unknown query parameter"));
        }
        let lease = streams.open(credential, Permission::Read)?;
        let (missed, live) = self.join(last_event_id(&request.headers));
        let events = stream::iter(missed).chain(stream::unfold(live, next).boxed());
        let events = lease.guard(events.map(Ok)).filter_map(async |next| match next {
            Next::Item(live) => Some(sse(&live)),
            // A reader of events comes back anyhow.
            Next::Cut(_) => None,
        });
        Ok(answer::sse(events))
    }
}

fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("last-event-id").map(|value| value.to_str().unwrap_or_default())
}

async fn next(mut live: broadcast::Receiver<Live>) -> Option<(Live, broadcast::Receiver<Live>)> {
    match live.recv().await {
        Ok(next) => Some((next, live)),
        Err(RecvError::Lagged(_)) => Some((Live::Gap, live)),
        Err(RecvError::Closed) => None,
    }
}

fn sse(live: &Live) -> SseEvent {
    match live {
        Live::Event(event) => SseEvent::default().id(event.id.to_string()).event(event.kind).data(event.data.as_str()),
        Live::Gap => SseEvent::default().event("reset").data("{}"),
    }
}

/// `None` for what is not for views: facts are too many, and tickets are authority.
fn shown(event: &Event) -> Option<Shown> {
    let Event { id, kind, site, key: _, at, trace: _, data } = event;
    match kind.stream() {
        Stream::Events => {}
        Stream::Facts | Stream::Steps => return None,
    }
    let data: serde_json::Value = serde_json::from_str(data).ok()?;
    let kind = kind.as_str();
    let time = to_timestamp(*at).to_string();
    let data = serde_json::json!({"id": id, "type": kind, "site": site, "time": time, "data": data});
    Some(Shown { id: *id, kind: kind.strip_prefix("overseer.").unwrap_or(kind), data: data.to_string() })
}

#[cfg(test)]
mod tests {
    use overseer_model::{EventKind, Timestamp};

    use super::*;

    fn event(kind: EventKind) -> Event {
        let site = "home".parse().unwrap();
        let data = "{\n}".to_owned();
        let at = Timestamp::from_micros(1_795_237_443_000_000);
        Event { id: EventId::fresh(), kind, site, key: String::new(), at, trace: None, data }
    }

    #[test]
    fn tickets_and_facts_are_never_shown_and_all_else_is() {
        let hidden = [EventKind::StepDispatched, EventKind::FactBatch, EventKind::LogSignatures];
        for kind in EventKind::ALL {
            assert_eq!(shown(&event(*kind)).is_none(), hidden.contains(kind), "{kind}");
        }
    }

    #[test]
    fn an_event_is_one_line_of_json() {
        let event = event(EventKind::PlanReady);
        let shown = shown(&event).unwrap();
        assert_eq!(shown.kind, "plan.ready");
        let data: serde_json::Value = serde_json::from_str(&shown.data).unwrap();
        assert_eq!(
            data,
            serde_json::json!({"id": event.id.to_string(), "type": "overseer.plan.ready", "site": "home",
                "time": "2026-11-21T05:04:03Z", "data": {}})
        );
        assert!(!shown.data.contains('\n'));
    }

    #[test]
    fn what_came_after_an_event_is_replayed_once_and_an_unknown_one_means_reset() {
        let feed = Feed::new(CancellationToken::new());
        let events: Vec<_> =
            (0..REMEMBERED + 2).map(|_| Arc::new(shown(&event(EventKind::PlanReady)).unwrap())).collect();
        for event in events.iter().flat_map(|event| [event, event]) {
            feed.publish(Arc::clone(event));
        }
        let ids = |last: EventId| -> Vec<Option<EventId>> {
            let (missed, _) = feed.join(Some(&last.to_string()));
            missed.iter().map(|live| if let Live::Event(event) = live { Some(event.id) } else { None }).collect()
        };
        let after = |at: usize| events[at..].iter().map(|event| Some(event.id)).collect::<Vec<_>>();
        assert_eq!(ids(events[REMEMBERED - 1].id), after(REMEMBERED));
        assert_eq!(ids(events[2].id), after(3));
        assert_eq!(ids(events[1].id), [None]);
        assert_eq!(feed.join(None).0.len(), 0);
        assert!(matches!(feed.join(Some("junk")).0.front(), Some(Live::Gap)));
        feed.forget();
        assert_eq!(ids(events[5].id), [None]);
    }

    #[tokio::test]
    async fn a_bus_that_ends_its_stream_means_reset() {
        let feed = Feed::new(CancellationToken::new());
        let (_, mut live) = feed.join(None);
        let ends = stream::iter([event(EventKind::PlanReady)]).boxed();
        let running = tokio::spawn(feed.clone().run(Arc::new(overseer_bus::InProcess::new()), ends));
        assert!(matches!(live.recv().await, Ok(Live::Event(_))));
        assert!(matches!(live.recv().await, Ok(Live::Gap)));
        feed.0.stop.cancel();
        running.await.unwrap();
    }
}
