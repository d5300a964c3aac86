//! Every table forgets what is old and keeps the rest, on both engines; and no table is forgotten here.

// A test that cannot go on must panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use overseer_model::{ServiceName, Timestamp};
use overseer_runtime::retention as common;
use overseer_storage::{Db, Location, Migrations, StoreError, on, sqlx};
use overseer_testkit::Postgres;

type Pruned = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// One service, and how long each of its tables is kept.
struct Case {
    service: ServiceName,
    migrations: Migrations,
    prune: fn(Db, Timestamp) -> Pruned,
    tables: &'static [(&'static str, Duration)],
}

const CASES: [Case; 5] = [
    Case {
        service: ServiceName::Collector,
        migrations: overseer_collector::MIGRATIONS,
        prune: |db, now| Box::pin(overseer_collector::retention::prune(db, now)),
        tables: &[
            ("facts", overseer_collector::retention::FACTS_KEPT),
            ("resources", overseer_collector::retention::FACTS_KEPT),
        ],
    },
    Case {
        service: ServiceName::IncidentEngine,
        migrations: overseer_incident_engine::MIGRATIONS,
        prune: |db, now| Box::pin(overseer_incident_engine::retention::prune(db, now)),
        tables: &[
            ("detector_state", overseer_incident_engine::retention::DETECTOR_STATES_KEPT),
            ("fact_cursor", overseer_incident_engine::retention::DETECTOR_STATES_KEPT),
        ],
    },
    Case {
        service: ServiceName::ControlPlane,
        migrations: overseer_control_plane::MIGRATIONS,
        prune: |db, now| Box::pin(overseer_control_plane::retention::prune(db, now)),
        tables: &[
            ("plan", overseer_control_plane::retention::PLANS_KEPT),
            ("target", overseer_control_plane::retention::REMOVED_TARGETS_KEPT),
        ],
    },
    Case {
        service: ServiceName::Executor,
        migrations: overseer_executor::MIGRATIONS,
        prune: |db, now| Box::pin(overseer_executor::retention::prune(db, now)),
        tables: &[("attempt", overseer_executor::retention::ATTEMPTS_KEPT), ("declined_ticket", common::INBOX_KEPT)],
    },
    Case {
        service: ServiceName::Notifier,
        migrations: overseer_notifier::MIGRATIONS,
        prune: |db, now| Box::pin(overseer_notifier::retention::prune(db, now)),
        tables: &[("delivery", overseer_notifier::retention::DELIVERIES_KEPT)],
    },
];

/// Kept by every service; the suite of the store has their cases.
const COMMON: [&str; 3] = ["outbox", "inbox", "parked"];

/// Why a table needs no retention of its own.
const KEPT: &[(&str, &str)] = &[
    ("incident", "until a user deletes it"),
    ("moment", "with its incident"),
    ("step", "with its plan"),
    ("approval", "with its step"),
    ("token", "until it is revoked"),
    ("open_incident", "until it is resolved"),
    ("log_sources", "until somebody removes it"),
    ("log_signatures", "by the chronicle, 90 days after it was logged last"),
    ("log_minutes", "by the chronicle, two days"),
    ("log_days", "by the chronicle, with the summary of their month"),
    ("log_summaries", "by the chronicle, a year"),
    ("log_incidents", "by the chronicle, when no summary of their month is kept"),
    ("fact_head", "one row"),
    ("store_state", "a few rows"),
    ("holder", "one row for a lock"),
    ("audit", "whole, until there are checkpoints"),
    ("audit_head", "one row"),
];

/// What is put into each table: the rows with `$1` (a moment too old) and those with `$2` (one not too old) that stay are
/// told apart by their id, `old…` for what has to go.
fn rows(table: &str) -> &'static [&'static str] {
    match table {
        "facts" => {
            &["INSERT INTO facts (sequence, resource, recorded_at, fact) VALUES (1, 'old', $1, ''), (2, 'new', $2, '')"]
        }
        "resources" => &["INSERT INTO resources (key, platform_id, removed, observed_at, known) VALUES \
             ('old', '', TRUE, $1, ''), ('new', '', TRUE, $2, ''), ('there', '', FALSE, $1, '')"],
        "detector_state" => &[
            "INSERT INTO detector_state (detector, resource, state, updated_at) VALUES ('d', 'old', '', $1), ('d', 'new', '', $2)",
        ],
        "fact_cursor" => &[
            "INSERT INTO fact_cursor (epoch, sequence, updated_at) VALUES ('old', 1, $1), ('new', 1, $2), ('unknown', 1, 0 * ($1 + $2))",
        ],
        "plan" => &[
            "INSERT INTO plan (id, trouble, subject, state, digest, title, playbook, policy_version, created_at, updated_at) VALUES \
             ('old', '', '1', 'succeeded', '', '', '', '', $1, $1), ('new', '', '2', 'failed', '', '', '', '', $1, $2), \
             ('live', '', '3', 'running', '', '', '', '', $1, $1), ('doubt', '', '4', 'in_doubt', '', '', '', '', $1, $1)",
            "INSERT INTO step (id, plan_id, position, state, action, template, risk, attempt, detail, finished_at) VALUES \
             ('old', 'old', 1, 'passed', '', '', '', 1, '', $1), ('live', 'live', 1, 'passed', '', '', '', 1, '', $2)",
            "INSERT INTO approval (id, step_id, plan_digest, action, target_fingerprint, policy_version, approver, approved_at, nonce) \
             VALUES ('old', 'old', '', '', '', '', '', $1, 'a'), ('live', 'live', '', '', '', '', '', $2, 'b')",
        ],
        "target" => &["INSERT INTO target (resource, state, fingerprint, capabilities, updated_at) VALUES \
             ('old', 'removed', '', '', $1), ('new', 'removed', '', '', $2), ('there', 'running', '', '', $1)"],
        "attempt" => &[
            "INSERT INTO attempt (id, site, step_id, attempt, nonce, resource, claims, ordering_key, intent_at, act_by, \
             witness_before, state, finished_at, claimed_by, claim_until, epoch) VALUES \
             ('old', '', 'a', 1, 'a', '', '', '', 1, 1, '', 'verified', $1, '', 1, 1), \
             ('new', '', 'b', 1, 'b', '', '', '', 1, 1, '', 'verified', $2, '', 1, 1), \
             ('doubt', '', 'c', 1, 'c', '', '', '', 1, 1, '', 'in_doubt', $1, '', 1, 1), \
             ('open', '', 'd', 1, 'd', '', '', '', 1, 1, '', 'intent', NULL, '', 1, 1)",
        ],
        "declined_ticket" => &["INSERT INTO declined_ticket (nonce, declined_at) VALUES ('old', $1), ('new', $2)"],
        "delivery" => &[
            "INSERT INTO delivery (id, event_id, target, kind, body, state, attempts, created_at, settled_at, last_error) VALUES \
             ('old', 'a', '', '', '', 'delivered', 1, $1, $1, ''), ('new', 'b', '', '', '', 'dead', 1, $1, $2, ''), \
             ('due', 'c', '', '', '', 'pending', 1, $1, NULL, '')",
        ],
        other => panic!("write down rows for `{other}`"),
    }
}

/// The ids of a table that are left.
fn left(table: &str) -> &'static str {
    match table {
        "facts" => "SELECT resource FROM facts",
        "resources" => "SELECT key FROM resources",
        "detector_state" => "SELECT resource FROM detector_state",
        "fact_cursor" => "SELECT epoch FROM fact_cursor",
        "plan" => "SELECT id FROM plan UNION ALL SELECT id FROM step UNION ALL SELECT id FROM approval",
        "target" => "SELECT resource FROM target",
        "attempt" => "SELECT id FROM attempt",
        "declined_ticket" => "SELECT nonce FROM declined_ticket",
        "delivery" => "SELECT id FROM delivery",
        other => panic!("write down how `{other}` is read"),
    }
}

async fn forgets_what_is_old_and_nothing_else(location: &Location) {
    let now = Timestamp::now();
    for Case { service, migrations, prune, tables } in CASES {
        let db = Db::open(location, service, migrations).await.unwrap();
        for (table, keep) in tables {
            let limit = (now - *keep).micros();
            let mut tx = db.begin_write().await.unwrap();
            for sql in rows(table) {
                on!(&mut tx.conn(), c => sqlx::query(*sql).bind(limit - 1).bind(limit + 1).execute(c).await.map(drop))
                    .unwrap_or_else(|error| panic!("{table}: {error}"));
            }
            tx.commit().await.unwrap();
            let all = ids(&db, table).await;
            prune(db.clone(), now).await.unwrap();
            let kept: Vec<_> = all.iter().filter(|id| *id != "old").cloned().collect();
            assert_eq!(ids(&db, table).await, kept, "{table}");
            assert!(kept.len() < all.len(), "{table}");
        }
    }
}

async fn ids(db: &Db, table: &str) -> Vec<String> {
    let mut reader = db.reader().await.unwrap();
    let mut ids: Vec<String> =
        on!(&mut reader.conn(), c => sqlx::query_scalar(left(table)).fetch_all(c).await).unwrap();
    ids.sort();
    ids
}

#[tokio::test]
async fn forgets_what_is_old_and_nothing_else_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    forgets_what_is_old_and_nothing_else(&Location::Sqlite { folder: folder.path().to_owned() }).await;
}

#[tokio::test]
async fn forgets_what_is_old_and_nothing_else_on_postgres() {
    let address = Postgres::shared().await.scratch_url().await;
    forgets_what_is_old_and_nothing_else(&Location::Postgres { address }).await;
}

/// A new table says how long its rows are kept, or why they are kept for ever.
#[test]
fn every_table_of_the_migrations_has_a_retention_or_a_reason() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let mut tables = BTreeSet::new();
    for service in std::fs::read_dir(folder).unwrap() {
        // Tables of two services may have the same name.
        let mut own = BTreeSet::new();
        let mut files: Vec<_> =
            std::fs::read_dir(service.unwrap().path()).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        for file in files {
            let text = std::fs::read_to_string(file).unwrap();
            let named = |line: &str, words: &str| {
                let rest = line.trim().strip_prefix(words)?;
                rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().map(str::to_owned)
            };
            for line in text.lines() {
                own.extend(named(line, "CREATE TABLE "));
                if let Some(dropped) = named(line, "DROP TABLE ") {
                    own.remove(&dropped);
                }
            }
        }
        tables.extend(own);
    }
    let forgotten = CASES.iter().flat_map(|case| case.tables.iter().map(|(table, _)| *table)).chain(COMMON);
    let known: BTreeSet<String> = forgotten.chain(KEPT.iter().map(|(table, _)| *table)).map(str::to_owned).collect();
    assert_eq!(tables, known);
}
