//! Every table of the chronicle forgets what is old and keeps the rest, with both databases.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use overseer_model::{ResourceKey, ServiceName, Timestamp};
use overseer_runtime::Relay;
use overseer_signatures::SignatureId;
use overseer_storage::{Db, Location, Migrations, StoreError, on};
use overseer_testkit::Postgres;

use super::baseline::Baseline;
use super::record::{MINUTES_KEPT, Recorder, SIGNATURES_KEPT};
use super::retire::{Retire, SUMMARIES_KEPT};
use super::tally::Minute;
use crate::Inventory;
use crate::archive::{Archive, Days, LogBucket, Retention, summary_signer};
use crate::intake::Workloads;

const LINES_KEPT: u32 = 90;

struct NothingListed;

#[async_trait]
impl Inventory for NothingListed {
    async fn container_ids(&self) -> Result<Option<HashSet<String>>, StoreError> {
        Ok(None)
    }
    async fn workload(&self, _: &ResourceKey) -> Result<Option<String>, StoreError> {
        Ok(None)
    }
}

async fn recorder(db: &Db, folder: &std::path::Path) -> Recorder {
    let logs = folder.join("logs");
    let open = move || {
        let segments = LogBucket::default().objects(&logs, &"home".parse().unwrap()).unwrap();
        let retention = Retention { usual: Days::try_from(LINES_KEPT).unwrap(), of: Default::default() };
        let archive = Archive::open(&logs, segments, Workloads::default(), retention, 0).unwrap();
        (archive, summary_signer(&logs).unwrap())
    };
    let (archive, signer) = tokio::task::spawn_blocking(open).await.unwrap();
    let retire = Retire::new(db.clone(), "home".parse().unwrap(), archive, signer, Arc::new(NothingListed));
    Recorder::new(retire, Relay::default())
}

async fn execute(db: &Db, sql: &str, old: i64, new: i64) {
    let mut tx = db.begin_write().await.unwrap();
    on!(&mut tx.conn(), c => sqlx::query(sqlx::AssertSqlSafe(sql)).bind(old).bind(new).execute(c).await.map(drop))
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    tx.commit().await.unwrap();
}

async fn left(db: &Db, table: &str, column: &str) -> Vec<String> {
    let sql = format!("SELECT {column} FROM {table} ORDER BY {column}");
    let mut reader = db.reader().await.unwrap();
    on!(&mut reader.conn(), c => sqlx::query_scalar(sqlx::AssertSqlSafe(sql.as_str())).fetch_all(c).await).unwrap()
}

async fn what_is_old_is_forgotten_and_nothing_else(location: &Location, folder: &std::path::Path) {
    let db = Db::open(location, ServiceName::Collector, Migrations(&crate::TABLES)).await.unwrap();
    let now = Timestamp::now();
    let (signature, baseline) = (SignatureId(1), serde_json::to_string(&Baseline::default()).unwrap());
    let around = |kept| ((now - kept).micros() - 1, (now - kept).micros() + 60_000_000);

    let minute = Minute::of(now - MINUTES_KEPT).0;
    execute(
        &db,
        &format!(
            "INSERT INTO log_minutes (workload, signature, minute, resource_id, severity, first_seen, \
        last_seen, seen, told) VALUES ('old', '{signature}', $1, '', 0, 0, 0, 3, 3), \
        ('new', '{signature}', $2, '', 0, 0, 0, 3, 3)"
        ),
        minute - 1,
        minute + 1,
    )
    .await;
    let (old, new) = around(SIGNATURES_KEPT);
    execute(
        &db,
        &format!(
            "INSERT INTO log_signatures (workload, signature, public_form, severity, first_seen, \
        last_seen, seen, baseline, burst_at) VALUES ('old', '{signature}', '', 0, 0, $1, 1, '{baseline}', 10), \
        ('new', '{signature}', '', 0, 0, $2, 1, '{baseline}', 10)"
        ),
        old,
        new,
    )
    .await;
    let (old, new) = around(SUMMARIES_KEPT);
    execute(
        &db,
        "INSERT INTO log_summaries (workload, month, written_at, counted, signatures, document, signature, \
        public_key) VALUES ('old', 1, $1, 1, 1, '', '', ''), ('new', 1, $2, 1, 1, '', '', '')",
        old,
        new,
    )
    .await;
    // The counts of a month that no summary holds stay, however old they are.
    execute(
        &db,
        "INSERT INTO log_days (workload, day, signature, month, public_form, severity, first_seen, last_seen, \
        seen, hours) SELECT w, 31, 's', m, '', 0, 0, 0, 1, 1 FROM (SELECT 'old' AS w, 1 AS m UNION ALL \
        SELECT 'new', 1 UNION ALL SELECT 'unwritten', 1) AS t WHERE $1 < $2",
        0,
        1,
    )
    .await;
    // Incidents go by whole months of the summaries that they belong to.
    let months = Days::try_from(LINES_KEPT + 32).unwrap().span();
    let (old, _) = around(SUMMARIES_KEPT + months);
    execute(
        &db,
        "INSERT INTO log_incidents (id, workload, opened_at, title) VALUES ('old', '', $1, ''), \
        ('new', '', $2, '')",
        old,
        now.micros(),
    )
    .await;

    recorder(&db, folder).await.round(now).await.unwrap();

    assert_eq!(left(&db, "log_minutes", "workload").await, ["new"]);
    assert_eq!(left(&db, "log_signatures", "workload").await, ["new"]);
    assert_eq!(left(&db, "log_summaries", "workload").await, ["new"]);
    assert_eq!(left(&db, "log_days", "workload").await, ["new", "unwritten"]);
    assert_eq!(left(&db, "log_incidents", "id").await, ["new"]);
}

#[tokio::test]
async fn what_is_old_is_forgotten_and_nothing_else_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Sqlite { folder: folder.path().to_owned() };
    what_is_old_is_forgotten_and_nothing_else(&location, folder.path()).await;
}

#[tokio::test]
async fn what_is_old_is_forgotten_and_nothing_else_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Postgres { address: Postgres::shared().await.scratch_url().await };
    what_is_old_is_forgotten_and_nothing_else(&location, folder.path()).await;
}
