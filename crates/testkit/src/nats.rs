//! A NATS server with JetStream.

use crate::peer::{Peer, free_port};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// The user who may everything, and its password, on a server with users.
pub const OWN_USER: &str = "testkit";

/// A private `nats-server` with JetStream. Its port stays the same for its life, also across [`Nats::restart`].
/// The program is `$OVERSEER_NATS_SERVER`, else the one of `./dev setup`, else the one on `PATH`.
pub struct Nats {
    peer: Peer,
    port: u16,
}

impl Nats {
    pub async fn start() -> Self {
        let port = free_port();
        Self { peer: Peer::start("nats", Some(port)).await, port }
    }

    /// One that lets in only the users of this section `authorization`, and the testkit itself.
    pub async fn with_users(authorization: &str) -> Self {
        let own = format!("users: [\n    {{ user: {OWN_USER}, password: {OWN_USER} }}");
        let users = authorization.replacen("users: [", &own, 1);
        let port = free_port();
        Self { peer: Peer::start_with("nats", Some(port), &[("users.conf", &users)]).await, port }
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Listens to every subject from now on.
    pub async fn tap(&self) -> Tap {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.expect("the server listens");
        // A server without users lets this one in as well.
        let hello = format!(
            "CONNECT {{\"verbose\":false,\"user\":\"{OWN_USER}\",\"pass\":\"{OWN_USER}\"}}\r\nSUB > 1\r\nPING\r\n"
        );
        stream.write_all(hello.as_bytes()).await.expect("it takes commands");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listening = tokio::spawn(listen(stream, heard.clone()));
        let tap = Tap { heard, listening };
        crate::until("the subscription", std::time::Duration::from_secs(30), async || {
            tap.text().contains("PONG").then_some(())
        })
        .await;
        tap
    }

    /// SIGKILL, as by the kernel's out-of-memory killer. The store stays.
    pub async fn kill(&self) {
        self.peer.order("kill", "killed").await;
    }

    /// Starts the killed server again, with the store it left.
    pub async fn restart(&self) {
        self.peer.order("start", "started").await;
    }

    /// Remembers what JetStream has stored, as a loss of power could leave it. The server must be killed.
    pub fn keep_store(&self) -> KeptStore {
        let kept = tempfile::tempdir().expect("a temporary folder");
        copy(&self.peer.folder().join("jetstream"), &kept.path().join("jetstream"));
        KeptStore(kept)
    }

    /// Puts an earlier store in the place of the present one. The server must be killed.
    pub fn return_to(&self, kept: &KeptStore) {
        let store = self.peer.folder().join("jetstream");
        std::fs::remove_dir_all(&store).expect("the store is there");
        copy(&kept.0.path().join("jetstream"), &store);
    }

    /// SIGKILL, and back on the same port with an empty JetStream: every stream, consumer and message is gone.
    pub async fn lose_store(&self) {
        self.kill().await;
        self.peer.order("wipe", "wiped").await;
        self.restart().await;
    }
}

/// An earlier state of a server's store.
pub struct KeptStore(tempfile::TempDir);

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("the folder is there") {
        let entry = entry.expect("the folder can be read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}

/// Whatever goes over a NATS server, as it goes: subjects, headers, payloads.
pub struct Tap {
    heard: Arc<Mutex<Vec<u8>>>,
    listening: JoinHandle<()>,
}

impl Tap {
    /// All that was heard so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().expect("nobody panics with it")).into_owned()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(mut stream: TcpStream, heard: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        let news = &buffer[..length];
        heard.lock().expect("nobody panics with it").extend_from_slice(news);
        if news.windows(6).any(|six| six == b"PING\r\n") && stream.write_all(b"PONG\r\n").await.is_err() {
            return;
        }
    }
}
