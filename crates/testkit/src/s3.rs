//! A store of objects that speaks S3.

use crate::peer::{Peer, free_port};
use tokio::sync::OnceCell;

/// A private server of S3's protocol, for whoever calls it. It keeps objects in memory, for its own life.
/// The program is `$OVERSEER_MOTO_SERVER`, else the one of `./dev setup`, else `moto_server` on `PATH`.
pub struct S3 {
    peer: Peer,
    port: u16,
}

impl S3 {
    pub async fn start() -> Self {
        let port = free_port();
        Self { peer: Peer::start("s3", Some(port)).await, port }
    }

    /// One server for all tests of this process, which saves each of them the second of its start.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<S3> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// A new, empty bucket for one test.
    pub async fn scratch_bucket(&self) -> String {
        let name = format!("scratch-{}", uuid::Uuid::now_v7().simple());
        self.peer.order(&format!("bucket {name}"), "created").await;
        name
    }

    /// On the loopback, without TLS.
    pub fn port(&self) -> u16 {
        self.port
    }
}
