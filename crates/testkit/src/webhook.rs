//! A receiver of Standard Webhooks, written apart from the sender under test.
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Largest distance between a signature's time and ours. Source: the five minutes of the reference libraries.
const TOLERANCE_S: u64 = 300;

/// One request that arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Hook {
    /// The header `webhook-id`: the same for every attempt to deliver one notice.
    pub id: String,
    /// The field `type` of the body.
    pub kind: String,
    /// Our clock when the request had arrived, nanoseconds since 1970.
    pub at_nanos: i64,
    pub body: Value,
    /// Whether a signature matched our secret and its time is near.
    pub verified: bool,
    /// False when [`WebhookReceiver::fail_next`] made us answer 500.
    pub accepted: bool,
}

/// An HTTP server on a free loopback port which takes every POST for a webhook.
pub struct WebhookReceiver {
    address: SocketAddr,
    secret: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    key: Vec<u8>,
    inbox: Mutex<Inbox>,
    arrived: Notify,
}

#[derive(Default)]
struct Inbox {
    hooks: Vec<Hook>,
    failures_left: u32,
}

impl WebhookReceiver {
    pub async fn start() -> Self {
        let mut key = vec![0; 32];
        SystemRandom::new().fill(&mut key).expect("the system has randomness");
        let secret = format!("whsec_{}", BASE64.encode(&key));
        let shared = Arc::new(Shared { key, inbox: Mutex::default(), arrived: Notify::new() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free loopback port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let router = Router::new().fallback(receive).with_state(shared.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving never ends") });
        Self { address, secret, shared, server }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The secret to sign with, as Standard Webhooks writes it: `whsec_` and base64.
    pub fn secret(&self) -> String {
        self.secret.clone()
    }

    /// All requests so far in the order of arrival, also those answered with 500.
    pub fn received(&self) -> Vec<Hook> {
        self.shared.inbox.lock().unwrap().hooks.clone()
    }

    /// The distinct ids of the accepted requests, in the order of their first arrival.
    pub fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        for hook in self.received() {
            if hook.accepted && !ids.contains(&hook.id) {
                ids.push(hook.id);
            }
        }
        ids
    }

    /// The next `requests` requests are recorded and answered with 500.
    pub fn fail_next(&self, requests: u32) {
        self.shared.inbox.lock().unwrap().failures_left = requests;
    }

    /// The first accepted request of this kind for which `is_it` holds, past or to come.
    /// Panics with all that was received when there is none within `deadline`.
    pub async fn wait_for(&self, kind: &str, is_it: impl Fn(&Hook) -> bool, deadline: Duration) -> Hook {
        let found = tokio::time::timeout(deadline, async {
            loop {
                let arrival = self.shared.arrived.notified(); // before the look, or an arrival between both is missed
                let is_it = |hook: &Hook| hook.accepted && hook.kind == kind && is_it(hook);
                if let Some(hook) = self.received().into_iter().find(is_it) {
                    return hook;
                }
                arrival.await;
            }
        });
        found.await.unwrap_or_else(|_| panic!("no such `{kind}` within {deadline:?}, only: {:#?}", self.received()))
    }
}

impl Drop for WebhookReceiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let id = text("webhook-id").to_owned();
    let verified = is_signed(&shared.key, &id, text("webhook-timestamp"), text("webhook-signature"), &body, at);
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let kind = body.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let at_nanos = i64::try_from(at.as_nanos()).expect("it is before 2262");
    let accepted = {
        let mut inbox = shared.inbox.lock().unwrap();
        let accepted = inbox.failures_left == 0;
        inbox.failures_left = inbox.failures_left.saturating_sub(1);
        inbox.hooks.push(Hook { id, kind, at_nanos, body, verified, accepted });
        accepted
    };
    shared.arrived.notify_waiters();
    if accepted { StatusCode::NO_CONTENT } else { StatusCode::INTERNAL_SERVER_ERROR }
}

fn is_signed(key: &[u8], id: &str, timestamp: &str, signatures: &str, body: &[u8], now: Duration) -> bool {
    let Ok(signed_s) = timestamp.parse::<i64>() else { return false };
    if id.is_empty() || now.as_secs().cast_signed().abs_diff(signed_s) > TOLERANCE_S {
        return false;
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let content = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let candidates = signatures.split(' ').filter_map(|one| BASE64.decode(one.strip_prefix("v1,")?).ok());
    candidates.into_iter().any(|tag| hmac::verify(&key, &content, &tag).is_ok())
}
