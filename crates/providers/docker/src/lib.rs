//! Docker as a platform that is observed: every container from list and inspect, what the engine's event stream says, and
//! the containers' logs. It only reads. Environment values, command lines and mounts are in no type of ours.
//!
//! Every call has a deadline but the event stream, which is meant to stay open. A client that failed is thrown away and
//! made anew by the next call, so an engine that was away is found again. The client library reads whole answers into
//! memory; what is kept of them is bounded.

mod connect;
mod event;
mod logs;
mod snapshot;
mod time;
mod track;

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::{EventsOptions, EventsOptionsBuilder, ListContainersOptionsBuilder};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use overseer_model::{Instance, Provider, Site, Source, Timestamp};
use overseer_provider_port::{ClockOffset, NotFound, Observe, ObserveError, PlatformEvent, Snapshot};

pub use connect::{BadHost, Host, connect, is_id};
pub use track::Containers;

/// Longest name, image or label that is kept, in characters.
pub(crate) const NAME: usize = 255;

/// The longest wait for one answer. An inspect waits while the engine cleans up after an exit, which takes some ms and
/// seconds on a slow disk.
const CALL: Duration = Duration::from_secs(10);
/// Containers that are inspected at once.
const INSPECTS: usize = 8;

/// Looks at one Docker engine.
pub struct DockerObserve {
    host: Host,
    source: Source,
    site: Site,
    client: Mutex<Option<Docker>>,
    /// Of the engine's clock, in microseconds.
    clock: AtomicI64,
}

impl DockerObserve {
    /// Needs no running engine; the calls say when there is none. An empty `host` means `DOCKER_HOST`, or else the
    /// usual socket.
    ///
    /// # Errors
    /// When `host` is not an address of an engine.
    pub fn new(host: &str, instance: Instance, site: Site) -> Result<Self, BadHost> {
        let source = Source { provider: Provider::Docker, instance };
        Ok(Self { host: host.parse()?, source, site, client: Mutex::default(), clock: AtomicI64::default() })
    }

    async fn client(&self) -> Result<Docker, ObserveError> {
        if let Some(client) = self.client.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(client);
        }
        let client = self.timed(connect(&self.host)).await?;
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(client.clone());
        Ok(client)
    }

    /// The answer to one call within its deadline.
    async fn timed<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, ObserveError> {
        let answer = tokio::time::timeout(CALL, call).await.unwrap_or(Err(Error::RequestTimeoutError));
        answer.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: Error) -> ObserveError {
        match error {
            Error::DockerResponseServerError { status_code: 404, .. } => {
                ObserveError::NotFound { what: NotFound::Container }
            }
            Error::JsonDataError { .. } | Error::JsonSerdeError { .. } => ObserveError::Partial { field: "JSON" },
            other => {
                *self.client.lock().unwrap_or_else(PoisonError::into_inner) = None;
                ObserveError::Unreachable { place: self.host.to_string(), source: Box::new(other) }
            }
        }
    }

    async fn inspected(&self, client: &Docker, id: &str) -> Result<Snapshot, ObserveError> {
        let answer = self.timed(client.inspect_container(id, None)).await?;
        snapshot::read(answer, &self.source, &self.site)
    }

    /// The engine's own clock, which its events are stamped with; ours may differ when it is on another machine. Keeps the
    /// offset.
    async fn engine_time(&self, client: &Docker) -> Result<Timestamp, ObserveError> {
        let sent = Timestamp::now();
        let info = self.timed(client.info()).await?;
        let engine =
            info.system_time.as_deref().and_then(time::read).ok_or(ObserveError::Partial { field: "SystemTime" })?;
        let offset = ClockOffset::measured(sent, engine, Timestamp::now());
        if self.clock.swap(offset.micros(), Ordering::Relaxed) != offset.micros() {
            let offset_ms = offset.micros() / 1_000;
            tracing::info!(instance = %self.source.instance, offset_ms, "clock offset of the engine changed");
        }
        Ok(engine)
    }

    /// What the events mean, without those that mean nothing here or cannot be parsed: one of those would come again after
    /// each reconnection, and the listing repairs what it said.
    fn platform_events(
        &self,
        client: &Docker,
        options: EventsOptions,
    ) -> impl futures::Stream<Item = Result<PlatformEvent, Error>> + Send + use<> {
        let (source, site) = (self.source.clone(), self.site.clone());
        client.events(Some(options)).filter_map(move |event| {
            let read = match event {
                Ok(event) => event::read(event, &source, &site).map(Ok),
                Err(Error::JsonDataError { .. } | Error::JsonSerdeError { .. }) => {
                    tracing::warn!("engine event cannot be parsed; the next listing covers it");
                    None
                }
                Err(error) => Some(Err(error)),
            };
            std::future::ready(read)
        })
    }
}

#[async_trait]
impl Observe for DockerObserve {
    fn source(&self) -> &Source {
        &self.source
    }

    fn clock(&self) -> ClockOffset {
        ClockOffset::from_micros(self.clock.load(Ordering::Relaxed))
    }

    async fn list(&self) -> Result<Vec<Snapshot>, ObserveError> {
        let client = self.client().await?;
        self.engine_time(&client).await?;
        let options = ListContainersOptionsBuilder::default().all(true).build();
        let summaries = self.timed(client.list_containers(Some(options))).await?;
        let ids = summaries.into_iter().map(|summary| summary.id.ok_or(ObserveError::Partial { field: "Id" }));
        let ids: Vec<String> = ids.collect::<Result<_, _>>()?;
        let client = &client;
        stream::iter(ids)
            .map(|id| async move {
                match self.inspected(client, &id).await {
                    Ok(snapshot) => Ok(Some(snapshot)),
                    // It was removed since the list was made.
                    Err(ObserveError::NotFound { .. }) => Ok(None),
                    Err(error) => Err(error),
                }
            })
            .buffer_unordered(INSPECTS)
            .try_filter_map(async |snapshot| Ok(snapshot))
            .try_collect()
            .await
    }

    async fn inspect(&self, id: &str) -> Result<Snapshot, ObserveError> {
        if !is_id(id) {
            return Err(ObserveError::NotFound { what: NotFound::Container });
        }
        let client = self.client().await?;
        self.inspected(&client, id).await
    }

    async fn follow(
        &self,
        since: Option<Timestamp>,
    ) -> Result<BoxStream<'static, Result<PlatformEvent, ObserveError>>, ObserveError> {
        let client = self.client().await?;
        // The request goes out when the stream is first asked, so "from now on" has to be said by the engine's clock.
        let now = self.engine_time(&client).await?;
        let options = events_of_containers(HashMap::new()).since(&time::write(since.unwrap_or(now))).build();
        let place = self.host.to_string();
        Ok(self
            .platform_events(&client, options)
            .map_err(move |source| ObserveError::Unreachable { place: place.clone(), source: Box::new(source) })
            .boxed())
    }

    async fn history(&self, id: &str, from: Timestamp, until: Timestamp) -> Result<Vec<PlatformEvent>, ObserveError> {
        let client = self.client().await?;
        // The engine would wait for an end that lies in its future.
        let until = until.min(self.engine_time(&client).await?);
        // The engine's clock may be behind; it refuses a time that ends before it begins.
        if from >= until {
            return Ok(Vec::new());
        }
        let only = HashMap::from([("container", vec![id])]);
        let options = events_of_containers(only).since(&time::write(from)).until(&time::write(until)).build();
        self.timed(self.platform_events(&client, options).try_collect()).await
    }
}

fn events_of_containers(mut filters: HashMap<&str, Vec<&str>>) -> EventsOptionsBuilder {
    filters.insert("type", vec!["container"]);
    EventsOptionsBuilder::default().filters(&filters)
}
