//! A PostgreSQL server.

use crate::peer::{Peer, free_port};
use tokio::process::Command;
use tokio::sync::OnceCell;

/// A private PostgreSQL with the database `overseer` as `deploy/postgres/init.sql` prepares it. Everyone on the loopback
/// is trusted, and durability is left as PostgreSQL ships it.
pub struct Postgres {
    peer: Peer,
    port: u16,
}

impl Postgres {
    pub async fn start() -> Self {
        let port = free_port();
        Self { peer: Peer::start("postgres", Some(port)).await, port }
    }

    /// One server for all tests of this process, which saves each of them the seconds of `initdb`. It ends with the process.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Postgres> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// The services' address; replace `{service}` by a name such as `incident_engine`.
    pub fn url_template(&self) -> String {
        format!("postgres://overseer_{{service}}@127.0.0.1:{}/overseer", self.port)
    }

    /// The superuser in the database `overseer`.
    pub fn admin_url(&self) -> String {
        self.url_of("overseer")
    }

    /// The superuser in a new, empty database for one test.
    pub async fn scratch_url(&self) -> String {
        let name = format!("scratch_{}", uuid::Uuid::now_v7().simple());
        self.peer.order(&format!("database {name}"), "created").await;
        self.url_of(&name)
    }

    /// From now on each new session of `overseer` logs the plan of each statement, and reads a table from end to end only where
    /// there is no index for it.
    pub async fn log_plans(&self) {
        for setting in
            ["session_preload_libraries = auto_explain", "auto_explain.log_min_duration = 0", "enable_seqscan = off"]
        {
            let sql = format!("ALTER DATABASE overseer SET {setting}");
            Self::psql(&self.admin_url(), &sql).await.unwrap_or_else(|complaint| panic!("{complaint}"));
        }
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.peer.folder().join("postgres.log")).expect("the server writes a log")
    }

    /// SIGKILL to the server, all its processes. What was committed stays.
    pub async fn kill(&self) {
        self.peer.order("kill", "killed").await;
    }

    /// Starts the killed server again; it recovers first.
    pub async fn restart(&self) {
        self.peer.order("start", "started").await;
    }

    /// Runs `sql` at `url` by `psql`, outside of every driver: unaligned rows, columns apart by `|`; or the complaint.
    pub async fn psql(url: &str, sql: &str) -> Result<String, String> {
        let args = ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql, "-d", url];
        let output = Command::new("psql").args(args).output().await;
        let output = output.unwrap_or_else(|e| panic!("psql is missing: run `./dev setup` ({e})"));
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).trim_end().to_owned())
        }
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}
