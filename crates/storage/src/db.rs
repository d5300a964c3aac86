//! Native pools of both engines behind one enum, and the two macros that write a query once.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use overseer_model::ServiceName;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction};

use crate::{Migrations, StoreError, Term};

/// Where the services keep their tables.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// One file per service in this folder.
    Sqlite { folder: PathBuf },
    /// One schema per service; `{service}` in the address becomes its name, for a role per service.
    Postgres { address: String },
}

/// Without the address: it may hold a password.
impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { folder } => write!(f, "Sqlite({})", folder.display()),
            Self::Postgres { .. } => f.write_str("Postgres"),
        }
    }
}

/// The tables of one service.
#[derive(Clone, Debug)]
pub enum Db {
    /// SQLite has one writer at a time; a pool of one makes writers queue fairly instead of polling the file's lock.
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres {
        pool: PgPool,
        /// Of a service that must be alone: the term that its writes belong to.
        term: Option<Term>,
    },
}

/// One connection or transaction of either engine.
pub enum Conn<'a> {
    Sqlite(&'a mut SqliteConnection),
    Pg(&'a mut PgConnection),
}

/// A transaction that may write. Dropped without [`Tx::commit`], it changes nothing.
pub enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Pg(Transaction<'static, Postgres>),
}

/// A connection to read with.
pub enum Reader {
    Sqlite(PoolConnection<Sqlite>),
    Pg(PoolConnection<Postgres>),
}

/// Runs one expression on whichever engine is there: `on!(conn, c => sqlx::query("…").execute(c).await)`.
#[macro_export]
macro_rules! on {
    ($conn:expr, $c:ident => $body:expr) => {
        match $conn {
            $crate::Conn::Sqlite($c) => {
                let $c = &mut **$c;
                $body
            }
            $crate::Conn::Pg($c) => {
                let $c = &mut **$c;
                $body
            }
        }
    };
}

/// A row type for both engines: `row! { struct PlanRow { id: String, state: String } }`.
#[macro_export]
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        $vis struct $name { $($field: $type),* }
        $crate::row!(@for $crate::sqlx::sqlite::SqliteRow, $name $($field)*);
        $crate::row!(@for $crate::sqlx::postgres::PgRow, $name $($field)*);
    };
    (@for $row:ty, $name:ident $($field:ident)*) => {
        impl<'r> $crate::sqlx::FromRow<'r, $row> for $name {
            fn from_row(row: &'r $row) -> $crate::sqlx::Result<Self> {
                Ok(Self { $($field: $crate::sqlx::Row::try_get(row, stringify!($field))?),* })
            }
        }
    };
}

impl Db {
    /// Opens the tables of a service and brings them up to date.
    ///
    /// # Errors
    /// When the place cannot be opened, or its tables are newer than this build.
    pub async fn open(location: &Location, service: ServiceName, migrations: Migrations) -> Result<Self, StoreError> {
        match location {
            Location::Sqlite { folder } => {
                let file = folder.join(format!("{}.db", service.snake()));
                let place = file.display().to_string();
                let open = |source| StoreError::Open { place: place.clone(), source };
                let options = SqliteConnectOptions::new()
                    .filename(&file)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .busy_timeout(Duration::from_secs(5))
                    // What a commit says is promised to others: facts are numbered by it, events are relayed after it,
                    // outcomes are acknowledged after it. A loss of power must not take it back.
                    .synchronous(SqliteSynchronous::Full);
                // A file does not go away as a server does: no ping before each use.
                let pool = |most| {
                    SqlitePoolOptions::new()
                        .max_connections(most)
                        .test_before_acquire(false)
                        .acquire_timeout(Duration::from_secs(10))
                };
                let write = pool(1).connect_with(options.clone()).await.map_err(open)?;
                migrations
                    .run(&write)
                    .await
                    .map_err(|source| StoreError::Migrate { place: place.clone(), source: Box::new(source) })?;
                let read = pool(3).connect_with(options).await.map_err(open)?;
                Ok(Self::Sqlite { read, write })
            }
            Location::Postgres { .. } => {
                let place = format!("PostgreSQL schema {}", service.snake());
                let open = |source| StoreError::Open { place: place.clone(), source };
                let options = postgres_options(location, service)?;
                let pool = PgPoolOptions::new()
                    .max_connections(8)
                    .acquire_timeout(Duration::from_secs(10))
                    .connect_with(options)
                    .await
                    .map_err(open)?;
                make_schema(&pool, service).await.map_err(open)?;
                migrations
                    .run(&pool)
                    .await
                    .map_err(|source| StoreError::Migrate { place: place.clone(), source: Box::new(source) })?;
                Ok(Self::Postgres { pool, term: None })
            }
        }
    }

    /// # Errors
    /// When no connection is to be had.
    pub async fn reader(&self) -> Result<Reader, StoreError> {
        Ok(match self {
            Self::Sqlite { read, .. } => Reader::Sqlite(read.acquire().await?),
            Self::Postgres { pool, .. } => Reader::Pg(pool.acquire().await?),
        })
    }

    /// The same tables, whose writes belong to this term and are refused once it is over.
    #[must_use]
    pub fn in_term(self, of: Term) -> Self {
        match self {
            Self::Sqlite { .. } => self,
            Self::Postgres { pool, term: _ } => Self::Postgres { pool, term: Some(of) },
        }
    }

    /// A transaction that holds SQLite's write lock from its start, so that it cannot fail half-way for want of it.
    ///
    /// # Errors
    /// When no connection is to be had, and when another process is the holder now.
    pub async fn begin_write(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::Sqlite { write, .. } => Tx::Sqlite(match write.begin_with("BEGIN IMMEDIATE").await {
                // SQLite rolled a transaction back by itself, as it does on a full disk, and sqlx still counts it.
                Err(sqlx::Error::InvalidSavePointStatement) => {
                    write.acquire().await?.close().await?;
                    write.begin_with("BEGIN IMMEDIATE").await?
                }
                begun => begun?,
            }),
            Self::Postgres { pool, term } => {
                let mut tx = pool.begin().await?;
                if let Some(term) = term {
                    check_term(&mut tx, term).await?;
                }
                Tx::Pg(tx)
            }
        })
    }
}

/// How a service's schema is reached.
pub(crate) fn postgres_options(location: &Location, service: ServiceName) -> Result<PgConnectOptions, StoreError> {
    let place = format!("PostgreSQL schema {}", service.snake());
    let open = |source| StoreError::Open { place, source };
    let address = match location {
        Location::Sqlite { .. } => "",
        Location::Postgres { address } => address,
    };
    let options: PgConnectOptions = address.replace("{service}", service.snake()).parse().map_err(open)?;
    Ok(options.options([("search_path", service.snake())]))
}

/// Holds the row until the transaction ends, so that no other term begins meanwhile.
async fn check_term(tx: &mut Transaction<'static, Postgres>, term: &Term) -> Result<(), StoreError> {
    let epoch: Option<i64> = sqlx::query_scalar("SELECT epoch FROM holder WHERE id = $1 FOR SHARE")
        .bind(&term.id)
        .fetch_optional(&mut **tx)
        .await?;
    if epoch == Some(term.epoch) { Ok(()) } else { Err(StoreError::NotHolder) }
}

async fn make_schema(pool: &PgPool, service: ServiceName) -> sqlx::Result<()> {
    let known = sqlx::query_scalar::<_, bool>("SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)")
        .bind(service.snake())
        .fetch_one(pool)
        .await?;
    if !known {
        let statement = format!("CREATE SCHEMA IF NOT EXISTS {}", service.snake());
        let made = sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(pool).await;
        // PostgreSQL looks before it takes the name: whoever loses the race is told of it.
        let lost = |error: &sqlx::Error| error.as_database_error().is_some_and(|error| error.is_unique_violation());
        if let Err(error) = made
            && !lost(&error)
        {
            return Err(error);
        }
    }
    Ok(())
}

impl Conn<'_> {
    /// To be appended to a `SELECT` of a row that the transaction is about to change. SQLite's write transaction
    /// locks everything already.
    #[must_use]
    pub const fn for_update(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "",
            Self::Pg(_) => " FOR UPDATE",
        }
    }
}

impl Tx {
    pub fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(tx) => Conn::Sqlite(tx),
            Self::Pg(tx) => Conn::Pg(tx),
        }
    }
    /// # Errors
    /// When the database could not commit; then nothing was changed.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Pg(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

impl Reader {
    pub fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(conn) => Conn::Sqlite(conn),
            Self::Pg(conn) => Conn::Pg(conn),
        }
    }
}

/// Text without NUL, which PostgreSQL does not store.
#[must_use]
pub fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
