//! A database that goes away and comes back.

use std::time::Duration;

use overseer_model::ServiceName;
use overseer_storage::{Db, Location, StoreError, state};
use overseer_testkit::{Postgres, until};

use crate::place::{THINGS, read, write};

#[tokio::test]
async fn postgres_may_be_killed_and_come_back() {
    let postgres = Postgres::start().await;
    let location = Location::Postgres { address: postgres.url_template() };
    let db = Db::open(&location, ServiceName::Executor, THINGS).await.unwrap();
    write(&db, async |conn| state::set(conn, "cursor", "committed").await).await;
    let mut tx = db.begin_write().await.unwrap();
    state::set(&mut tx.conn(), "cursor", "lost").await.unwrap();

    postgres.kill().await;
    let error = tx.commit().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");

    postgres.restart().await;
    let deadline = Duration::from_secs(20);
    until("the database answers", deadline, async || db.begin_write().await.ok().map(drop)).await;
    let cursor = read(&db, async |conn| state::get(conn, "cursor").await).await;
    assert_eq!(cursor.as_deref(), Some("committed"));
}
