//! A NATS server with JetStream.

use crate::peer::{Peer, free_port};

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

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// SIGKILL, as by the kernel's out-of-memory killer. The store stays.
    pub async fn kill(&self) {
        self.peer.order("kill", "killed").await;
    }

    /// Starts the killed server again, with the store it left.
    pub async fn restart(&self) {
        self.peer.order("start", "started").await;
    }

    /// SIGKILL, and back on the same port with an empty JetStream: every stream, consumer and message is gone.
    pub async fn lose_store(&self) {
        self.kill().await;
        self.peer.order("wipe", "wiped").await;
        self.restart().await;
    }
}
