//! One durable consumer, read for as long as its service runs and whatever happens to the server meanwhile.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::pull::{Config, Stream as Messages};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer};
use async_nats::jetstream::{AckKind, Message};
use async_trait::async_trait;
use futures::{FutureExt, StreamExt};
use overseer_contract::subject_of;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::in_hand::InHand;
use super::{RETRY_FIRST, RETRY_LONGEST, Server, Source, streams};
use crate::lanes::{self, Inlets, Work};
use crate::{BusError, Durable, Handler, Sites, Subscription, wire};

/// Events delivered and not settled. A lane has room for all of them, so that one slow key does not stop the others.
const MAX_IN_HAND: usize = 512;
/// Asked for at once; async-nats asks again when half of them came.
const BATCH: usize = 256;
/// One request stays open so long; events go out the moment they are stored.
const REQUEST_FOR: Duration = Duration::from_secs(30);
/// The server says so often that it is there; after two missed ones it is taken as gone.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// A connection that lasted so long was a good one, and the next outage begins with short waits again.
const GOOD_AFTER: Duration = Duration::from_secs(5);

pub struct Reader {
    server: Arc<Server>,
    durable: Durable,
    pub name: String,
}

/// Why reading ended.
enum Ended {
    Stopped,
    /// The connection is a new one; what the server knows has to be looked at anew.
    Reconnected,
    Broken(Source),
}

impl Reader {
    pub fn new(server: Arc<Server>, durable: Durable) -> Self {
        let name = durable.name();
        Self { server, durable, name }
    }

    fn config(&self) -> Config {
        let site = match &self.durable.sites {
            Sites::Every => "*",
            Sites::Only(site) => site.as_str(),
        };
        Config {
            durable_name: Some(self.name.clone()),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.server.ack_wait,
            max_deliver: -1,
            max_ack_pending: i64::try_from(MAX_IN_HAND).unwrap_or(i64::MAX),
            filter_subjects: self.durable.kinds.iter().map(|kind| subject_of(*kind, site)).collect(),
            ..Config::default()
        }
    }

    /// Creates the durable, and all streams, where they are missing.
    pub async fn register(&self) -> Result<PullConsumer, Source> {
        streams::ensure_all(&self.server.context).await?;
        let stream = streams::name(self.durable.stream());
        Ok(self.server.context.create_consumer_on_stream(self.config(), stream).await?)
    }

    async fn attach(&self, in_hand: &InHand, life: &mut Option<i128>) -> Result<Messages, Source> {
        let mut consumer = self.register().await?;
        let created = consumer.cached_info().created.unix_timestamp_nanos();
        if life.replace(created).is_some_and(|before| before != created) {
            in_hand.forget_replies();
        }
        // What a process took before it was killed would come only after `ack_wait`, behind later events of its key.
        // Nobody else reads this durable, so it may come now.
        let info = consumer.get_info().await?;
        if info.num_waiting == 0 && info.num_ack_pending > in_hand.len() {
            let unsettled = info.num_ack_pending;
            match consumer.reset(None).await {
                Ok(_) => tracing::info!(durable = self.name, unsettled, "unacknowledged events will be redelivered"),
                // NATS before 2.14 cannot.
                Err(error) => {
                    let error: &dyn Error = &error;
                    tracing::warn!(durable = self.name, unsettled, error, "unacknowledged events are delivered late");
                }
            }
        }
        let messages = consumer.stream().max_messages_per_batch(BATCH).expires(REQUEST_FOR).heartbeat(HEARTBEAT);
        Ok(messages.messages().await?)
    }

    /// Reads until `stop` fires.
    async fn read(&self, inlets: &Inlets<InHand>, in_hand: &InHand, stop: &CancellationToken) {
        let mut connections = self.server.connections.clone();
        let mut life = None;
        let mut wait = RETRY_FIRST;
        let mut out = false;
        loop {
            connections.mark_unchanged();
            let attached = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                attached = self.attach(in_hand, &mut life) => attached,
            };
            let began = Instant::now();
            let ended = match attached {
                Err(error) => Ended::Broken(error),
                Ok(mut messages) => {
                    if std::mem::take(&mut out) {
                        tracing::info!(durable = self.name, "bus available again");
                    }
                    let ended = loop {
                        let next = tokio::select! {
                            biased;
                            () = stop.cancelled() => break Ended::Stopped,
                            _ = connections.changed() => break Ended::Reconnected,
                            next = messages.next() => next,
                        };
                        match next {
                            Some(Ok(message)) => self.put(message, inlets, in_hand, stop).await,
                            Some(Err(error)) => break Ended::Broken(error.into()),
                            None => break Ended::Broken("the server ended the delivery".into()),
                        }
                    };
                    // What has come already would else be late.
                    while let Some(Some(Ok(message))) = messages.next().now_or_never() {
                        self.put(message, inlets, in_hand, stop).await;
                    }
                    ended
                }
            };
            match ended {
                Ended::Stopped => return,
                Ended::Reconnected => {
                    tracing::info!(durable = self.name, "bus reconnected");
                    continue;
                }
                Ended::Broken(error) => {
                    if !std::mem::replace(&mut out, true) {
                        let error: &dyn Error = &*error;
                        tracing::warn!(durable = self.name, error, "bus does not deliver; retrying");
                    }
                }
            }
            if began.elapsed() >= GOOD_AFTER {
                wait = RETRY_FIRST;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = connections.changed() => {}
                () = sleep(wait) => wait = (wait * 2).min(RETRY_LONGEST),
            }
        }
    }

    /// Puts the event in its lane, and takes out of the stream for good what is none.
    async fn put(&self, message: Message, inlets: &Inlets<InHand>, in_hand: &InHand, stop: &CancellationToken) {
        let (Some(reply), Ok(info)) = (&message.reply, message.info()) else { return };
        let sequence = info.stream_sequence;
        match wire::event(&message.subject, message.headers.as_ref(), &message.payload) {
            Ok(event) => {
                if in_hand.take(event.id, reply.clone(), sequence) {
                    // Interrupted, the event stays in hand and is given back.
                    let put = inlets.put(Work { event, settle: in_hand.clone() });
                    stop.run_until_cancelled(put).await;
                }
            }
            Err(bad) => {
                let stream = streams::name(self.durable.stream());
                metrics::counter!("overseer_bus_bad_messages_total", "stream" => stream).increment(1);
                let Message { message: core, .. } = &message;
                tracing::warn!(
                    durable = self.name,
                    sequence,
                    subject = %core.subject,
                    error = &bad as &dyn Error,
                    "message is not an event; skipped"
                );
                if let Err(error) = message.ack_with(AckKind::Term).await {
                    tracing::debug!(error = &*error as &dyn Error, "acknowledgement not sent");
                }
            }
        }
    }
}

#[async_trait]
impl Subscription for Reader {
    async fn run(self: Box<Self>, handler: Arc<dyn Handler>, stop: CancellationToken) -> Result<(), BusError> {
        let in_hand = InHand::new(self.server.client.clone());
        let (inlets, outlets) = lanes::lanes(MAX_IN_HAND);
        let work = async {
            tokio::join!(self.read(&inlets, &in_hand, &stop), lanes::run(outlets, handler, stop.clone()));
        };
        tokio::select! {
            () = work => {}
            () = in_hand.keep_alive(self.server.ack_wait / 3) => {}
        }
        in_hand.give_back().await;
        if let Err(error) = self.server.client.flush().await {
            tracing::debug!(error = &error as &dyn Error, "last acknowledgements not sent");
        }
        Ok(())
    }
}
