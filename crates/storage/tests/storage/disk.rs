//! A full disk is told by its name and changes nothing.

use overseer_storage::{Db, StoreError, on, outbox, state};

use crate::place::{event, postgres, read, sqlite, write};

/// SQLite answers a limit on its pages with the code of a full disk, `SQLITE_FULL`.
#[tokio::test]
async fn sqlite_on_a_full_disk_changes_nothing_and_goes_on_when_there_is_room() {
    let place = sqlite().await;
    let db = place.open().await;
    no_page_more(&db).await;
    let mut written = 0;
    // Pages that are there already have some room.
    let error = loop {
        match put_large(&db).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 100, "the disk is never full");
    };
    assert!(matches!(error, StoreError::DiskFull(_)), "{error:?}");
    assert_eq!(kept(&db).await, (written, None));

    // The limit ends with its connection: there is room again.
    put_large(&db).await.unwrap();
    assert_eq!(kept(&db).await, (written + 1, Some("moved".to_owned())));
    write(&place.open().await, async |conn| state::set(conn, "cursor", "again").await).await;
}

/// PostgreSQL's own disk cannot be filled here; its code for that can be raised.
#[tokio::test]
async fn the_codes_of_postgres_are_told_apart() {
    let db = postgres().await.open().await;
    for (code, wanted) in [("53100", "DiskFull"), ("40P01", "Unavailable"), ("57P03", "Unavailable"), ("23505", "Sql")]
    {
        let mut tx = db.begin_write().await.unwrap();
        state::set(&mut tx.conn(), "cursor", "moved").await.unwrap();
        let raise = format!("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$");
        let result = on!(&mut tx.conn(), c => sqlx::raw_sql(sqlx::AssertSqlSafe(raise)).execute(c).await.map(drop));
        let error = StoreError::from(result.unwrap_err());
        assert!(format!("{error:?}").starts_with(wanted), "{code}: {error:?}");
        drop(tx);
        assert_eq!(kept(&db).await, (0, None));
    }
}

async fn no_page_more(db: &Db) {
    let Db::Sqlite { write, .. } = db else { panic!("only SQLite counts pages") };
    // It holds for one connection; there is one that writes.
    sqlx::query("PRAGMA max_page_count = 1").execute(write).await.unwrap();
}

/// A cursor and an event in one transaction.
async fn put_large(db: &Db) -> Result<(), StoreError> {
    let mut tx = db.begin_write().await?;
    let mut large = event("a");
    large.data = "x".repeat(1_000);
    state::set(&mut tx.conn(), "cursor", "moved").await?;
    outbox::put(&mut tx.conn(), &large).await?;
    // The first event fits without the second.
    large = event("b");
    large.data = "x".repeat(10_000);
    outbox::put(&mut tx.conn(), &large).await?;
    tx.commit().await
}

/// Transactions of [`put_large`] that are there, and the cursor.
async fn kept(db: &Db) -> (usize, Option<String>) {
    let events = read(db, async |conn| outbox::waiting(conn, None, 1000).await).await.len();
    assert_eq!(events % 2, 0, "half a transaction");
    (events / 2, read(db, async |conn| state::get(conn, "cursor").await).await)
}
