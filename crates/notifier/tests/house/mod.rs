//! A notifier that runs, and receivers that misbehave.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Once};
use std::time::Duration;

use overseer_bus::{Bus, InProcess};
use overseer_contract::v1::delivery_service_client::DeliveryServiceClient;
use overseer_contract::{Event, to_timestamp, v1};
use overseer_model::{IncidentId, Role, ServiceName, Timestamp};
use overseer_notifier::{MIGRATIONS, NotifierConfig, Reach, WebhookConfig, WebhookUrl, build};
use overseer_runtime::{Base, Consumers, Health, Keyring, Peers, Person, Relay, RunError, run_until_stopped};
use overseer_storage::{Db, Location};
use overseer_testkit::{Postgres, WebhookReceiver, until};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use v1::DeliveryState;

const SOON: Duration = Duration::from_secs(20);

/// Where the notifier keeps its tables, for several lives of it.
pub struct Store {
    location: Location,
    folder: TempDir,
}

impl Store {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { location: Location::Sqlite { folder: folder.path().to_owned() }, folder }
    }

    pub async fn postgres() -> Self {
        let address = Postgres::shared().await.scratch_url().await;
        Self { location: Location::Postgres { address }, folder: tempfile::tempdir().unwrap() }
    }

    pub fn secret(&self, text: &str) -> PathBuf {
        let file = self.folder.path().join(format!("secret-{}", IncidentId::fresh()));
        std::fs::write(&file, format!("{text}\n")).unwrap();
        file
    }

    pub fn receiver(&self, name: &str, receiver: &WebhookReceiver) -> WebhookConfig {
        target(name, &receiver.url(), self.secret(&receiver.secret()), Reach::Declared)
    }

    pub fn target(&self, name: &str, url: &str, reach: Reach) -> WebhookConfig {
        target(name, url, self.secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), reach)
    }

    pub async fn start(&self, webhooks: Vec<WebhookConfig>, max_attempts: u32, first_retry_ms: u32) -> House {
        static TLS: Once = Once::new();
        TLS.call_once(|| rustls::crypto::ring::default_provider().install_default().unwrap());
        let db = Db::open(&self.location, ServiceName::Notifier, MIGRATIONS).await.unwrap();
        let bus = InProcess::new();
        let keyring = Keyring::in_memory("test".parse().unwrap()).unwrap();
        let own = keyring.credential(ServiceName::Notifier).unwrap();
        let base = Base {
            service: ServiceName::Notifier,
            site: "home".parse().unwrap(),
            db,
            bus: Arc::new(bus.clone()),
            peers: Peers::new(own, &HashMap::new()).unwrap(),
            relay: Relay::default(),
            health: Health::default(),
            consumers: Consumers::default(),
            stop: CancellationToken::new(),
        };
        let (peers, stop) = (base.peers.clone(), base.stop.clone());
        let service = build(base, NotifierConfig { webhooks, max_attempts, first_retry_ms }).await.unwrap();
        let running = tokio::spawn(run_until_stopped(vec![service], vec![], stop.clone()));
        House { bus, peers, keyring, stop, running }
    }
}

pub fn target(name: &str, url: &str, secret_file: PathBuf, reach: Reach) -> WebhookConfig {
    WebhookConfig { name: name.to_owned(), url: WebhookUrl::new(url.to_owned()), secret_file, reach }
}

/// A notifier that runs.
pub struct House {
    pub bus: InProcess,
    peers: Peers,
    keyring: Keyring,
    stop: CancellationToken,
    running: JoinHandle<Result<(), RunError>>,
}

impl House {
    pub async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
    }

    /// Nothing is finished.
    pub async fn crash(self) {
        self.running.abort();
        assert!(self.running.await.unwrap_err().is_cancelled());
    }

    pub async fn page(&self, page_size: u32, token: &str) -> Result<v1::ListDeliveriesResponse, tonic::Status> {
        let credential = |service| self.keyring.credential(service).unwrap();
        let viewer = Person { name: "viewer".to_owned(), roles: vec![Role::Viewer] };
        let viewer = credential(ServiceName::Identity).assert(viewer, Timestamp::now());
        let gateway = self.peers.of(credential(ServiceName::Gateway)).on_behalf(ServiceName::Notifier, &viewer);
        let request = v1::ListDeliveriesRequest { page_size, page_token: token.to_owned() };
        Ok(DeliveryServiceClient::new(gateway).list_deliveries(request).await?.into_inner())
    }

    /// All deliveries, once so many are settled.
    pub async fn settled(&self, count: usize) -> Vec<v1::Delivery> {
        until(&format!("{count} settled deliveries"), SOON, async || {
            let all = self.page(500, "").await.unwrap().deliveries;
            let settled = all.iter().filter(|d| d.state() != DeliveryState::Pending && d.settled_at.is_some()).count();
            (settled >= count).then_some(all)
        })
        .await
    }

    pub async fn any(&self, is_it: impl Fn(&v1::Delivery) -> bool) -> v1::Delivery {
        until("such a delivery", SOON, async || {
            self.page(500, "").await.unwrap().deliveries.into_iter().find(|delivery| is_it(delivery))
        })
        .await
    }
}

/// All at once, as many incidents are.
pub async fn publish_all(house: &House, events: &[Event]) {
    let all = futures::future::join_all(events.iter().map(|event| house.bus.publish(event))).await;
    assert!(all.iter().all(Result::is_ok));
}

pub fn detected(name: &str) -> Event {
    let now = Timestamp::now();
    let id = IncidentId::fresh().to_string();
    let resource = v1::ResourceRef {
        site: "home".into(),
        provider: v1::Provider::Docker.into(),
        kind: v1::ResourceKind::Container.into(),
        id: format!("id-of-{name}"),
        name: name.into(),
        instance: "local".into(),
    };
    let incident = v1::Incident {
        id: id.clone(),
        resource: Some(resource),
        detector: v1::Detector::RestartLoop.into(),
        severity: v1::Severity::Critical.into(),
        state: v1::IncidentState::Open.into(),
        outcome: v1::Outcome::Pending.into(),
        fingerprint: "f".into(),
        title: "t".into(),
        opened_at: Some(to_timestamp(now)),
        updated_at: Some(to_timestamp(now)),
        resolved_at: None,
        occurrences: 3,
    };
    let payload = v1::IncidentDetected { incident: Some(incident) };
    Event::new("home".parse().unwrap(), id, now, None, &payload).unwrap()
}

/// Where nobody listens, and nobody will for a while.
pub async fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}

pub enum Answer {
    /// Holds the line.
    Nothing,
    /// The status line and headers.
    Status(String),
}

/// A receiver that answers every request alike.
pub struct Scripted {
    pub url: String,
    requests: tokio::sync::Mutex<mpsc::UnboundedReceiver<String>>,
    server: JoinHandle<()>,
}

impl Scripted {
    pub async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (sender, requests) = mpsc::unbounded_channel();
        let answer = Arc::new(answer);
        let server = tokio::spawn(async move {
            loop {
                let (mut line, _) = listener.accept().await.unwrap();
                let (sender, answer) = (sender.clone(), answer.clone());
                tokio::spawn(async move {
                    let mut request = vec![0; 64 * 1024];
                    let mut read = 0;
                    // The body is JSON and ends with its brace.
                    while !request[..read].ends_with(b"}") {
                        match line.read(&mut request[read..]).await {
                            Ok(0) | Err(_) => return,
                            Ok(more) => read += more,
                        }
                    }
                    let _ = sender.send(String::from_utf8_lossy(&request[..read]).into_owned());
                    match answer.as_ref() {
                        Answer::Nothing => std::future::pending().await,
                        Answer::Status(head) => {
                            let text = format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                            let _ = line.write_all(text.as_bytes()).await;
                        }
                    }
                });
            }
        });
        Self { url, requests: tokio::sync::Mutex::new(requests), server }
    }

    /// The next request as it came.
    pub async fn request(&self, deadline: Duration) -> String {
        let mut requests = self.requests.lock().await;
        tokio::time::timeout(deadline, requests.recv()).await.expect("a request in time").unwrap()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.server.abort();
    }
}
