//! What can go wrong in a store, told apart by what the caller can do about it.

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the disk of the database is full: free some space; nothing was changed")]
    DiskFull(#[source] sqlx::Error),
    #[error("the database does not answer; nothing was changed")]
    Unavailable(#[source] sqlx::Error),
    #[error("the database at `{place}` cannot be opened")]
    Open {
        place: String,
        #[source]
        source: sqlx::Error,
    },
    #[error("the tables at `{place}` cannot be brought up to date; an older Overseer refuses newer tables")]
    Migrate {
        place: String,
        #[source]
        source: Box<sqlx::migrate::MigrateError>,
    },
    #[error("`{what}` in the database does not read")]
    Corrupt { what: &'static str },
    #[error("the database refused a statement")]
    Sql(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|e| e.code()).map(std::borrow::Cow::into_owned);
        match (&error, code.as_deref()) {
            // SQLITE_FULL, SQLITE_IOERR_WRITE; PostgreSQL disk_full.
            (_, Some("13" | "778" | "53100")) => Self::DiskFull(error),
            (_, Some("5" | "6" | "57P01" | "57P02" | "57P03" | "53300" | "40001" | "40P01")) => {
                Self::Unavailable(error)
            }
            (
                sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed,
                _,
            ) => Self::Unavailable(error),
            _ => Self::Sql(error),
        }
    }
}
