use std::collections::{BTreeMap, BTreeSet};

use overseer_model::ServiceName;
use overseer_storage::{Location, Migrations};
use overseer_testkit::Postgres;

use super::*;
use crate::archive::{Days, Retention};
use crate::intake::{DropReason, Dropped};

fn readers() -> Readers {
    Readers {
        files: Declared::default(),
        states: States::default(),
        workloads: Workloads::default(),
        retention: Retention { usual: Days::try_from(90).unwrap(), of: BTreeMap::new() },
    }
}

fn someone() -> By {
    By("someone".to_owned())
}

async fn open(location: &Location, roots: &[&str]) -> Result<Sources, BuildError> {
    let service = ServiceName::Collector;
    let db = Db::open(location, service, Migrations(&crate::TABLES)).await.unwrap();
    Sources::open(db, roots.iter().map(PathBuf::from).collect(), readers()).await
}

async fn add(sources: &Sources, workload: &str, path: &str) -> Result<Source, Code> {
    sources.add(someone(), workload.to_owned(), path.to_owned()).await.map_err(|problem| problem.code)
}

async fn audited(sources: &Sources) -> Vec<(String, String)> {
    let mut reader = sources.0.db.reader().await.unwrap();
    let entries = audit::list(&mut reader.conn(), None, 10).await.unwrap();
    entries.into_iter().rev().map(|entry| (entry.action, entry.detail)).collect()
}

async fn what_is_declared_is_kept_once_and_each_change_is_audited(location: Location) {
    let sources = open(&location, &["/var/log"]).await.unwrap();
    let added = add(&sources, "shop/web", "/var/log/app.log").await.unwrap();
    assert_eq!(add(&sources, "shop/web", "/var/log/app.log").await.unwrap_err(), Code::Conflict);
    assert_eq!(add(&sources, "shop/web", "/etc/passwd").await.unwrap_err(), Code::PolicyDenied);
    let other = add(&sources, "shop/db", "/var/log/app.log").await.unwrap();

    // The next start, with another root.
    let sources = open(&location, &["/var/log", "/srv"]).await.unwrap();
    let sum = Dropped { source: added.key.clone(), reason: DropReason::Volume, bytes: 7 };
    sources.0.states.count(&sum);
    let removed = sources.remove(someone(), &added.id.unwrap().to_string()).await.unwrap();
    assert_eq!((removed.id, removed.report.dropped.get(&DropReason::Volume)), (added.id, Some(&7)));
    let again = sources.remove(someone(), &added.id.unwrap().to_string()).await;
    assert_eq!(again.unwrap_err().code, Code::NotFound);
    assert_eq!(sources.list(0, "").await.unwrap().0.iter().map(|one| one.id).collect::<Vec<_>>(), [other.id]);
    let key = |source: &Source| source.key.to_string();
    let changes = [
        ("log_source.create".to_owned(), key(&added)),
        ("log_source.create".to_owned(), key(&other)),
        ("log_source.delete".to_owned(), key(&added)),
    ];
    assert_eq!(audited(&sources).await, changes, "what was refused is no change");

    // And one more, without it.
    let sources = open(&location, &["/srv"]).await.unwrap();
    let (listed, _) = sources.list(0, "").await.unwrap();
    assert!(matches!(&listed[0].report.state, SourceState::Refused { why } if why.contains("/var/log/app.log")));
    assert!(sources.0.files.now().is_empty(), "it is not read");
}

#[tokio::test]
async fn what_is_declared_is_kept_once_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    what_is_declared_is_kept_once_and_each_change_is_audited(Location::Sqlite { folder: folder.path().to_owned() })
        .await;
}

#[tokio::test]
async fn what_is_declared_is_kept_once_in_postgres() {
    let postgres = Postgres::start().await;
    let address = postgres.url_template();
    what_is_declared_is_kept_once_and_each_change_is_audited(Location::Postgres { address }).await;
}

#[tokio::test]
async fn files_are_bounded_in_number_and_listed_in_pages_before_containers() {
    let folder = tempfile::tempdir().unwrap();
    let sources = open(&Location::Sqlite { folder: folder.path().to_owned() }, &["/var/log"]).await.unwrap();
    for number in 0..MOST {
        add(&sources, "shop/web", &format!("/var/log/ü b%{number}.log")).await.unwrap();
    }
    assert_eq!(add(&sources, "shop/web", "/var/log/more.log").await.unwrap_err(), Code::LimitExceeded);
    sources.0.states.set(&SourceKey::container("one"), SourceState::Following);

    let (mut keys, mut token, mut pages) = (BTreeSet::new(), String::new(), 0);
    loop {
        let (page, next) = sources.list(300, &token).await.unwrap();
        assert!(page.len() <= 300);
        // One that goes between two pages changes no other.
        sources.0.states.remove(&page.last().unwrap().key);
        keys.extend(page.into_iter().map(|source| source.key));
        (token, pages) = (next, pages + 1);
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((keys.len(), pages), (1_001, 4));
    let (first, _) = sources.list(1, "").await.unwrap();
    assert!(first[0].id.is_some(), "a file comes first");
    assert_eq!(sources.list(501, "").await.unwrap_err().code, Code::LimitExceeded);
}

#[tokio::test]
async fn a_root_that_would_allow_everything_or_nothing_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Sqlite { folder: folder.path().to_owned() };
    for root in ["/", "relative", "/var/../etc", ""] {
        let error = open(&location, &["/var/log", root]).await.err().unwrap().to_string();
        assert!(error.contains("collector.log_roots"), "{root}: {error}");
    }
}
