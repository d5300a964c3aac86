//! What can go wrong, in words for the one who runs the store.

use std::io;
use std::path::PathBuf;

/// A failure of the store. Nothing that was acknowledged is lost by it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("line of {got} bytes exceeds the limit ({limit} bytes): split it")]
    LineTooLong { got: usize, limit: usize },
    #[error("{got} bytes in one call exceed the limit ({limit} bytes): append them in parts")]
    BatchTooLarge { got: usize, limit: usize },
    #[error("name of {got} bytes exceeds the limit ({limit} bytes)")]
    NameTooLong { got: usize, limit: usize },
    #[error("no space left on the device of `{path}`: nothing was stored; free some space and retry")]
    DiskFull {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot {action} `{path}`")]
    File {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot {action} `{name}`")]
    Object {
        action: &'static str,
        name: String,
        #[source]
        source: object_store::Error,
    },
    #[error("no space left for the segment `{name}`: its lines remain in the write-ahead file; free some space")]
    NoRoomForSegment {
        name: String,
        #[source]
        source: object_store::Error,
    },
    #[error("another process uses the store in `{path}`")]
    Held { path: PathBuf },
    #[error("the segment `{name}` cannot be created")]
    Encode {
        name: String,
        #[source]
        source: io::Error,
    },
    #[error("the cursor `{got}` was not made by this store")]
    BadCursor { got: String },
    #[error("the regular expression cannot be used")]
    BadRegex(#[source] Box<regex::Error>),
    #[error("another thread of the store panicked while it held the lock")]
    Poisoned,
}

impl StoreError {
    /// Whether the same call may succeed later without a change by the caller.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::DiskFull { .. } | Self::NoRoomForSegment { .. } | Self::File { .. } | Self::Object { .. } => true,
            Self::LineTooLong { .. }
            | Self::BatchTooLarge { .. }
            | Self::NameTooLong { .. }
            | Self::Held { .. }
            | Self::Encode { .. }
            | Self::BadCursor { .. }
            | Self::BadRegex(_)
            | Self::Poisoned => false,
        }
    }
}

/// An I/O error with what was tried; a full disk is named as such.
pub(crate) fn file(action: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreError::DiskFull { path, source }
        }
        _ => StoreError::File { action, path, source },
    }
}
