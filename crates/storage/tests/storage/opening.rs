//! Opening, migrations, transactions and the epoch.

use overseer_model::Epoch;
use overseer_storage::{Db, Migrations, StoreError, on, state};

use crate::place::{Place, THINGS, read, write};

pub async fn opens_again_with_what_it_kept(place: &Place) {
    let db = place.open().await;
    write(&db, async |conn| {
        on!(conn, c => sqlx::query("INSERT INTO things (n, what) VALUES (7, 'kept')").execute(c).await.map(drop))?;
        Ok(())
    })
    .await;
    drop(db);
    let again = place.open().await;
    let what: String = read(&again, async |conn| {
        Ok(on!(conn, c => sqlx::query_scalar("SELECT what FROM things WHERE n = 7").fetch_one(c).await)?)
    })
    .await;
    assert_eq!(what, "kept");
}

pub async fn is_opened_by_many_at_once(place: &Place) {
    let (a, b, c, d) = tokio::join!(place.open(), place.open(), place.open(), place.open());
    let first = epoch(&a).await;
    for db in [b, c, d] {
        assert_eq!(epoch(&db).await, first);
    }
}

pub async fn refuses_tables_that_are_newer_or_other(place: &Place) {
    const OTHER: Migrations = Migrations(&[(100, "things", "CREATE TABLE things (n BIGINT PRIMARY KEY)")]);
    let db = place.open().await;
    assert!(matches!(place.open_with(OTHER).await.unwrap_err(), StoreError::Migrate { .. }), "another text");
    assert!(
        matches!(place.open_with(Migrations(&[])).await.unwrap_err(), StoreError::Migrate { .. }),
        "one is missing"
    );
    write(&db, async |conn| {
        on!(conn, c => sqlx::query(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (999, 'of a later Overseer', TRUE, $1, 0)").bind(vec![0_u8; 48]).execute(c).await.map(drop))?;
        Ok(())
    })
    .await;
    let error = place.open_with(THINGS).await.unwrap_err();
    assert!(matches!(error, StoreError::Migrate { .. }), "{error:?}");
    assert!(error.to_string().contains("newer"), "{error}");
}

/// Each transaction reads before it writes, which is what fails on SQLite without `BEGIN IMMEDIATE`.
pub async fn writers_wait_for_each_other_and_none_fails(place: &Place) {
    const TASKS: i64 = 24;
    const EACH: i64 = 4;
    // Two openings, as of two processes.
    let dbs = [place.open().await, place.open().await];
    write(&dbs[0], async |conn| state::set(conn, "n", "0").await).await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let db = dbs[usize::try_from(task % 2).unwrap()].clone();
        tasks.spawn(async move {
            for _ in 0..EACH {
                write(&db, async |conn| {
                    let lock = conn.for_update();
                    let query = sqlx::AssertSqlSafe(format!("SELECT value FROM store_state WHERE name = 'n'{lock}"));
                    let n: String = on!(&mut *conn, c => sqlx::query_scalar(query).fetch_one(c).await)?;
                    state::set(conn, "n", &(n.parse::<i64>().unwrap() + 1).to_string()).await
                })
                .await;
            }
        });
    }
    tasks.join_all().await;
    let n = read(&dbs[1], async |conn| state::get(conn, "n").await).await;
    assert_eq!(n, Some((TASKS * EACH).to_string()));
}

pub async fn a_dropped_transaction_changes_nothing(place: &Place) {
    let db = place.open().await;
    let mut tx = db.begin_write().await.unwrap();
    state::set(&mut tx.conn(), "cursor", "1").await.unwrap();
    drop(tx);
    assert_eq!(read(&db, async |conn| state::get(conn, "cursor").await).await, None);
    for value in ["2", "3"] {
        write(&db, async |conn| state::set(conn, "cursor", value).await).await;
        assert_eq!(read(&db, async |conn| state::get(conn, "cursor").await).await.as_deref(), Some(value));
    }
}

pub async fn has_one_epoch_however_many_open_it(place: &Place) {
    let dbs = [place.open().await, place.open().await];
    let mut asking = tokio::task::JoinSet::new();
    for opening in 0..8 {
        let db = dbs[opening % 2].clone();
        asking.spawn(async move { epoch(&db).await });
    }
    let first = epoch(&dbs[0]).await;
    assert_eq!(asking.join_all().await, [first; 8]);
    drop(dbs);
    assert_eq!(epoch(&place.open().await).await, first);
}

async fn epoch(db: &Db) -> Epoch {
    write(db, async |conn| state::epoch(conn).await).await
}
