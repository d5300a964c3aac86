//! Segments in a store that speaks S3, on a real server: they are kept as in a directory, and a server that is away is
//! an error that loses nothing.

use std::ops::Range;
use std::time::{Duration, Instant};

use overseer_logstore::{Bucket, Config, Keys, Nanos, Objects, OpenReport, Query, Selector, Store, StoreError};
use overseer_testkit::{S3, http_get};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::objects::keeps_segments;
use crate::place::{START, everything, group, record};

/// A bucket of its own, and a door before its server that can be closed.
struct Scratch {
    runtime: Runtime,
    server: &'static S3,
    name: String,
    port: u16,
    is_open: watch::Sender<bool>,
}

impl Scratch {
    fn new() -> Self {
        // As the program does, also for what needs no TLS.
        let _first = rustls::crypto::ring::default_provider().install_default();
        let runtime = Runtime::new().unwrap();
        let (server, name, listener) = runtime.block_on(async {
            let server = S3::shared().await;
            (server, server.scratch_bucket().await, TcpListener::bind("127.0.0.1:0").await.unwrap())
        });
        let (port, is_open) = (listener.local_addr().unwrap().port(), watch::Sender::new(true));
        runtime.spawn(door(listener, server.port(), is_open.subscribe()));
        Self { runtime, server, name, port, is_open }
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn objects(&self) -> Objects {
        objects(&self.name, &self.endpoint()).unwrap()
    }

    /// Those of another site.
    fn objects_of(&self, folder: &str) -> Objects {
        objects_in(&self.name, folder, &self.endpoint()).unwrap()
    }

    /// How many objects there are, as the server tells whoever asks.
    fn count(&self) -> usize {
        let path = format!("/{}?list-type=2", self.name);
        let answer = self.runtime.block_on(http_get(self.server.port(), &path)).unwrap();
        assert!(answer.contains("ListBucketResult"), "{answer}");
        answer.matches("<Key>").count()
    }

    fn close(&self) {
        self.is_open.send_replace(false);
    }

    fn open(&self) {
        self.is_open.send_replace(true);
    }
}

fn objects(name: &str, endpoint: &str) -> Result<Objects, StoreError> {
    objects_in(name, "home", endpoint)
}

fn objects_in(name: &str, folder: &str, endpoint: &str) -> Result<Objects, StoreError> {
    let keys = Some(Keys { id: "test", secret: "test" });
    Objects::s3(Bucket { name, folder, region: "us-east-1", endpoint, keys })
}

/// Passes connections on to the server. While it is closed each ends at once, also those that were open.
async fn door(listener: TcpListener, server: u16, is_open: watch::Receiver<bool>) {
    loop {
        let (mut caller, _) = listener.accept().await.unwrap();
        let mut is_open = is_open.clone();
        tokio::spawn(async move {
            if !*is_open.borrow() {
                return;
            }
            let mut server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut caller, &mut server) => {}
                _ = is_open.wait_for(|open| !open) => {}
            }
        });
    }
}

/// A store whose lines are numbered.
struct Place {
    bucket: Scratch,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { bucket: Scratch::new(), folder: tempfile::tempdir().unwrap() }
    }

    fn open(&self) -> Result<(Store, OpenReport), StoreError> {
        Store::open(self.folder.path(), self.bucket.objects(), Config::default())
    }
}

fn text(number: i64) -> String {
    format!("line {number} of {}", number * 7)
}

fn append(store: &Store, numbers: Range<i64>) {
    let lines: Vec<String> = numbers.clone().map(text).collect();
    let records: Vec<_> = numbers.zip(&lines).map(|(at, line)| record(START + at, line.as_bytes())).collect();
    store.append(&[(&group(), &records)], &[]).unwrap();
}

fn assert_has(store: &Store, numbers: Range<i64>) {
    let page = store.read(&Query { from: Nanos(START + numbers.start), ..everything() }).unwrap();
    let lines = page.lines.iter().map(|line| String::from_utf8(line.text.clone()).unwrap());
    assert!(lines.eq(numbers.map(text)), "{} lines", page.lines.len());
    assert!(page.aside.is_empty(), "{:?}", page.aside);
}

/// It fails soon, and says what it was doing and why that failed.
fn assert_away<T>(action: &str, call: impl FnOnce() -> Result<T, StoreError>) {
    let begun = Instant::now();
    let Err(error) = call() else { panic!("it did {action}") };
    let said = format!("{error}: {}", std::error::Error::source(&error).unwrap());
    assert!(error.to_string().starts_with(&format!("cannot {action} ")) && error.may_pass(), "{said}");
    assert!(said.contains("http://127.0.0.1:"), "it names who is away: {said}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?} for: {said}", begun.elapsed());
}

#[test]
fn a_store_that_speaks_s3_keeps_segments() {
    let bucket = Scratch::new();
    keeps_segments(|| bucket.objects());
    assert_eq!(bucket.count(), 0, "what was deleted is gone");
}

#[test]
fn sites_share_a_bucket() {
    let (bucket, folder) = (Scratch::new(), tempfile::tempdir().unwrap());
    let open = || Store::open(folder.path(), bucket.objects_of("nas-1"), Config::default()).unwrap();
    let (store, _) = open();
    append(&store, 0..300);
    store.seal().unwrap();
    drop(store);
    keeps_segments(|| bucket.objects());
    let (store, report) = open();
    assert_eq!((report, bucket.count()), (OpenReport::default(), 1));
    assert_has(&store, 0..300);
}

#[test]
fn a_server_that_is_away_loses_nothing() {
    let place = Place::new();
    let (store, _) = place.open().unwrap();
    append(&store, 0..300);
    store.seal().unwrap();
    append(&store, 300..500);

    place.bucket.close();
    assert_away("write", || store.seal());
    append(&store, 500..600);
    assert_has(&store, 300..600);
    let page = store.read(&everything()).unwrap();
    assert_eq!(page.lines.len(), 300, "what is not on the server is there");
    let [aside] = page.aside.as_slice() else { panic!("{:?}", page.aside) };
    assert!(aside.why.contains("http://127.0.0.1:"), "it is said what is missing, and why: {aside:?}");
    place.bucket.open();
    assert_has(&store, 0..600);

    place.bucket.close();
    drop(store);
    assert_away("list", || place.open());
    assert_eq!(place.bucket.count(), 1);

    place.bucket.open();
    let (store, report) = place.open().unwrap();
    assert_eq!((report.recovered, report.aside.len(), report.damaged.len()), (300, 0, 0));
    assert_has(&store, 0..600);
    store.seal().unwrap();
    drop(store);
    let (store, report) = place.open().unwrap();
    assert_eq!(report, OpenReport::default());
    assert_has(&store, 0..600);
}

#[test]
fn what_could_not_be_deleted_is_deleted_later_and_never_read_again() {
    let place = Place::new();
    let (store, _) = place.open().unwrap();
    append(&store, 0..300);
    store.seal().unwrap();
    append(&store, 300..500);
    store.seal().unwrap();

    place.bucket.close();
    assert_away("delete", || store.delete_before(&Selector::Group(group()), Nanos(START + 300)));
    drop(store);
    place.bucket.open();
    assert_eq!(place.bucket.count(), 2);
    let (store, report) = place.open().unwrap();
    assert_eq!(report, OpenReport::default());
    assert_has(&store, 300..500);
    assert!(store.read(&everything()).unwrap().lines.len() == 200 && place.bucket.count() == 1);
}

#[test]
fn a_wrong_endpoint_or_bucket_is_named() {
    let bucket = Scratch::new();
    let folder = tempfile::tempdir().unwrap();
    let open = |objects: Objects| Store::open(folder.path(), objects, Config::default());
    // Nobody listens there.
    assert_away("list", || open(objects(&bucket.name, "http://127.0.0.1:1").unwrap()));
    let error = open(objects("nobody-made-it", &bucket.endpoint()).unwrap()).err().expect("there is no such bucket");
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(error.to_string().starts_with("cannot list ") && why.contains("NoSuchBucket"), "{error}: {why}");
}
