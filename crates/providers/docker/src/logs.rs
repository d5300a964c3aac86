//! The logs of a container: one connection for each that is followed.
//!
//! The request is made here and not by the client library, which knows no nanoseconds and reads a line of any length into
//! memory. Nothing is read ahead of the reader but the socket's buffer: who waits makes the engine keep the log.
//!
//! Promised: each line once and in the order of its stream, over any number of connections and restarts of the engine,
//! when each begins with the position of the last line that was kept. A line that the engine stored in pieces is put
//! together. Not promised: what the engine itself has rotated away, and see `position` for clocks that are set back.

mod decode;
mod join;
mod position;

use std::error::Error;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use overseer_model::plain;
use overseer_provider_port::{LogError, LogLine, LogStart, Logs, ObserveError};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;

use self::decode::{Frames, LastEntry, Piece, Terminal};
use self::join::Join;
use self::position::{Position, Progress};
use crate::connect::{Host, Place};
use crate::{CALL, DockerObserve, is_id, time};

/// Most bytes of an engine's refusal that are kept.
const REFUSAL: usize = 500;
/// Most bytes of a log that are read ahead.
const AHEAD: usize = 64 * 1024;

#[async_trait]
impl Logs for DockerObserve {
    async fn follow_logs(
        &self,
        id: &str,
        from: LogStart,
    ) -> Result<BoxStream<'static, Result<LogLine, LogError>>, LogError> {
        if !is_id(id) {
            return Err(LogError::NotFound { id: id.to_owned() });
        }
        let progress = match from {
            LogStart::Beginning => Progress::since(i64::MIN),
            LogStart::Since(time) => Progress::since(time.micros().saturating_mul(1_000)),
            LogStart::After(position) => {
                let position = Position::read(&position).ok_or_else(|| LogError::BadPosition { id: id.to_owned() })?;
                Progress::after(position)
            }
        };
        let kind = self.kind_of_log(id).await?;
        let path = path(id, progress.ask_from());
        let opened = tokio::time::timeout(CALL, open(&self.host, &path)).await;
        let opened = opened.unwrap_or_else(|elapsed| Err(elapsed.into()));
        let Opened { answer, connection } = opened.map_err(|source| self.unreachable(source))?;
        if answer.status() != StatusCode::OK {
            return Err(refusal(id, kind.driver, answer).await);
        }
        let reading = Reading {
            id: id.to_owned(),
            body: answer.into_body(),
            _connection: connection,
            decoder: kind.decoder,
            join: Join::new(progress),
        };
        let read = stream::try_unfold(Some(reading), |reading| async {
            let Some(mut reading) = reading else { return Ok(None) };
            let (lines, goes_on) = reading.next().await?;
            Ok(Some((stream::iter(lines.into_iter().map(Ok)), goes_on.then_some(reading))))
        });
        Ok(read.try_flatten().boxed())
    }
}

/// What an inspect says about a log.
struct LogKind {
    decoder: Decoder,
    driver: String,
}

enum Decoder {
    Frames(Frames),
    Terminal(Terminal),
}

impl DockerObserve {
    async fn kind_of_log(&self, id: &str) -> Result<LogKind, LogError> {
        let inspect = async {
            let client = self.client().await?;
            self.timed(client.inspect_container(id, None)).await
        };
        let answer = inspect.await.map_err(|error| match error {
            ObserveError::NotFound { .. } => LogError::NotFound { id: id.to_owned() },
            other @ (ObserveError::Unreachable { .. } | ObserveError::Partial { .. }) => self.unreachable(other.into()),
        })?;
        let driver = answer.host_config.and_then(|host| host.log_config).and_then(|log| log.typ).unwrap_or_default();
        // A terminal has one stream, which comes without frames.
        let decoder = match answer.config.and_then(|config| config.tty) {
            Some(true) => Decoder::Terminal(Terminal::default()),
            Some(false) | None => Decoder::Frames(Frames::new(last_entry(&driver))),
        };
        Ok(LogKind { decoder, driver })
    }

    fn unreachable(&self, source: Box<dyn Error + Send + Sync>) -> LogError {
        LogError::Unreachable { place: self.host.to_string(), source }
    }
}

/// Drivers that send their log elsewhere keep a copy in the `local` format.
fn last_entry(driver: &str) -> LastEntry {
    match driver {
        "json-file" | "journald" | "k8s-file" => LastEntry::EndsTheLine,
        _ => LastEntry::IsShorter,
    }
}

fn path(id: &str, since: i64) -> String {
    let since = time::write_nanos(since);
    format!("/containers/{id}/logs?follow=1&stdout=1&stderr=1&timestamps=1&since={since}")
}

struct Opened {
    answer: Response<Incoming>,
    /// Ends with it.
    connection: JoinSet<()>,
}

/// Asks on a connection of its own.
async fn open(host: &Host, path: &str) -> Result<Opened, Box<dyn Error + Send + Sync>> {
    match host.place() {
        Place::Socket(file) => ask(TokioIo::new(UnixStream::connect(file).await?), path).await,
        Place::Address(address) => ask(TokioIo::new(TcpStream::connect(address).await?), path).await,
    }
}

async fn ask<I>(io: I, path: &str) -> Result<Opened, Box<dyn Error + Send + Sync>>
where
    I: Read + Write + Unpin + Send + 'static,
{
    let (mut sender, driven) = http1::Builder::new().max_buf_size(AHEAD).handshake(io).await?;
    let mut connection = JoinSet::new();
    connection.spawn(async move {
        // Its error is told by the body as well.
        let _ended = driven.await;
    });
    let request = Request::get(path).header("host", "docker").body(Empty::<Bytes>::new())?;
    Ok(Opened { answer: sender.send_request(request).await?, connection })
}

/// What an answer means that is no log.
async fn refusal(id: &str, driver: String, answer: Response<Incoming>) -> LogError {
    let (id, status) = (id.to_owned(), answer.status());
    match status {
        // 409: it is dead, or marked for removal.
        StatusCode::NOT_FOUND | StatusCode::CONFLICT => LogError::NotFound { id },
        StatusCode::NOT_IMPLEMENTED => LogError::NotReadable { id, driver },
        _ => {
            let body = tokio::time::timeout(CALL, Limited::new(answer.into_body(), AHEAD).collect()).await;
            let body = body.ok().and_then(Result::ok).map(http_body_util::Collected::to_bytes).unwrap_or_default();
            let why = plain(&String::from_utf8_lossy(&body), REFUSAL);
            // Engines before 23 have no status of its own for it.
            if why.contains("does not support reading") {
                return LogError::NotReadable { id, driver };
            }
            LogError::Refused { id, status: status.as_u16(), why }
        }
    }
}

/// A log that is being read.
struct Reading {
    id: String,
    body: Incoming,
    _connection: JoinSet<()>,
    decoder: Decoder,
    join: Join,
}

impl Reading {
    /// The next lines, and whether more can follow.
    async fn next(&mut self) -> Result<(Vec<LogLine>, bool), LogError> {
        match self.body.frame().await {
            Some(Ok(frame)) => {
                let mut lines = Vec::new();
                if let Some(bytes) = frame.data_ref() {
                    self.decode(bytes, &mut lines)?;
                }
                Ok((lines, true))
            }
            Some(Err(source)) => Err(LogError::Interrupted { id: self.id.clone(), source: source.into() }),
            None => self.end(),
        }
    }

    fn decode(&mut self, bytes: &[u8], lines: &mut Vec<LogLine>) -> Result<(), LogError> {
        let each = |piece: Piece<'_>| lines.extend(self.join.take(piece));
        let read = match &mut self.decoder {
            Decoder::Frames(frames) => frames.take(bytes, each),
            Decoder::Terminal(terminal) => terminal.take(bytes, each),
        };
        read.map_err(|why| LogError::Malformed { id: self.id.clone(), why })
    }

    fn end(&mut self) -> Result<(Vec<LogLine>, bool), LogError> {
        let is_between = match &self.decoder {
            Decoder::Frames(frames) => frames.is_between(),
            Decoder::Terminal(terminal) => terminal.is_between(),
        };
        if !is_between {
            return Err(LogError::Malformed { id: self.id.clone(), why: "it ended within an entry" });
        }
        Ok((self.join.rest().collect(), false))
    }
}
