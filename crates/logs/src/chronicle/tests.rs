//! From committed lines to what the bus is told, with both databases, over the death of either side.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use overseer_contract::v1;
use overseer_logstore::{Nanos, Query, Stream};
use overseer_model::{ResourceKey, ServiceName, Timestamp};
use overseer_provider_port::{LogPosition, LogTime};
use overseer_runtime::Relay;
use overseer_storage::{Db, Location, Migrations, StoreError, on, outbox};
use overseer_testkit::{Postgres, S3};
use tempfile::TempDir;

use super::record::Recorder;
use super::store::{self, Tallied};
use super::summary::Linked;
use super::{After, Day, Retire, Signer, documents};
use crate::Inventory;
use crate::archive::{Archive, Days, LogBucket, Retention, Saving, summary_signer};
use crate::intake::{Batch, Line, Positions, Sink, SourceKey, Workloads};

const MINUTE: i64 = 60_000_000;
/// 2026-11-21 00:00 UTC.
const START: i64 = 1_795_219_200_000_000;

struct Place {
    folder: TempDir,
    location: Location,
    bucket: LogBucket,
}

/// One with all in a folder, one with PostgreSQL and segments in a bucket.
async fn places() -> [Place; 2] {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sqlite = Location::Sqlite { folder: one.path().to_owned() };
    let postgres = Location::Postgres { address: Postgres::shared().await.scratch_url().await };
    let bucket = bucket(other.path()).await;
    [
        Place { folder: one, location: sqlite, bucket: LogBucket::default() },
        Place { folder: other, location: postgres, bucket },
    ]
}

async fn bucket(folder: &Path) -> LogBucket {
    let _first = rustls::crypto::ring::default_provider().install_default();
    let (server, secret_access_key_file) = (S3::shared().await, folder.join("secret"));
    std::fs::write(&secret_access_key_file, "test\n").unwrap();
    LogBucket {
        name: server.scratch_bucket().await,
        endpoint: format!("http://127.0.0.1:{}", server.port()),
        region: "us-east-1".to_owned(),
        access_key_id: "test".to_owned(),
        secret_access_key_file,
    }
}

/// An inventory before its first full listing.
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

/// A collector's archive and chronicle, without the rest of it.
struct Collector {
    db: Db,
    archive: Archive,
    recorder: Recorder,
    batches: u8,
}

impl Collector {
    async fn open(place: &Place) -> Self {
        let db = Db::open(&place.location, ServiceName::Collector, Migrations(&crate::TABLES)).await.unwrap();
        let (archive, signer) = open_archive(place, super::applied(&db).await.unwrap()).await;
        let inventory = Arc::new(NothingListed);
        let retire = Retire::new(db.clone(), "home".parse().unwrap(), archive.clone(), signer, inventory);
        let recorder = Recorder::new(retire, Relay::default());
        Self { db, archive, recorder, batches: 0 }
    }

    /// After its end: only one may have the folder.
    async fn open_again(place: &Place, before: Self) -> Self {
        drop(before);
        Self::open(place).await
    }

    /// Lines of one container, a minute and a text each.
    async fn log(&mut self, lines: &[(i64, &str)]) {
        self.log_of("c1", lines).await;
    }

    async fn log_of(&mut self, container: &str, lines: &[(i64, &str)]) {
        self.batches = self.batches.wrapping_add(1);
        let source = SourceKey::container(container);
        let line = |(minute, text): &(i64, &str)| Line {
            source: source.clone(),
            at: LogTime((START + minute * MINUTE) * 1_000),
            stream: Stream::Stdout,
            text: text.as_bytes().to_vec(),
            cut: false,
        };
        let marks = vec![(source.clone(), LogPosition::from_bytes(&[self.batches]).unwrap())];
        let batch = Arc::new(Batch { lines: lines.iter().map(line).collect(), marks, dropped: vec![] });
        self.archive.accept(&batch).await.unwrap();
    }

    /// A round, and one soon after: by then nothing has come for the minutes that are over.
    async fn round(&mut self, minute: i64) {
        for after in [0, 5_000_000] {
            self.recorder.round(Timestamp::from_micros(START + minute * MINUTE + after)).await.unwrap();
        }
    }

    /// Everything that the bus is told, in order.
    async fn told(&self) -> Vec<v1::LogSignatureFact> {
        let mut reader = self.db.reader().await.unwrap();
        let events = outbox::waiting(&mut reader.conn(), None, 10_000).await.unwrap();
        events.iter().flat_map(|event| event.payload::<v1::LogSignatures>().unwrap().facts).collect()
    }

    /// The newest count of each form and minute.
    async fn counts(&self) -> BTreeMap<(String, i64), u64> {
        let minute = |fact: &v1::LogSignatureFact| (fact.minute.unwrap().seconds - START / 1_000_000) / 60;
        self.told().await.iter().map(|fact| ((fact.public_form.clone(), minute(fact)), fact.count)).collect()
    }
}

fn retention() -> Retention {
    let days = |days| Days::try_from(days).unwrap();
    Retention { usual: days(90), of: BTreeMap::from([("container:noise".to_owned(), days(10))]) }
}

async fn open_archive(place: &Place, applied: u64) -> (Archive, Signer) {
    let (folder, bucket) = (place.folder.path().join("logs"), place.bucket.clone());
    let open = move || {
        let signer = summary_signer(&folder).unwrap();
        let segments = bucket.objects(&folder, &"home".parse().unwrap()).unwrap();
        (Archive::open(&folder, segments, Workloads::default(), retention(), applied).unwrap(), signer)
    };
    tokio::task::spawn_blocking(open).await.unwrap()
}

#[tokio::test]
async fn minutes_are_told_when_they_are_over_and_news_at_once() {
    for place in places().await {
        let mut site = Collector::open(&place).await;
        site.log(&[(0, "took 1 ms"), (0, "took 2 ms"), (0, "\tat com.example.Main.run(Main.java:7)")]).await;
        site.round(0).await;
        let told = site.told().await;
        assert_eq!((told.len(), told[0].count, told[0].novelty()), (1, 2, v1::LogNovelty::New), "{told:?}");
        site.log(&[(0, "took 3 ms"), (0, "ERROR connection to zanzibar-7 refused")]).await;
        site.round(0).await;
        let told = site.told().await;
        assert_eq!(told.len(), 2, "an error is told at once, a known line is not: {told:?}");
        assert_eq!(told[1].severity(), v1::LogSeverity::Error);
        assert!(told[1].public_form.contains("connection") && !told[1].public_form.contains("zanzibar"), "{told:?}");
        site.round(2).await;
        let told = site.told().await;
        assert_eq!((told.len(), told[2].count), (3, 3));
        assert_eq!(told[2].workload, "container:c1");
        assert_eq!(told[2].resource_id, "c1");
        site.round(3).await;
        assert_eq!(site.told().await.len(), 3, "nothing is told twice");
    }
}

#[tokio::test]
async fn what_was_committed_is_counted_once_over_the_death_of_the_collector() {
    for place in places().await {
        for life in 0..4 {
            let mut site = Collector::open(&place).await;
            site.log(&[(0, "took 1 ms"), (0, "took 2 ms")]).await;
            if life % 2 == 0 {
                site.round(0).await;
            }
            site.log(&[(0, "took 3 ms")]).await;
        }
        let mut site = Collector::open(&place).await;
        site.round(5).await;
        assert_eq!(site.counts().await, BTreeMap::from([(("took <*> ms".to_owned(), 0), 12)]));
    }
}

#[tokio::test]
async fn a_lost_archive_does_not_stop_the_count() {
    for place in places().await {
        let mut site = Collector::open(&place).await;
        site.log(&[(0, "took 1 ms")]).await;
        site.round(0).await;
        drop(site);
        std::fs::remove_dir_all(place.folder.path().join("logs")).unwrap();
        let mut site = Collector::open(&place).await;
        site.log(&[(0, "took 1 ms")]).await;
        site.round(5).await;
        assert_eq!(site.counts().await, BTreeMap::from([(("took <*> ms".to_owned(), 0), 2)]));
    }
}

#[tokio::test]
async fn signatures_that_become_one_are_no_news() {
    for place in places().await {
        let mut site = Collector::open(&place).await;
        let names = ["ada", "bob", "cyd", "dan", "eve", "fay", "gil", "hal"];
        for (minute, name) in (0..).zip(names) {
            let text = format!("session opened for user {name} by root");
            site.log(&[(minute, &text)]).await;
            site.round(minute + 1).await;
        }
        // Once an hour it is looked for what has become part of something else.
        site.round(70).await;
        let told = site.told().await;
        let new: Vec<i64> = told
            .iter()
            .filter(|fact| fact.novelty() == v1::LogNovelty::New)
            .map(|fact| (fact.minute.unwrap().seconds - START / 1_000_000) / 60)
            .collect();
        assert!(new.len() < names.len() && !new.contains(&7), "{new:?}");
        let all = store::pairs(&site.db).await.unwrap();
        assert_eq!(all.len(), 1, "{all:?}");
        assert_eq!(all[0].first_seen.micros(), START);
    }
}

#[tokio::test]
async fn a_burst_is_told_against_what_was_usual() {
    for place in places().await {
        let mut site = Collector::open(&place).await;
        for minute in 0..20 {
            site.log(&[(minute, "took 1 ms"), (minute, "took 2 ms")]).await;
            site.round(minute + 1).await;
        }
        site.log(&[(20, "took 1 ms"); 200]).await;
        site.round(20).await;
        let told = site.told().await;
        let last = told.last().unwrap();
        assert_eq!((last.count, last.novelty()), (200, v1::LogNovelty::Burst));
        assert!((last.usual_per_minute - 2.0).abs() < 0.01, "{last:?}");
        assert_eq!(told.iter().filter(|fact| fact.novelty() == v1::LogNovelty::Burst).count(), 1);
    }
}

#[tokio::test]
async fn a_minute_of_a_backlog_is_told_when_all_of_it_was_read() {
    for place in places().await {
        let mut site = Collector::open(&place).await;
        site.log(&[(0, "took 1 ms")]).await;
        site.round(1).await;
        for second in 0..10 {
            site.log(&[(5, "took 1 ms"); 10]).await;
            let at = Timestamp::from_micros(START + 60 * MINUTE + second * 1_000_000);
            site.recorder.round(at).await.unwrap();
            assert_eq!(site.told().await.len(), 1, "it still grows");
        }
        site.round(61).await;
        let told = site.told().await;
        assert_eq!((told.len(), told[1].count), (2, 100));
    }
}

#[tokio::test]
async fn what_is_long_ago_is_counted_and_no_news() {
    for place in places().await {
        let mut site = Collector::open(&place).await;
        site.log(&[(0, "took 1 ms"), (2_000, "took 1 ms")]).await;
        site.round(2_002).await;
        assert_eq!(site.counts().await.into_keys().map(|(_, minute)| minute).collect::<Vec<_>>(), [2_000]);
    }
}

#[tokio::test]
async fn a_workload_that_never_repeats_itself_is_bounded() {
    let [place, _] = places().await;
    let mut site = Collector::open(&place).await;
    let word = |n: usize| -> String {
        let letters = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
        [n, n / 26, n / 676, n / 17_576].map(letters).iter().collect()
    };
    for batch in 0..14 {
        let lines: Vec<String> = (0..400)
            .map(|n| {
                let n = batch * 400 + n;
                format!("{} {} {}", word(n * 7 + 1), word(n * 11 + 3), word(n * 13 + 5))
            })
            .collect();
        let lines: Vec<(i64, &str)> = lines.iter().map(|line| (0, line.as_str())).collect();
        site.log(&lines).await;
        site.round(0).await;
    }
    let pairs = store::pairs(&site.db).await.unwrap();
    assert!(pairs.len() <= 4_097, "{}", pairs.len());
    site.round(5).await;
    let mut newest = BTreeMap::new();
    for fact in site.told().await {
        newest.insert(fact.signature, fact.count);
    }
    assert_eq!(newest.values().sum::<u64>(), 14 * 400);
}

const DAY: i64 = 1_440;

impl Collector {
    /// The ages in days of all lines that are kept of a container.
    async fn ages(&self, container: &str, today: i64) -> Vec<i64> {
        let resources = vec![format!("container:{container}")];
        let query = Query { resources, lines: 100_000, bytes: usize::MAX, ..Query::default() };
        let page = self.archive.read(query).await.unwrap();
        let day = |time: Nanos| (time.0 / 1_000 - START) / MINUTE / DAY;
        page.lines.iter().map(|line| today - day(line.time)).collect()
    }

    async fn days(&self) -> i64 {
        let mut reader = self.db.reader().await.unwrap();
        on!(&mut reader.conn(), c => sqlx::query_scalar("SELECT COUNT(*) FROM log_days").fetch_one(c).await).unwrap()
    }

    async fn has_incident(&self, id: &str) {
        let mut tx = self.db.begin_write().await.unwrap();
        let opened_at = Timestamp::from_micros(START);
        let incident = Linked { id: id.to_owned(), opened_at, title: "web loops".to_owned() };
        documents::note_incident(&mut tx.conn(), "container:web", &incident).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// A day of the site: two containers log, an hour passes, and what is old goes.
    async fn live(&mut self, day: i64) {
        let minute = day * DAY + 600;
        let took = format!("took {day} ms");
        self.log_of("web", &[(minute, &took), (minute, &took), (minute + 1, "ERROR connection refused by zanzibar")])
            .await;
        self.log_of("noise", &[(minute, "tick 1")]).await;
        let noon = Nanos((START + (minute + 120) * MINUTE) * 1_000);
        self.archive.put_in_order(noon, Saving::WhenMuchIsNew).await.unwrap();
        self.archive.put_in_order(Nanos(noon.0 + 7_200_000_000_000), Saving::WhenMuchIsNew).await.unwrap();
        self.round(minute + 240).await;
    }
}

#[tokio::test]
async fn fifteen_months_leave_signed_summaries_and_ninety_days_of_lines() {
    for place in places().await {
        let mut site = Collector::open(&place).await;
        for day in (0..=480).step_by(3) {
            if day % 100 == 50 {
                site = Collector::open_again(&place, site).await;
            }
            site.live(day).await;
            if day % 30 == 0 {
                let ages = site.ages("web", day).await;
                assert_eq!(ages.len(), 3 * usize::try_from(day / 3 + 1).unwrap().min(31), "on day {day}");
                assert!(site.ages("noise", day).await.iter().all(|age| *age <= 10));
                assert!(site.days().await <= 3 * 170, "the days' counts are bounded");
            }
        }
        let heads = documents::heads(&site.db, Some("container:web"), &After::default(), 100).await.unwrap();
        let months: Vec<String> = heads.iter().map(|head| head.month.to_string()).collect();
        // 2026-11-21 and 480 days is 2028-03-15: what was written before 2027-03-15 is gone, as December 2026 was.
        assert_eq!(months.first().map(String::as_str), Some("2027-12"));
        assert_eq!(months.last().map(String::as_str), Some("2027-01"), "{months:?}");
        for head in &heads {
            let signed = documents::summary(&site.db, "container:web", head.month).await.unwrap().unwrap();
            let summary: v1::LogSummary = overseer_contract::from_json(&signed.document).unwrap();
            assert!(!signed.document.contains("zanzibar"));
            let logged = (head.month.first().0..head.month.next().first().0)
                .filter(|day| (day - Day::of(Timestamp::from_micros(START)).0) % 3 == 0);
            assert_eq!(summary.events, 3 * logged.count() as u64, "{}", head.month);
            assert_eq!(summary.signatures[0].severity(), v1::LogSeverity::Error);
            assert!(signed.holds());
        }
    }
}

#[tokio::test]
async fn nothing_is_deleted_before_its_summary_is_stored() {
    for place in places().await {
        let mut site = Collector::open(&place).await;
        site.has_incident("i-1").await;
        for day in 0..92 {
            site.live(day).await;
        }
        assert_eq!(site.ages("web", 92).await.len(), 3 * 91);
        let mut conn = site.db.begin_write().await.unwrap();
        on!(&mut conn.conn(), c => sqlx::query("ALTER TABLE log_summaries RENAME TO away").execute(c).await.map(drop))
            .unwrap();
        conn.commit().await.unwrap();
        site.log_of("web", &[(91 * DAY + 900, "late"), (60, "very late")]).await;
        let later = Timestamp::from_micros(START + 93 * DAY * MINUTE);
        site.recorder.round(later).await.unwrap_err();
        assert_eq!(site.ages("web", 92).await.len(), 3 * 91 + 2);
        let mut conn = site.db.begin_write().await.unwrap();
        on!(&mut conn.conn(), c => sqlx::query("ALTER TABLE away RENAME TO log_summaries").execute(c).await.map(drop))
            .unwrap();
        conn.commit().await.unwrap();
        site.round(93 * DAY + 120).await;
        assert!(site.ages("web", 93).await.iter().all(|age| *age <= 90));
        let november =
            documents::summary(&site.db, "container:web", "2026-11".parse().unwrap()).await.unwrap().unwrap();
        let november: v1::LogSummary = overseer_contract::from_json(&november.document).unwrap();
        assert_eq!(november.events, 3 * 10 + 1, "what came late is in it");
        assert_eq!(november.incidents.len(), 1);
        assert_eq!(november.incidents[0].id, "i-1");
    }
}

#[tokio::test]
async fn the_place_of_a_container_that_is_gone_is_forgotten() {
    let [place, _] = places().await;
    let mut site = Collector::open(&place).await;
    site.log_of("web", &[(0, "took 1 ms")]).await;
    site.log_of("gone", &[(0, "took 1 ms")]).await;
    assert_eq!(site.archive.containers().await.unwrap(), HashSet::from(["web".to_owned(), "gone".to_owned()]));
    site.archive.forget(HashSet::from(["gone".to_owned()])).await.unwrap();
    for (container, known) in [("web", true), ("gone", false)] {
        let position = site.archive.position(&SourceKey::container(container)).await.unwrap();
        assert_eq!(position.is_some(), known, "{container}");
    }
}

#[tokio::test]
async fn lines_that_are_not_counted_yet_are_not_deleted() {
    let [place, _] = places().await;
    let mut site = Collector::open(&place).await;
    site.log_of("web", &[(0, "took 1 ms")]).await;
    let later = Timestamp::from_micros(START + 100 * DAY * MINUTE);
    let days = Days::try_from(90).unwrap();
    assert_eq!(site.archive.purge(days, later).await.unwrap(), None);
    site.round(5).await;
    assert_eq!(site.archive.purge(days, later).await.unwrap(), Some(1));
}

#[tokio::test]
async fn what_comes_late_for_a_month_is_added_to_its_summary() {
    for place in places().await {
        let mut site = Collector::open(&place).await;
        for day in [0, 3, 6] {
            site.live(day).await;
        }
        site.live(200).await;
        let november = "2026-11".parse().unwrap();
        let events = async |site: &Collector| {
            let signed = documents::summary(&site.db, "container:web", november).await.unwrap().unwrap();
            overseer_contract::from_json::<v1::LogSummary>(&signed.document).unwrap().events
        };
        assert_eq!(events(&site).await, 9);
        site.log_of("web", &[(60, "took 1 ms")]).await;
        site.live(203).await;
        assert_eq!(events(&site).await, 10);
        let ages = site.ages("web", 203).await;
        assert!(ages.iter().all(|age| *age <= 90), "{ages:?}");
    }
}

#[tokio::test]
async fn a_commit_that_came_through_unheard_counts_once() {
    for place in places().await {
        let mut site = Collector::open(&place).await;
        site.log(&[(0, "took 1 ms")]).await;
        let waiting = site.archive.tallies().waiting();
        let tallied = Tallied { first: waiting[0].number, upto: waiting[0].number };
        let applied =
            store::apply(&site.db, &[], &waiting[0].counted, tallied, Timestamp::from_micros(START)).await.unwrap();
        assert_eq!(applied, tallied.upto);
        site.round(0).await;
        site.log(&[(0, "took 1 ms")]).await;
        site.round(5).await;
        assert_eq!(site.counts().await, BTreeMap::from([(("took <*> ms".to_owned(), 0), 2)]));
    }
}

#[tokio::test]
async fn every_minute_of_a_backlog_is_counted_by_its_signature() {
    let [place, _] = places().await;
    let mut site = Collector::open(&place).await;
    let lines: Vec<(i64, &str)> = (0..3_000).map(|minute| (minute, "took 1 ms")).collect();
    site.log(&lines).await;
    site.round(3_005).await;
    let pairs = store::pairs(&site.db).await.unwrap();
    assert_eq!(pairs.len(), 1, "{pairs:?}");
    assert_eq!(site.counts().await.len(), 1_434, "those of the last day are told");
}

#[tokio::test]
async fn what_waits_over_two_deaths_keeps_its_place_once_all_places_were_used() {
    let [place, _] = places().await;
    let mut site = Collector::open(&place).await;
    for _ in 0..70 {
        site.log(&[(0, "took 1 ms")]).await;
        site.round(0).await;
    }
    for _ in 0..3 {
        site.log(&[(0, "took 1 ms")]).await;
        site = Collector::open_again(&place, site).await;
    }
    site.round(5).await;
    assert_eq!(site.counts().await, BTreeMap::from([(("took <*> ms".to_owned(), 0), 73)]));
}
