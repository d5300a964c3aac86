//! Who is alone: on PostgreSQL a service that must not run twice holds a session's advisory lock. Another process waits for
//! it, and has it as soon as the session ends, however it ended.
//!
//! A process may not notice at once that its session is gone. So each acquisition takes the next epoch, written in the row
//! of the lock, and every transaction that writes first reads that row under a share lock: a holder of an older epoch is
//! refused, and one that is still writing is waited for by the next ([`Db::begin_write`](crate::Db::begin_write)).
//!
//! SQLite's files have one process each, by a lock of their own.

use std::time::Duration;

use overseer_model::{Digest, ServiceName, Timestamp};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};

use crate::{Db, Location, StoreError};

/// How often a waiting process should try, and a holder looks whether its session lives.
pub const PROBE_EVERY: Duration = Duration::from_millis(500);
/// Longest answer to that.
const PROBE_WITHIN: Duration = Duration::from_secs(3);
/// Longest try: longer than PostgreSQL leaves a transaction of the holder before idle, which the next one waits for.
const ATTEMPT_WITHIN: Duration = Duration::from_secs(45);
/// PostgreSQL ends a holder's session that is silent for so long: its process hangs, or its machine is gone.
const SILENT_FOR: &str = "10s";

/// What is to be held: a service, of one site or of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderName {
    pub service: ServiceName,
    /// A site's name, or `*` for a service that there is once for all sites.
    pub scope: String,
}

impl HolderName {
    fn id(&self) -> String {
        format!("{}/{}", self.service, self.scope)
    }

    /// The number that PostgreSQL locks.
    fn number(&self) -> i64 {
        let digest = Digest::of_parts(&["overseer holder", &self.id()]).to_string();
        digest.get(..15).and_then(|hex| i64::from_str_radix(hex, 16).ok()).unwrap_or_default()
    }
}

/// One term of a holder: its writes are refused once another has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    pub(crate) id: String,
    pub(crate) epoch: i64,
}

/// Competes for being alone.
pub struct Competitor {
    options: PgConnectOptions,
    name: HolderName,
    /// Where others reach this process when it holds.
    address: String,
}

impl Competitor {
    /// `None` where there is nothing to compete for, on SQLite. The tables must be there.
    ///
    /// # Errors
    /// When the address of the database cannot be parsed.
    pub fn new(location: &Location, name: HolderName, address: String) -> Result<Option<Self>, StoreError> {
        match location {
            Location::Sqlite { .. } => Ok(None),
            Location::Postgres { .. } => {
                let options = crate::db::postgres_options(location, name.service)?;
                let options = options.options([("idle_session_timeout", SILENT_FOR)]);
                Ok(Some(Self { options, name, address }))
            }
        }
    }

    /// Takes the lock; `None` while another has it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn attempt(&self) -> Result<Option<Held>, StoreError> {
        // A session that was given up ends, and a lock that it had with it.
        let given_up = |_| StoreError::Unavailable(sqlx::Error::PoolTimedOut);
        tokio::time::timeout(ATTEMPT_WITHIN, self.take()).await.map_err(given_up)?
    }

    async fn take(&self) -> Result<Option<Held>, StoreError> {
        let mut session = self.options.connect().await?;
        let had: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(self.name.number())
            .fetch_one(&mut session)
            .await?;
        if !had {
            // A lasting session for each try would keep connections; one that is closed costs little.
            session.close().await?;
            return Ok(None);
        }
        // Waits for transactions of the holder before that are still writing.
        let epoch: i64 = sqlx::query_scalar(
            "INSERT INTO holder (id, epoch, address, since) VALUES ($1, 1, $2, $3) \
             ON CONFLICT (id) DO UPDATE SET epoch = holder.epoch + 1, address = $2, since = $3 RETURNING epoch",
        )
        .bind(self.name.id())
        .bind(&self.address)
        .bind(Timestamp::now().micros())
        .fetch_one(&mut session)
        .await?;
        Ok(Some(Held { session, term: Term { id: self.name.id(), epoch } }))
    }

    /// Where the present holder is reached; `None` when there was none yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn address_of_holder(&self, db: &Db) -> Result<Option<String>, StoreError> {
        let mut reader = db.reader().await?;
        Ok(crate::on!(&mut reader.conn(), c => sqlx::query_scalar("SELECT address FROM holder WHERE id = $1")
            .bind(self.name.id()).fetch_optional(c).await)?)
    }
}

/// The lock, as long as its session lives.
pub struct Held {
    session: PgConnection,
    term: Term,
}

impl Held {
    #[must_use]
    pub fn term(&self) -> Term {
        self.term.clone()
    }

    /// Returns once the session is gone, and with it the lock.
    pub async fn lost(&mut self) {
        loop {
            tokio::time::sleep(PROBE_EVERY).await;
            let probe = sqlx::query("SELECT 1").execute(&mut self.session);
            match tokio::time::timeout(PROBE_WITHIN, probe).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }

    /// Lets the next one have it at once.
    pub async fn release(self) {
        // A session that cannot be closed in order ends with its connection.
        let _ended = tokio::time::timeout(PROBE_WITHIN, self.session.close()).await;
    }
}
