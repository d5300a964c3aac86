//! Where segments are kept: a directory, or a store that speaks S3.

use std::future::Future;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Name;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ObjectStore, ObjectStoreExt, RetryConfig};
// Named for its features: object_store's client has no TLS without them.
use reqwest as _;
use tokio::runtime::{Builder, Runtime};

use crate::error::{StoreError, file};

/// How long a request is tried that the store does not answer: who waits for it can try again.
const RETRY: RetryConfig = RetryConfig {
    backoff: BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(2), base: 2.0 },
    max_retries: 4,
    retry_timeout: Duration::from_secs(20),
};

/// A bucket of a store that speaks S3.
#[derive(Clone, Copy)]
pub struct Bucket<'a> {
    pub name: &'a str,
    /// Segments are below it. No other store may use it: what it finds there it takes for its own.
    pub folder: &'a str,
    /// Empty: what the environment says, else `us-east-1`.
    pub region: &'a str,
    /// `https://host:port` or `http://host:port` of a store that is not Amazon's. Empty: Amazon's.
    pub endpoint: &'a str,
    /// Without any the environment gives them.
    pub keys: Option<Keys<'a>>,
}

/// What requests are signed with.
#[derive(Clone, Copy)]
pub struct Keys<'a> {
    pub id: &'a str,
    pub secret: &'a str,
}

/// A place for segments. Its calls block: inside an async runtime call them where blocking is allowed.
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    /// The same, when it is a directory.
    directory: Option<Arc<LocalFileSystem>>,
    /// Drives the store's futures; taken when dropped.
    runtime: Option<Runtime>,
}

impl Objects {
    /// Segments as files below `path`, which is made if it is not there. What is written is durable.
    ///
    /// # Errors
    /// When the directory cannot be made or used.
    pub fn directory(path: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(path).map_err(file("make", path))?;
        let store = LocalFileSystem::new_with_prefix(path).map_err(|source| StoreError::Object {
            action: "open",
            name: path.display().to_string(),
            source,
        })?;
        let directory = Arc::new(store.with_fsync(true));
        let mut objects = Self::new(directory.clone())?;
        objects.directory = Some(directory);
        Ok(objects)
    }

    /// Segments in a bucket of a store that speaks S3. Nothing is asked of it yet.
    ///
    /// # Panics
    /// When the program has not installed its TLS provider, be it only for `http`: no client is made without one.
    ///
    /// # Errors
    /// When the endpoint or the keys cannot be used.
    pub fn s3(bucket: Bucket<'_>) -> Result<Self, StoreError> {
        // Environment variables, web identity and the machine's role are looked at as Amazon's own tools do.
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket.name).with_retry(RETRY);
        if !bucket.region.is_empty() {
            builder = builder.with_region(bucket.region);
        }
        if !bucket.endpoint.is_empty() {
            let is_plain = bucket.endpoint.starts_with("http://");
            builder = builder.with_endpoint(bucket.endpoint).with_allow_http(is_plain);
        }
        if let Some(Keys { id, secret }) = bucket.keys {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret);
        }
        let refused = |source| StoreError::Object { action: "use the bucket", name: bucket.name.to_owned(), source };
        let store = builder.build().map_err(refused)?;
        Self::new(Arc::new(PrefixStore::new(store, bucket.folder)))
    }

    /// Segments in any other store. It must make an object visible as a whole.
    ///
    /// # Errors
    /// When no runtime for the store's futures can be started.
    pub fn new(store: Arc<dyn ObjectStore>) -> Result<Self, StoreError> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().thread_name("logstore").build();
        let runtime = runtime.map_err(file("start a thread for", Path::new("objects")))?;
        Ok(Self { store, directory: None, runtime: Some(runtime) })
    }

    fn wait<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        self.runtime.as_ref().map(|runtime| runtime.block_on(future))
    }

    fn run<T>(
        &self,
        action: &'static str,
        name: &str,
        future: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, StoreError> {
        let done = self.wait(future).unwrap_or(Err(object_store::Error::NotImplemented {
            operation: action.to_owned(),
            implementer: "a store that was closed".to_owned(),
        }));
        done.map_err(|source| {
            let name = name.to_owned();
            if is_full(&source) {
                StoreError::NoRoomForSegment { name, source }
            } else {
                StoreError::Object { action, name, source }
            }
        })
    }

    pub(crate) fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.run("write", name, self.store.put(&Name::from(name), bytes.into())).map(drop)
    }

    pub(crate) fn read(&self, name: &str, range: Range<usize>) -> Result<Vec<u8>, StoreError> {
        if let Some(bytes) = self.directory.as_ref().and_then(|directory| read_file(directory, name, &range)) {
            return Ok(bytes);
        }
        let range = range.start as u64..range.end as u64;
        self.run("read", name, self.store.get_range(&Name::from(name), range)).map(Into::into)
    }

    /// Removes an object; it is fine when it is gone already.
    pub(crate) fn delete(&self, name: &str) -> Result<(), StoreError> {
        match self.run("delete", name, self.store.delete(&Name::from(name))) {
            Err(StoreError::Object { source: object_store::Error::NotFound { .. }, .. }) => Ok(()),
            done => done,
        }
    }

    /// Names and sizes of all objects.
    pub(crate) fn list(&self) -> Result<Vec<(String, usize)>, StoreError> {
        let found = self.run("list", "segments", self.store.list(None).try_collect::<Vec<_>>())?;
        Ok(found.into_iter().map(|object| (object.location.to_string(), object.size as usize)).collect())
    }
}

/// The bytes of a file, read on this thread: handing each read to another one took longer than the read. `None` when that
/// fails; why is for the store to tell.
fn read_file(directory: &LocalFileSystem, name: &str, range: &Range<usize>) -> Option<Vec<u8>> {
    let path = directory.path_to_filesystem(&Name::from(name)).ok()?;
    let mut file = std::fs::File::open(path).ok()?;
    file.seek(SeekFrom::Start(range.start as u64)).ok()?;
    let mut bytes = Vec::with_capacity(range.len());
    file.take(range.len() as u64).read_to_end(&mut bytes).ok()?;
    (bytes.len() == range.len()).then_some(bytes)
}

impl Drop for Objects {
    fn drop(&mut self) {
        // Waiting for its threads is not allowed inside another runtime, and nothing of ours is under way.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn is_full(error: &object_store::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
            return matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge);
        }
        cause = error.source();
    }
    false
}
