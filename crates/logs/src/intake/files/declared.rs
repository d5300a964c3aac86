//! Which files are declared now. The readers follow what is here, so that a file can be added and removed at any time.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::FileSource;
use crate::intake::SourceKey;

/// Clones are the same.
#[derive(Clone, Default)]
pub struct Declared(Arc<watch::Sender<BTreeMap<SourceKey, FileSource>>>);

impl Declared {
    pub(crate) fn add(&self, file: FileSource) {
        self.0.send_modify(|files| drop(files.insert(file.key.clone(), file)));
    }

    pub(crate) fn remove(&self, key: &SourceKey) {
        self.0.send_modify(|files| drop(files.remove(key)));
    }

    #[cfg(test)]
    pub(crate) fn now(&self) -> BTreeMap<SourceKey, FileSource> {
        self.0.borrow().clone()
    }

    pub(super) fn watch(&self) -> watch::Receiver<BTreeMap<SourceKey, FileSource>> {
        self.0.subscribe()
    }
}

impl FromIterator<FileSource> for Declared {
    fn from_iter<I: IntoIterator<Item = FileSource>>(files: I) -> Self {
        let declared = Self::default();
        files.into_iter().for_each(|file| declared.add(file));
        declared
    }
}
