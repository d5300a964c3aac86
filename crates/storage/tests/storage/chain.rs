//! The audit chain: its order, and that it shows whatever was done to it afterwards.

use overseer_model::Digest;
use overseer_storage::audit::{self, Check, Entry, Record};
use overseer_storage::{Conn, Db, StoreError, on};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Handle;

use crate::place::{Place, at, read, write};

async fn append(conn: &mut Conn<'_>, actor: &str, count: i64) -> Result<(), StoreError> {
    for n in 1..=count {
        let detail = n.to_string();
        let record = Record { at: at(n), actor, action: "plan.approved", object: "pln_1", detail: &detail };
        audit::append(conn, &record).await?;
    }
    Ok(())
}

async fn check(db: &Db) -> Check {
    read(db, async |conn| audit::verify(conn).await).await
}

pub async fn orders_concurrent_writers_and_checks_out_meanwhile(place: &Place) {
    const WRITERS: u64 = 8;
    const EACH: u64 = 6;
    let dbs = [place.open().await, place.open().await];
    assert_eq!(check(&dbs[0]).await, Check::Intact { entries: 0, head: String::new() });
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let db = dbs[usize::try_from(writer % 2).unwrap()].clone();
        writers.spawn(async move {
            for _ in 0..EACH {
                write(&db, async |conn| append(conn, &format!("writer {writer}"), 1).await).await;
            }
        });
    }
    while !writers.is_empty() {
        let found = check(&dbs[0]).await;
        assert!(matches!(found, Check::Intact { .. }), "{found:?}");
        writers.join_next().await.unwrap().unwrap();
    }
    let entries = read(&dbs[0], async |conn| audit::list(conn, None, 1000).await).await;
    let sequences: Vec<u64> = entries.iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, (1..=WRITERS * EACH).rev().collect::<Vec<_>>());
    assert_eq!(check(&dbs[1]).await, Check::Intact { entries: WRITERS * EACH, head: entries[0].hash.clone() });
}

pub async fn checks_a_chain_of_several_pages(place: &Place) {
    let db = place.open().await;
    write(&db, async |conn| append(conn, "anna", 1001).await).await;
    assert!(matches!(check(&db).await, Check::Intact { entries: 1001, .. }));
    write(&db, async |conn| run(conn, "DELETE FROM audit WHERE sequence = 1001").await).await;
    assert_eq!(check(&db).await, Check::Broken { entries: 1001, at: 1001 });
}

pub async fn lists_the_newest_first(place: &Place) {
    let db = place.open().await;
    write(&db, async |conn| append(conn, "anna", 5).await).await;
    let sequences = async |before, most| -> Vec<u64> {
        let entries = read(&db, async |conn| audit::list(conn, before, most).await).await;
        entries.iter().map(|entry| entry.sequence).collect()
    };
    assert_eq!(sequences(None, 2).await, [5, 4]);
    assert_eq!(sequences(Some(4), 2).await, [3, 2]);
    assert_eq!(sequences(Some(1), 2).await, [0; 0]);
}

/// What somebody with the database's password does to a chain of `n` entries, at entry `k`.
#[derive(Clone, Copy, Debug)]
enum Tampering {
    Change {
        column: &'static str,
        k: i64,
    },
    /// With a hash that fits the changed entry.
    Rewrite {
        k: i64,
    },
    Delete {
        k: i64,
    },
    Swap {
        k: i64,
        other: i64,
    },
    /// After the last entry, with a hash that fits.
    Append,
    /// Where no entry belongs.
    Insert {
        sequence: i64,
    },
    /// To an earlier entry, with all later ones left in place.
    ResetHead {
        k: i64,
    },
    AdvanceHead,
    ForgeHead,
    RemoveHead,
}

fn tampering() -> impl Strategy<Value = (i64, Tampering)> {
    use Tampering::{AdvanceHead, Append, Change, Delete, ForgeHead, Insert, RemoveHead, ResetHead, Rewrite, Swap};
    let columns = ["sequence", "at", "actor", "action", "object", "detail", "hash"];
    (2..8_i64, prop::sample::select(columns.to_vec())).prop_flat_map(|(n, column)| {
        let kind = prop_oneof![
            3 => (1..=n).prop_map(move |k| Change { column, k }),
            1 => (1..=n).prop_map(|k| Rewrite { k }),
            1 => (1..=n).prop_map(|k| Delete { k }),
            1 => (1..n).prop_flat_map(move |k| (Just(k), k + 1..=n)).prop_map(|(k, other)| Swap { k, other }),
            1 => Just(Append),
            1 => (-3..=0_i64).prop_map(|sequence| Insert { sequence }),
            1 => (0..n).prop_map(|k| ResetHead { k }),
            1 => prop::sample::select(vec![AdvanceHead, ForgeHead, RemoveHead]),
        ];
        (Just(n), kind)
    })
}

pub async fn finds_every_kind_of_tampering(place: &Place) {
    let db = place.open().await;
    let mut runner = TestRunner::new(Config { cases: 150, failure_persistence: None, ..Config::default() });
    let tried = tokio::task::block_in_place(|| {
        runner.run(&tampering(), |(n, tampering)| {
            let found = Handle::current().block_on(tampered(&db, n, tampering)).unwrap();
            let entries = entries_said(n, tampering);
            prop_assert_eq!(found, Check::Broken { entries, at: first_misfit(n, tampering) });
            Ok(())
        })
    });
    tried.unwrap();
}

/// Checks a tampered chain inside a transaction that never commits.
async fn tampered(db: &Db, n: i64, tampering: Tampering) -> Result<Check, StoreError> {
    let mut tx = db.begin_write().await?;
    let conn = &mut tx.conn();
    append(conn, "anna", n).await?;
    assert!(matches!(audit::verify(conn).await?, Check::Intact { .. }));
    let entries = audit::list(conn, None, 1000).await?;
    let entry = |k: i64| entries[usize::try_from(n - k).unwrap()].clone();
    let hash_of = |k: i64| if k == 0 { String::new() } else { entry(k).hash };
    match tampering {
        Tampering::Change { column: column @ ("sequence" | "at"), k } => {
            run(conn, &format!("UPDATE audit SET {column} = {column} + 100 WHERE sequence = {k}")).await?;
        }
        Tampering::Change { column, k } => {
            run(conn, &format!("UPDATE audit SET {column} = {column} || 'x' WHERE sequence = {k}")).await?;
        }
        Tampering::Rewrite { k } => {
            let forged = fitting(Entry { actor: "eve".to_owned(), ..entry(k) }, &hash_of(k - 1));
            run(conn, &format!("UPDATE audit SET actor = 'eve', hash = '{}' WHERE sequence = {k}", forged.hash))
                .await?;
        }
        Tampering::Delete { k } => run(conn, &format!("DELETE FROM audit WHERE sequence = {k}")).await?,
        Tampering::Swap { k, other } => {
            for (from, to) in [(k, -1), (other, k), (-1, other)] {
                run(conn, &format!("UPDATE audit SET sequence = {to} WHERE sequence = {from}")).await?;
            }
        }
        Tampering::Append => {
            let next = Entry { sequence: entry(n).sequence + 1, ..entry(n) };
            let forged = fitting(next, &hash_of(n));
            insert(conn, n + 1, &forged).await?;
        }
        Tampering::Insert { sequence } => insert(conn, sequence, &entry(1)).await?,
        Tampering::ResetHead { k } => {
            run(conn, &format!("UPDATE audit_head SET sequence = {k}, hash = '{}'", hash_of(k))).await?;
        }
        Tampering::AdvanceHead => run(conn, "UPDATE audit_head SET sequence = sequence + 1").await?,
        Tampering::ForgeHead => run(conn, "UPDATE audit_head SET hash = 'x'").await?,
        Tampering::RemoveHead => run(conn, "DELETE FROM audit_head").await?,
    }
    audit::verify(conn).await
}

/// The first entry that does not fit, counted by hand.
fn first_misfit(n: i64, tampering: Tampering) -> u64 {
    let at = match tampering {
        Tampering::Change { k, .. } | Tampering::Delete { k } | Tampering::Swap { k, .. } => k,
        // It fits itself; the one after it does not, or else the head.
        Tampering::Rewrite { k } => (k + 1).min(n),
        Tampering::Append | Tampering::Insert { .. } | Tampering::AdvanceHead => n + 1,
        Tampering::ResetHead { k } => k + 1,
        Tampering::ForgeHead => n,
        Tampering::RemoveHead => 1,
    };
    u64::try_from(at).unwrap()
}

/// How many entries the head speaks of.
fn entries_said(n: i64, tampering: Tampering) -> u64 {
    let entries = match tampering {
        Tampering::ResetHead { k } => k,
        Tampering::AdvanceHead => n + 1,
        Tampering::RemoveHead => 0,
        _ => n,
    };
    u64::try_from(entries).unwrap()
}

/// The entry with the hash that the chain's rule gives it, written down here a second time.
fn fitting(entry: Entry, before: &str) -> Entry {
    let (sequence, at) = (entry.sequence.to_string(), entry.at.micros().to_string());
    let parts = [before, &sequence, &at, &entry.actor, &entry.action, &entry.object, &entry.detail];
    Entry { hash: Digest::of_parts(&parts).to_string(), ..entry }
}

async fn insert(conn: &mut Conn<'_>, sequence: i64, entry: &Entry) -> Result<(), StoreError> {
    let Entry { sequence: _, at, actor, action, object, detail, hash } = entry;
    let at = at.micros();
    run(
        conn,
        &format!(
            "INSERT INTO audit (sequence, at, actor, action, object, detail, hash) \
             VALUES ({sequence}, {at}, '{actor}', '{action}', '{object}', '{detail}', '{hash}')"
        ),
    )
    .await
}

async fn run(conn: &mut Conn<'_>, sql: &str) -> Result<(), StoreError> {
    let changed = on!(conn, c => sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).execute(c).await
        .map(|done| done.rows_affected()))?;
    assert_eq!(changed, 1, "{sql}");
    Ok(())
}
