//! The bus over NATS JetStream, for services in processes of their own.
//!
//! An event is safe once JetStream has stored it. Streams and durables are made when they are missing, at the start and
//! whenever the server has lost them. The order of a key holds as long as one process at a time runs a durable.

mod in_hand;
mod reader;
mod streams;
mod taken;
mod users;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::context::{ContextBuilder, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::RawMessageErrorKind;
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event as Connection, ServerAddr};
use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use overseer_contract::Event;
use overseer_model::{ServiceName, Stream, Timestamp};
use percent_encoding::percent_decode_str;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::{Bus, BusError, Durable, Incarnation, MAX_EVENT_BYTES, Setback, Subscription, check_size, wire};
use reader::Reader;
use taken::{Acknowledged, Found, Ledger};
pub use users::authorization;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Longest wait for the answer to one request or publish.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// The same after a reconnection. What was sent before it has no answer any more; what waited for it has one soon.
const ANSWER_AFTER_RECONNECT: Duration = Duration::from_secs(1);
/// Waits between two attempts to reach the server or to set it up.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LONGEST: Duration = Duration::from_secs(2);
/// How soon a connection that says nothing is found dead by those who only publish.
const PING_EVERY: Duration = Duration::from_secs(10);
/// What Overseer relies on came with this version: filters of several subjects, and consumers created by name.
const OLDEST: (i64, i64, i64) = (2, 12, 0);

#[derive(Clone, Debug)]
pub struct JetStreamOptions {
    /// `nats://[user:password@]host[:port]`, or `tls://`.
    pub url: String,
    /// How long the start waits for a server that is not there yet.
    pub max_wait: Duration,
    /// After this time without a sign of life from a consumer its events are delivered again.
    pub ack_wait: Duration,
    /// Who connects, unless the URL names a user.
    pub login: Option<Login>,
}

/// A service's own user.
#[derive(Clone)]
pub struct Login {
    pub service: ServiceName,
    pub password: String,
}

/// Without the password.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({})", self.service)
    }
}

impl JetStreamOptions {
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), max_wait: Duration::from_secs(30), ack_wait: Duration::from_secs(30), login: None }
    }
}

/// Clones share one connection.
#[derive(Clone)]
pub struct JetStream {
    server: Arc<Server>,
}

struct Server {
    /// Without the password.
    url: String,
    client: Client,
    context: Context,
    ack_wait: Duration,
    /// Counts the connections made; each may lead to a server that knows nothing.
    connections: watch::Receiver<u64>,
    ledger: Mutex<Ledger>,
    /// When each stream was created, as it was last seen.
    lives: Mutex<HashMap<Stream, i128>>,
}

impl JetStream {
    /// Connects and creates the streams.
    ///
    /// # Errors
    /// When no server answers within `max_wait`, when it is too old, or when it has no JetStream for us.
    pub async fn connect(options: JetStreamOptions) -> Result<Self, BusError> {
        let JetStreamOptions { url, max_wait, ack_wait, login } = options;
        let login = login.filter(|_| credentials(&url).is_none());
        let deadline = Instant::now() + max_wait;
        let shown = without_password(&url);
        let (connected, mut connections) = watch::channel(0);
        let client = reach(&url, login.as_ref(), connected, deadline)
            .await
            .map_err(|source| BusError::Unreachable { url: shown.clone(), source: source.into() })?;
        // The word of the first connection comes a little after it, and must not be taken for that of a second.
        let _ = timeout(ANSWER_WITHIN, connections.wait_for(|count| *count > 0)).await;
        let (major, minor, patch) = OLDEST;
        if !client.is_server_compatible(major, minor, patch) {
            return Err(BusError::TooOld { found: client.server_info().version });
        }
        if !client.server_info().auth_required {
            tracing::warn!(
                url = shown,
                "the NATS server has no users: anyone can publish; set the users of `overseer config nats`"
            );
        }
        let context = ContextBuilder::new().timeout(ANSWER_WITHIN).ack_timeout(ANSWER_WITHIN).build(client.clone());
        let server = Server {
            url: shown,
            client,
            context,
            ack_wait,
            connections,
            ledger: Mutex::default(),
            lives: Mutex::default(),
        };
        // JetStream of a server that has just started answers later than the server.
        let mut wait = RETRY_FIRST;
        while let Err(error) = streams::at_start(&server.context, login.as_ref()).await {
            if Instant::now() + wait > deadline {
                return Err(server.refused("its streams", error));
            }
            sleep(wait).await;
            wait = (wait * 2).min(RETRY_LONGEST);
        }
        Ok(Self { server: Arc::new(server) })
    }
}

impl Server {
    fn refused(&self, what: &str, source: impl Into<Source>) -> BusError {
        BusError::Refused { url: self.url.clone(), what: what.to_owned(), source: source.into() }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks whether the stream still has what it acknowledged. The end of it is compared each time; what is at the place
    /// of the last event only after a reconnection, because a server that lost something was restarted.
    async fn compare(&self, stream: Stream, handle: &jetstream::stream::Stream) -> Result<(), Source> {
        let info = handle.cached_info();
        let (created, connection) = (info.created.unix_timestamp_nanos(), *self.connections.borrow());
        let life = self.lives.lock().unwrap_or_else(PoisonError::into_inner).insert(stream, created);
        if life.is_some_and(|life| life != created) {
            self.ledger().forget(stream);
        }
        let Some(taken) = self.ledger().last(stream) else { return Ok(()) };
        let found = if info.state.last_sequence < taken.sequence {
            Found::BeyondTheEnd
        } else if taken.connection == connection {
            return Ok(());
        } else {
            self.at(handle, taken.sequence).await?
        };
        if self.ledger().compare(stream, taken, found, connection) {
            report_setback(stream, taken, info.state.last_sequence);
        }
        Ok(())
    }

    /// The server says that a sequence has another end than this process knows: others have written, an answer was lost, or
    /// the stream went back.
    async fn look_at_end(&self, stream: Stream, subject: &str) -> Result<(), Source> {
        let Some(taken) = self.ledger().end_of(subject) else { return Ok(()) };
        let handle = streams::ensure(&self.context, stream).await?;
        let last = handle.cached_info().state.last_sequence;
        let found = if last < taken.sequence { Found::BeyondTheEnd } else { self.at(&handle, taken.sequence).await? };
        if self.ledger().other_end(stream, subject, found) {
            report_setback(stream, taken, last);
        }
        Ok(())
    }

    async fn at(&self, handle: &jetstream::stream::Stream, sequence: u64) -> Result<Found, Source> {
        match handle.get_raw_message(sequence).await {
            Ok(message) => {
                let id = message.headers.get("Nats-Msg-Id").and_then(|id| id.as_str().parse().ok());
                Ok(Found::Event(id))
            }
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(Found::Nothing),
            Err(error) => Err(error.into()),
        }
    }

    /// Once the connection is a new one and has had time for the answers to what was sent on it.
    async fn answers_lost(&self) {
        let mut connections = self.connections.clone();
        connections.mark_unchanged();
        // An error says that the client is closed; then no answer comes either.
        let _ = connections.changed().await;
        sleep(ANSWER_AFTER_RECONNECT).await;
    }
}

fn report_setback(stream: Stream, lost: Acknowledged, last: u64) {
    let name = streams::name(stream);
    metrics::counter!("overseer_bus_setbacks_total", "stream" => name).increment(1);
    tracing::error!(
        stream = name,
        acknowledged = lost.sequence,
        last,
        "stream lost acknowledged events: set `sync_interval: always` in the server's jetstream section"
    );
}

async fn reach(
    url: &str,
    login: Option<&Login>,
    connected: watch::Sender<u64>,
    deadline: Instant,
) -> Result<Client, async_nats::ConnectError> {
    let connected = Arc::new(connected);
    let mut wait = RETRY_FIRST;
    loop {
        let connected = Arc::clone(&connected);
        let mut options = ConnectOptions::new()
            .name("overseer")
            .request_timeout(Some(ANSWER_WITHIN))
            .ping_interval(PING_EVERY)
            .reconnect_delay_callback(|attempt| RETRY_FIRST.saturating_mul(1 << attempt.min(10)).min(RETRY_LONGEST))
            .event_callback(move |event| {
                let connected = Arc::clone(&connected);
                async move {
                    match event {
                        Connection::Connected => connected.send_modify(|count| *count += 1),
                        // For example a subject that this user may not publish to.
                        Connection::ServerError(error) => {
                            tracing::warn!(error = &error as &dyn std::error::Error, "NATS server error");
                        }
                        _ => {}
                    }
                }
            });
        if let Some((user, password)) = credentials(url) {
            options = options.user_and_password(user, password);
        } else if let Some(Login { service, password }) = login {
            // Answers come to an inbox that no other user may read.
            let inbox = users::inbox(*service);
            options =
                options.user_and_password(service.snake().to_owned(), password.clone()).custom_inbox_prefix(inbox);
        }
        let error = match options.connect(url).await {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        let lasting = matches!(
            error.kind(),
            ConnectErrorKind::ServerParse
                | ConnectErrorKind::Authentication
                | ConnectErrorKind::AuthorizationViolation
                | ConnectErrorKind::Tls
        );
        if lasting || Instant::now() + wait > deadline {
            return Err(error);
        }
        sleep(wait).await;
        wait = (wait * 2).min(RETRY_LONGEST);
    }
}

/// The user and password that a URL holds, decoded.
fn credentials(url: &str) -> Option<(String, String)> {
    let address: ServerAddr = url.parse().ok()?;
    let plain = |text: &str| percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned);
    Some((plain(address.username()?)?, plain(address.password()?)?))
}

fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        (_, None) => url.to_owned(),
    }
}

#[async_trait]
impl Bus for JetStream {
    async fn subscribe(&self, durable: Durable) -> Result<Box<dyn Subscription>, BusError> {
        durable.check()?;
        let reader = Reader::new(Arc::clone(&self.server), durable);
        reader.register().await.map_err(|source| self.server.refused(&reader.name, source))?;
        Ok(Box::new(reader))
    }

    async fn publish(&self, event: &Event) -> Result<(), BusError> {
        let limit = MAX_EVENT_BYTES.min(self.server.client.max_payload());
        check_size(event, limit)?;
        let mut message =
            PublishMessage::build().headers(wire::headers(event)).payload(event.data.clone().into_bytes().into());
        // Else a server that lost the end of a sequence would take what comes after it, and nobody could fill the gap.
        if event.kind.is_sequence()
            && let Some(end) = self.server.ledger().end_of(&event.subject())
        {
            message = message.expected_last_subject_sequence(end.sequence);
        }
        let stored = async { self.server.context.send_publish(event.subject(), message).await?.await };
        // Unconstrained: else the runtime may, to be fair to others, refuse the place in the queue at the first poll.
        let stored = tokio::task::coop::unconstrained(timeout(ANSWER_WITHIN, stored));
        let answer = tokio::select! {
            biased;
            answer = stored => answer,
            () = self.server.answers_lost() => return Err(BusError::NotTaken { source: None }),
        };
        let error = match answer {
            Ok(Ok(stored)) => {
                let connection = *self.server.connections.borrow();
                let taken =
                    Acknowledged { sequence: stored.sequence, event: event.id, at: Timestamp::now(), connection };
                // The answer to a repeated event is about the place of the first.
                if !stored.duplicate {
                    let (mut ledger, stream) = (self.server.ledger(), event.kind.stream());
                    ledger.note(stream, taken);
                    if event.kind.is_sequence() {
                        ledger.note_end(stream, event.subject(), taken);
                    }
                }
                return Ok(());
            }
            Ok(Err(error)) => error,
            Err(elapsed) => return Err(BusError::NotTaken { source: Some(elapsed.into()) }),
        };
        // Sending it again is left to the caller, who knows what has to come before it.
        if error.kind() == PublishErrorKind::StreamNotFound
            && let Err(error) = streams::ensure_all(&self.server.context).await
        {
            tracing::debug!(error = &*error as &dyn std::error::Error, "streams still missing");
        }
        if error.kind() == PublishErrorKind::WrongLastSequence
            && let Err(error) = self.server.look_at_end(event.kind.stream(), &event.subject()).await
        {
            tracing::debug!(error = &*error as &dyn std::error::Error, "end of the stream cannot be read");
        }
        Err(BusError::NotTaken { source: Some(error.into()) })
    }

    async fn watch(&self) -> Result<BoxStream<'static, Event>, BusError> {
        let Server { client, .. } = &*self.server;
        let messages =
            client.subscribe("overseer.>").await.map_err(|error| self.server.refused("overseer.>", error))?;
        client.flush().await.map_err(|error| self.server.refused("overseer.>", error))?;
        let events = messages
            .filter_map(async |message| wire::event(&message.subject, message.headers.as_ref(), &message.payload).ok());
        Ok(events.boxed())
    }

    async fn incarnation(&self) -> Result<Incarnation, BusError> {
        let mut lives = Vec::new();
        for stream in Stream::ALL {
            let info = streams::ensure(&self.server.context, stream)
                .await
                .map_err(|source| self.server.refused("STREAM.INFO", source))?;
            let compared = self.server.compare(stream, &info).await;
            compared.map_err(|source| self.server.refused("STREAM.MSG.GET", source))?;
            lives.push(info.cached_info().created.unix_timestamp_nanos().to_string());
        }
        Ok(Incarnation(lives.join("-")))
    }

    fn setback(&self) -> Option<Setback> {
        self.server.ledger().setback()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_come_out_of_the_url_and_are_not_shown() {
        let url = "nats://collector:p%40ss@127.0.0.1:4222";
        assert_eq!(credentials(url), Some(("collector".to_owned(), "p@ss".to_owned())));
        assert_eq!(without_password(url), "nats://127.0.0.1:4222");
        assert_eq!(without_password("nats://127.0.0.1:4222"), "nats://127.0.0.1:4222");
        assert_eq!(credentials("nats://127.0.0.1:4222"), None);
    }
}
