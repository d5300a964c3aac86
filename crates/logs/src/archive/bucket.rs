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
        let secret = match (self.access_key_id.is_empty(), self.secret_access_key_file.as_os_str().is_empty()) {
            (true, true) => None,
            (false, false) => Some(Secret::from_file(&self.secret_access_key_file)?),
            _ => return Err(ArchiveError::HalfOfAKey),
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_whole_and_can_be_read() {
        let (site, folder) = ("home".parse().unwrap(), tempfile::tempdir().unwrap());
        let refused = |access_key_id: &str, file: &str| {
            let secret_access_key_file = if file.is_empty() { PathBuf::new() } else { folder.path().join(file) };
            let access_key_id = access_key_id.to_owned();
            let bucket =
                LogBucket { name: "logs".into(), access_key_id, secret_access_key_file, ..LogBucket::default() };
            bucket.objects(folder.path(), &site).err().unwrap()
        };
        std::fs::write(folder.path().join("binary"), [0xff, 0xfe]).unwrap();
        assert!(matches!(refused("me", ""), ArchiveError::HalfOfAKey));
        assert!(matches!(refused("", "secret"), ArchiveError::HalfOfAKey), "the environment's is not taken instead");
        assert!(matches!(refused("me", "missing"), ArchiveError::Key(_)));
        assert!(matches!(refused("me", "binary"), ArchiveError::KeyIsNoText));
    }
}
