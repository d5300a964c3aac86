//! Where sealed segments are: below the collector's folder, or in a bucket.

use std::path::{Path, PathBuf};

use overseer_logstore::{Bucket, Keys, Objects};
use overseer_model::Site;
use overseer_runtime::Secret;
use serde::Deserialize;

use super::ArchiveError;

/// A bucket for log segments, as the operator declares it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogBucket {
    /// Empty: segments are in the collector's folder, and nothing else here is used.
    pub name: String,
    /// Of a store that is not Amazon's. Empty: Amazon's.
    pub endpoint: String,
    /// Empty: what the environment says.
    pub region: String,
    /// Empty: the environment has it, and the secret.
    pub access_key_id: String,
    pub secret_access_key_file: PathBuf,
}

impl LogBucket {
    /// Those of the archive in `folder`. Segments of several sites may be in one bucket. Blocks.
    ///
    /// # Errors
    /// When the folder cannot be made, or the settings cannot be used. The bucket is not asked yet.
    pub fn objects(&self, folder: &Path, site: &Site) -> Result<Objects, ArchiveError> {
        if self.name.is_empty() {
            return Ok(Objects::directory(&folder.join("segments"))?);
        }
        let secret = (!self.access_key_id.is_empty()).then(|| Secret::from_file(&self.secret_access_key_file));
        let secret = secret.transpose()?;
        let text = secret.as_ref().map(|secret| std::str::from_utf8(secret.expose())).transpose();
        let text = text.map_err(|_| ArchiveError::KeyIsNoText)?;
        let keys = text.map(|secret| Keys { id: &self.access_key_id, secret });
        let Self { name, endpoint, region, .. } = self;
        Ok(Objects::s3(Bucket { name, folder: site.as_str(), region, endpoint, keys })?)
    }

    /// For messages.
    pub fn place(&self, folder: &Path) -> String {
        match self.name.as_str() {
            "" => folder.display().to_string(),
            name => format!("{} and in the bucket {name}", folder.display()),
        }
    }
}
