//! A place for the tables of one test, and short ways to write and read.

use overseer_contract::Event;
use overseer_model::{EventId, EventKind, ServiceName, Timestamp};
use overseer_storage::{Conn, Db, Location, Migrations, StoreError};
use overseer_testkit::Postgres;
use tempfile::TempDir;

/// A service's own table, beside the common ones.
pub const THINGS: Migrations =
    Migrations(&[(100, "things", "CREATE TABLE things (n BIGINT PRIMARY KEY, what TEXT NOT NULL)")]);

pub struct Place {
    location: Location,
    _folder: Option<TempDir>,
}

pub async fn sqlite() -> Place {
    let folder = tempfile::tempdir().unwrap();
    Place { location: Location::Sqlite { folder: folder.path().to_owned() }, _folder: Some(folder) }
}

pub async fn postgres() -> Place {
    let address = Postgres::shared().await.scratch_url().await;
    Place { location: Location::Postgres { address }, _folder: None }
}

impl Place {
    pub async fn open(&self) -> Db {
        self.open_with(THINGS).await.unwrap()
    }

    pub async fn open_with(&self, migrations: Migrations) -> Result<Db, StoreError> {
        Db::open(&self.location, ServiceName::Executor, migrations).await
    }
}

/// One transaction that writes and commits.
pub async fn write<T>(db: &Db, work: impl AsyncFnOnce(&mut Conn<'_>) -> Result<T, StoreError>) -> T {
    let mut tx = db.begin_write().await.unwrap();
    let value = work(&mut tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
    value
}

pub async fn read<T>(db: &Db, work: impl AsyncFnOnce(&mut Conn<'_>) -> Result<T, StoreError>) -> T {
    let mut reader = db.reader().await.unwrap();
    work(&mut reader.conn()).await.unwrap()
}

pub fn event(key: &str) -> Event {
    Event {
        id: EventId::fresh(),
        kind: EventKind::PlanReady,
        site: "nas-1".parse().unwrap(),
        key: key.to_owned(),
        at: Timestamp::from_micros(1_795_237_443_000_001),
        trace: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap()),
        data: "{}".to_owned(),
    }
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}
