//! The audit chain: each entry's hash covers the entry and the hash before it, so that a changed, removed or added
//! entry shows. Entries are appended in the transaction of what they record.

use overseer_model::{Digest, Timestamp};

use crate::{Conn, StoreError, clean, on, row};

row! {
    struct Row {
        sequence: i64,
        at: i64,
        actor: String,
        action: String,
        object: String,
        detail: String,
        hash: String,
    }
}

/// What is recorded: names, ids and enums only, never a secret or a log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    pub at: Timestamp,
    pub actor: &'a str,
    pub action: &'a str,
    pub object: &'a str,
    pub detail: &'a str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub sequence: u64,
    pub at: Timestamp,
    pub actor: String,
    pub action: String,
    pub object: String,
    pub detail: String,
    pub hash: String,
}

/// What a check of the whole chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    Intact {
        entries: u64,
        head: String,
    },
    /// `at` is the first entry that does not fit.
    Broken {
        entries: u64,
        at: u64,
    },
}

/// Appends to the chain. The head's row lock puts concurrent writers in order.
///
/// # Errors
/// When the database refuses; the transaction is then lost.
pub async fn append(conn: &mut Conn<'_>, record: &Record<'_>) -> Result<(), StoreError> {
    let (sequence, before): (i64, String) = on!(&mut *conn, c => sqlx::query_as(
        "UPDATE audit_head SET sequence = sequence + 1 WHERE id = 1 RETURNING sequence, hash").fetch_one(c).await)?;
    let row = Row {
        sequence,
        at: record.at.micros(),
        actor: clean(record.actor),
        action: clean(record.action),
        object: clean(record.object),
        detail: clean(record.detail),
        hash: String::new(),
    };
    let hash = hash(&row, &before);
    on!(&mut *conn, c => sqlx::query(
        "INSERT INTO audit (sequence, at, actor, action, object, detail, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(row.sequence).bind(row.at).bind(&row.actor).bind(&row.action).bind(&row.object).bind(&row.detail)
        .bind(&hash).execute(c).await.map(drop))?;
    on!(conn, c => sqlx::query("UPDATE audit_head SET hash = $1 WHERE id = 1").bind(&hash).execute(c).await.map(drop))?;
    Ok(())
}

/// Reads the whole chain and compares each hash, the last with the head, and the number of entries with the head's.
/// What was appended since the check began is left to the next one.
///
/// # Errors
/// When the database does not answer.
pub async fn verify(conn: &mut Conn<'_>) -> Result<Check, StoreError> {
    // One statement sees one state of both tables.
    let found: Option<(i64, String, i64)> = on!(&mut *conn, c => sqlx::query_as(
        "SELECT sequence, hash, (SELECT COUNT(*) FROM audit) FROM audit_head WHERE id = 1").fetch_optional(c).await)?;
    let Some((head_sequence, head, count)) = found else { return Ok(broken(0, 1)) };
    let (mut before, mut last) = (String::new(), 0);
    loop {
        let rows: Vec<Row> = on!(&mut *conn, c => sqlx::query_as(
            "SELECT sequence, at, actor, action, object, detail, hash FROM audit \
             WHERE sequence > $1 AND sequence <= $2 ORDER BY sequence LIMIT 1000")
            .bind(last).bind(head_sequence).fetch_all(c).await)?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            if row.sequence != last + 1 || hash(&row, &before) != row.hash {
                return Ok(broken(head_sequence, last + 1));
            }
            last = row.sequence;
            before = row.hash;
        }
    }
    if last != head_sequence {
        Ok(broken(head_sequence, last + 1))
    } else if before != head {
        Ok(broken(head_sequence, last.max(1)))
    } else if count != head_sequence {
        // Whoever adds an entry without moving the head, or sets the head back.
        Ok(broken(head_sequence, head_sequence + 1))
    } else {
        Ok(Check::Intact { entries: unsigned(head_sequence), head })
    }
}

fn broken(entries: i64, at: i64) -> Check {
    Check::Broken { entries: unsigned(entries), at: unsigned(at) }
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Entries before `before` (all when absent), newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn list(conn: &mut Conn<'_>, before: Option<u64>, most: i64) -> Result<Vec<Entry>, StoreError> {
    let before = before.and_then(|b| i64::try_from(b).ok()).unwrap_or(i64::MAX);
    let rows: Vec<Row> = on!(conn, c => sqlx::query_as(
        "SELECT sequence, at, actor, action, object, detail, hash FROM audit \
         WHERE sequence < $1 ORDER BY sequence DESC LIMIT $2")
        .bind(before).bind(most).fetch_all(c).await)?;
    Ok(rows.into_iter().map(Entry::from).collect())
}

fn hash(row: &Row, before: &str) -> String {
    let Row { sequence, at, actor, action, object, detail, hash: _ } = row;
    Digest::of_parts(&[before, &sequence.to_string(), &at.to_string(), actor, action, object, detail]).to_string()
}

impl From<Row> for Entry {
    fn from(row: Row) -> Self {
        let Row { sequence, at, actor, action, object, detail, hash } = row;
        Self {
            sequence: u64::try_from(sequence).unwrap_or(0),
            at: Timestamp::from_micros(at),
            actor,
            action,
            object,
            detail,
            hash,
        }
    }
}
