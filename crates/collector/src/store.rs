//! The collector's tables: facts in their order, and what is known of each resource.

mod inventory;

use overseer_contract::{Event, TraceParent};
use overseer_model::{Fact, FactId, ResourceKey, ResourceState, Site, Timestamp};
use overseer_provider_port::{Change, FactDraft, ResourceRecord};
use overseer_runtime::Page;
use overseer_storage::column::{from_count, from_json, from_text, to_json};
use overseer_storage::{Conn, Db, StoreError, on, outbox, row, state};

use crate::marks::Marks;
use crate::wire;

/// Time of the last engine event that was committed.
const TOLD_UNTIL: &str = "engine_events_until";
/// Set once the first full listing was committed.
const LISTED: &str = "engine_listed";
/// Up to which fact the bus has them, and which life of the bus that was.
const PUBLISHED: &str = "facts_published";
const BUS_LIFE: &str = "facts_bus_incarnation";
const MARKS: &str = "facts_published_marks";

row! {
    struct FactRow {
        sequence: i64,
        trace: Option<String>,
        fact: String,
    }
}
row! {
    struct KnownRow {
        known: String,
    }
}

/// A fact as it is published: with the trace of what caused it.
#[derive(Clone, Debug)]
pub struct Traced {
    pub fact: Fact,
    pub trace: Option<TraceParent>,
}

impl TryFrom<FactRow> for Traced {
    type Error = StoreError;
    fn try_from(row: FactRow) -> Result<Self, StoreError> {
        let FactRow { sequence: _, trace, fact } = row;
        let fact = from_json(&fact, "facts.fact")?;
        Ok(Self { fact, trace: trace.and_then(|text| text.parse().ok()) })
    }
}
impl TryFrom<KnownRow> for ResourceRecord {
    type Error = StoreError;
    fn try_from(row: KnownRow) -> Result<Self, StoreError> {
        from_json(&row.known, "resources.known")
    }
}

/// What one transaction saves.
#[derive(Debug, Default)]
pub struct Batch {
    pub changes: Vec<(Change, Option<TraceParent>)>,
    /// The time of the last event in it.
    pub told_until: Option<Timestamp>,
    /// Whether it is the first full listing.
    pub listed: bool,
}

#[derive(Clone)]
pub struct Store {
    db: Db,
    site: Site,
}

impl Store {
    pub fn new(db: Db, site: Site) -> Self {
        Self { db, site }
    }

    /// All of it or nothing.
    pub async fn save(&self, batch: &Batch, now: Timestamp) -> Result<(), StoreError> {
        let Batch { changes, told_until, listed } = batch;
        let mut tx = self.db.begin_write().await?;
        for (change, trace) in changes {
            self.save_change(&mut tx.conn(), change, trace.as_ref(), now).await?;
        }
        if let Some(at) = told_until {
            state::set(&mut tx.conn(), TOLD_UNTIL, &at.micros().to_string()).await?;
        }
        if *listed {
            state::set(&mut tx.conn(), LISTED, "yes").await?;
        }
        tx.commit().await
    }

    async fn save_change(
        &self,
        conn: &mut Conn<'_>,
        change: &Change,
        trace: Option<&TraceParent>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Change { before, record: known, facts } = change;
        let mut sequence = reserve(conn, facts.len()).await?;
        for draft in facts {
            sequence += 1;
            insert(conn, sequence, known, draft, trace, now).await?;
        }
        upsert(conn, known).await?;
        if *before == Some(known.announced()) {
            return Ok(());
        }
        let key = known.resource.key.to_string();
        let event = Event::new(self.site.clone(), key, now, trace.cloned(), &wire::changed(known));
        let event = event.map_err(|_| StoreError::Corrupt { what: "ResourceChanged" })?;
        outbox::put(conn, &event).await
    }

    /// Everything that is known, and until when the engine's events are in it.
    pub async fn load(&self) -> Result<(Vec<ResourceRecord>, Option<Timestamp>), StoreError> {
        let mut reader = self.db.reader().await?;
        let rows: Vec<KnownRow> =
            on!(&mut reader.conn(), c => sqlx::query_as("SELECT known FROM resources").fetch_all(c).await)?;
        let until = state::get(&mut reader.conn(), TOLD_UNTIL).await?.and_then(|text| text.parse().ok());
        let known = rows.into_iter().map(ResourceRecord::try_from).collect::<Result<_, _>>()?;
        Ok((known, until.map(Timestamp::from_micros)))
    }

    /// Whether a full listing was ever committed.
    pub async fn was_listed(&self) -> Result<bool, StoreError> {
        let mut reader = self.db.reader().await?;
        Ok(state::get(&mut reader.conn(), LISTED).await?.is_some())
    }

    pub async fn resource(&self, key: &ResourceKey) -> Result<Option<ResourceRecord>, StoreError> {
        let mut reader = self.db.reader().await?;
        let row: Option<KnownRow> = on!(&mut reader.conn(), c =>
            sqlx::query_as("SELECT known FROM resources WHERE key = $1")
                .bind(key.to_string()).fetch_optional(c).await)?;
        row.map(ResourceRecord::try_from).transpose()
    }

    /// Those that are still there, by key.
    pub async fn resources(&self, page: &Page) -> Result<Vec<ResourceRecord>, StoreError> {
        let mut reader = self.db.reader().await?;
        let rows: Vec<KnownRow> = on!(&mut reader.conn(), c => sqlx::query_as(
            "SELECT known FROM resources WHERE NOT removed AND key > $1 ORDER BY key LIMIT $2")
            .bind(page.after.as_deref().unwrap_or_default()).bind(page.size).fetch_all(c).await)?;
        rows.into_iter().map(ResourceRecord::try_from).collect()
    }

    /// Facts before `before`, newest first; of one resource when it is given.
    pub async fn facts(&self, resource: Option<&ResourceKey>, before: i64, most: i64) -> Result<Vec<Fact>, StoreError> {
        let mut reader = self.db.reader().await?;
        let rows: Vec<FactRow> = match resource {
            Some(key) => on!(&mut reader.conn(), c => sqlx::query_as(
                "SELECT sequence, trace, fact FROM facts WHERE resource = $1 AND sequence < $2 \
                 ORDER BY sequence DESC LIMIT $3").bind(key.to_string()).bind(before).bind(most).fetch_all(c).await)?,
            None => on!(&mut reader.conn(), c => sqlx::query_as(
                "SELECT sequence, trace, fact FROM facts WHERE sequence < $1 ORDER BY sequence DESC LIMIT $2")
                .bind(before).bind(most).fetch_all(c).await)?,
        };
        rows.into_iter().map(|row| Traced::try_from(row).map(|traced| traced.fact)).collect()
    }

    /// The oldest facts that the bus does not have.
    pub async fn unpublished(&self, most: i64) -> Result<Vec<Traced>, StoreError> {
        let mut reader = self.db.reader().await?;
        let after = cursor(&mut reader.conn()).await?;
        let rows: Vec<FactRow> = on!(&mut reader.conn(), c => sqlx::query_as(
            "SELECT sequence, trace, fact FROM facts WHERE sequence > $1 ORDER BY sequence LIMIT $2")
            .bind(after).bind(most).fetch_all(c).await)?;
        rows.into_iter().map(Traced::try_from).collect()
    }

    pub async fn set_published(&self, sequence: u64, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.db.begin_write().await?;
        let (before, mut marks) = (cursor(&mut tx.conn()).await?, marks(&mut tx.conn()).await?);
        marks.note(before, now);
        state::set(&mut tx.conn(), MARKS, &to_json(&marks)).await?;
        state::set(&mut tx.conn(), PUBLISHED, &sequence.to_string()).await?;
        tx.commit().await
    }

    /// When facts were last published.
    pub async fn last_published(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut reader = self.db.reader().await?;
        Ok(marks(&mut reader.conn()).await?.last_at())
    }

    /// Lets the facts that were published since then be published again.
    pub async fn publish_again(&self, since: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.db.begin_write().await?;
        let (published, marks) = (cursor(&mut tx.conn()).await?, marks(&mut tx.conn()).await?);
        let back = marks.before(since).map_or(published, |before| before.min(published));
        state::set(&mut tx.conn(), PUBLISHED, &back.to_string()).await?;
        tx.commit().await
    }

    pub async fn epoch(&self) -> Result<String, StoreError> {
        let mut tx = self.db.begin_write().await?;
        let epoch = state::epoch(&mut tx.conn()).await?;
        tx.commit().await?;
        Ok(epoch.to_string())
    }

    /// Notes the life of the bus. When it is another than before, the facts recorded after `since` are published again;
    /// true then.
    pub async fn meet_bus(&self, life: &str, since: Timestamp) -> Result<bool, StoreError> {
        let mut reader = self.db.reader().await?;
        let known = state::get(&mut reader.conn(), BUS_LIFE).await?;
        drop(reader);
        if known.as_deref() == Some(life) {
            return Ok(false);
        }
        let mut tx = self.db.begin_write().await?;
        if known.is_some() {
            step_back(&mut tx.conn(), since).await?;
        }
        state::set(&mut tx.conn(), BUS_LIFE, life).await?;
        tx.commit().await?;
        Ok(known.is_some())
    }
}

/// Moves the cursor of what is published back before the facts recorded since `since`.
async fn step_back(conn: &mut Conn<'_>, since: Timestamp) -> Result<(), StoreError> {
    let first: Option<i64> = on!(&mut *conn, c =>
        sqlx::query_scalar("SELECT MIN(sequence) FROM facts WHERE recorded_at >= $1")
            .bind(since.micros()).fetch_one(c).await)?;
    let published = cursor(&mut *conn).await?;
    let back = first.map_or(published, |first| published.min(first - 1));
    state::set(conn, PUBLISHED, &back.to_string()).await
}

async fn cursor(conn: &mut Conn<'_>) -> Result<i64, StoreError> {
    let text = state::get(conn, PUBLISHED).await?.unwrap_or("0".to_owned());
    from_text(&text, "facts_published")
}

async fn marks(conn: &mut Conn<'_>) -> Result<Marks, StoreError> {
    let text = state::get(conn, MARKS).await?;
    text.map_or_else(|| Ok(Marks::default()), |text| from_json(&text, MARKS))
}

/// Takes the next `count` sequences; the last one before them.
async fn reserve(conn: &mut Conn<'_>, count: usize) -> Result<i64, StoreError> {
    if count == 0 {
        return Ok(0);
    }
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let last: i64 = on!(conn, c =>
        sqlx::query_scalar("UPDATE fact_head SET sequence = sequence + $1 WHERE id = 1 RETURNING sequence")
            .bind(count).fetch_one(c).await)?;
    Ok(last - count)
}

async fn insert(
    conn: &mut Conn<'_>,
    sequence: i64,
    known: &ResourceRecord,
    draft: &FactDraft,
    trace: Option<&TraceParent>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let FactDraft { observed_at, source, observation } = *draft;
    let fact = Fact {
        id: FactId::fresh(),
        sequence: from_count(sequence, "fact_head.sequence")?,
        resource: known.resource.clone(),
        observed_at,
        source,
        observation,
    };
    on!(conn, c => sqlx::query(
        "INSERT INTO facts (sequence, resource, recorded_at, trace, fact) VALUES ($1, $2, $3, $4, $5)")
        .bind(sequence).bind(known.resource.key.to_string()).bind(now.micros()).bind(trace.map(ToString::to_string))
        .bind(to_json(&fact)).execute(c).await.map(drop))?;
    Ok(())
}

async fn upsert(conn: &mut Conn<'_>, known: &ResourceRecord) -> Result<(), StoreError> {
    on!(conn, c => sqlx::query(
        "INSERT INTO resources (key, platform_id, removed, observed_at, known) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (key) DO UPDATE SET removed = $3, observed_at = $4, known = $5")
        .bind(known.resource.key.to_string()).bind(known.resource.id()).bind(known.state == ResourceState::Removed)
        .bind(known.observed_at.micros()).bind(to_json(known)).execute(c).await.map(drop))?;
    Ok(())
}
