//! What can go wrong in a store, told apart by what the caller can do about it.

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the disk of the database is full: free some space; nothing was changed")]
    DiskFull(#[source] sqlx::Error),
    /// It may be there again later, and then the same statement may succeed.
    #[error("the database is unavailable; nothing was changed")]
    Unavailable(#[source] sqlx::Error),
    #[error("the database at `{place}` cannot be opened")]
    Open {
        place: String,
        #[source]
        source: sqlx::Error,
    },
    #[error("the tables at `{place}` cannot be migrated; an older Overseer rejects newer tables")]
    Migrate {
        place: String,
        #[source]
        source: Box<sqlx::migrate::MigrateError>,
    },
    #[error("`{what}` in the database cannot be parsed")]
    Corrupt { what: &'static str },
    /// Another process is the holder now; this one must stop.
    #[error("another process runs this service now; nothing was changed")]
    NotHolder,
    #[error("the database rejected a statement")]
    Sql(#[source] sqlx::Error),
}

/// What an error code of a database means for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    DiskFull,
    Outage,
    Fault,
}

/// Of an SQLSTATE of PostgreSQL, by its class (its manual, "PostgreSQL Error Codes").
fn of_sqlstate(state: &str) -> Class {
    match (state.get(..2).unwrap_or_default(), state) {
        (_, "53100") => Class::DiskFull,
        // Connection exceptions, insufficient resources, operator intervention (also a cancelled statement), system
        // errors such as I/O, rolled back for another transaction's sake; and a lock that was not to be had.
        ("08" | "53" | "57" | "58" | "40", _) | (_, "55P03") => Class::Outage,
        _ => Class::Fault,
    }
}

/// Of an extended result code of SQLite, whose low byte is the primary one ("Result and Error Codes").
fn of_sqlite(code: u32) -> Class {
    match (code & 0xff, code) {
        // SQLITE_FULL, SQLITE_IOERR_WRITE.
        (13, _) | (_, 778) => Class::DiskFull,
        // SQLITE_BUSY, SQLITE_LOCKED, SQLITE_NOMEM, SQLITE_INTERRUPT, SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_PROTOCOL.
        (5 | 6 | 7 | 9 | 10 | 14 | 15, _) => Class::Outage,
        _ => Class::Fault,
    }
}

fn class_of(error: &sqlx::Error) -> Class {
    match error {
        sqlx::Error::Database(database) => match database.code().as_deref() {
            // An SQLSTATE has five characters; no code of SQLite has.
            Some(state) if state.len() == 5 => of_sqlstate(state),
            Some(code) => code.parse().map_or(Class::Fault, of_sqlite),
            None => Class::Fault,
        },
        sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => Class::DiskFull,
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => Class::Outage,
        _ => Class::Fault,
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match class_of(&error) {
            Class::DiskFull => Self::DiskFull(error),
            Class::Outage => Self::Unavailable(error),
            Class::Fault => Self::Sql(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    #[test]
    fn an_sqlstate_is_an_outage_or_a_fault_by_its_class() {
        for outage in
            ["08006", "08001", "53300", "53200", "57P01", "57P03", "57014", "58030", "40001", "40P01", "55P03"]
        {
            assert_eq!(of_sqlstate(outage), Class::Outage, "{outage}");
        }
        for fault in ["23505", "23503", "22001", "42P01", "42601", "25006", "XX001", ""] {
            assert_eq!(of_sqlstate(fault), Class::Fault, "{fault}");
        }
        assert_eq!(of_sqlstate("53100"), Class::DiskFull);
    }

    #[test]
    fn a_code_of_sqlite_is_an_outage_or_a_fault_by_its_low_byte() {
        // BUSY, BUSY_SNAPSHOT, LOCKED, IOERR_FSYNC, CANTOPEN.
        for outage in [5, 517, 6, 1034, 14] {
            assert_eq!(of_sqlite(outage), Class::Outage, "{outage}");
        }
        // CONSTRAINT_UNIQUE, CORRUPT, SCHEMA, MISMATCH.
        for fault in [2067, 11, 17, 20] {
            assert_eq!(of_sqlite(fault), Class::Fault, "{fault}");
        }
        assert_eq!((of_sqlite(13), of_sqlite(778)), (Class::DiskFull, Class::DiskFull));
    }

    #[test]
    fn an_io_error_is_an_outage_whatever_its_kind_but_a_full_disk() {
        let class = |kind: ErrorKind| class_of(&sqlx::Error::Io(Error::from(kind)));
        for kind in
            [ErrorKind::ConnectionRefused, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe, ErrorKind::TimedOut]
        {
            assert_eq!(class(kind), Class::Outage, "{kind}");
        }
        assert_eq!(class(ErrorKind::StorageFull), Class::DiskFull);
        assert_eq!(class_of(&sqlx::Error::RowNotFound), Class::Fault);
    }
}
