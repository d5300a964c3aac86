//! The key files: what services show each other, and the ticket's key pair. Made at the first start, mode 0600, and
//! never made anew over existing ones.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use overseer_model::Site;
use overseer_permit::{Signer, Verifier};
use overseer_runtime::{ClusterSecret, Secret};

use crate::config::{KeyFiles, make_private};

/// How long an executor waits at its start for the control plane's public key.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Keys {
    cluster: PathBuf,
    signing: PathBuf,
    verify: PathBuf,
}

impl Keys {
    pub fn new(files: &KeyFiles, data_dir: &Path) -> anyhow::Result<Self> {
        let folder = data_dir.join("keys");
        make_private(&folder)?;
        let place = |set: &str, usual: &str| if set.is_empty() { folder.join(usual) } else { PathBuf::from(set) };
        Ok(Self {
            cluster: place(&files.cluster_secret_file, "cluster.secret"),
            signing: place(&files.ticket_signing_key_file, "ticket.key"),
            verify: place(&files.ticket_verify_key_file, "ticket.pub"),
        })
    }

    pub fn cluster_secret(&self) -> anyhow::Result<ClusterSecret> {
        make_once(&self.cluster, Secret::random()?.expose())?;
        Ok(Arc::new(Secret::from_file(&self.cluster)?))
    }

    pub fn signer(&self) -> anyhow::Result<Signer> {
        make_once(&self.signing, &Signer::generate()?)?;
        let signer = Signer::from_pkcs8(&read(&self.signing)?)
            .with_context(|| format!("`{}` is not a ticket key", self.signing.display()))?;
        make_once(&self.verify, &signer.public_key())?;
        if read(&self.verify)? != signer.public_key() {
            anyhow::bail!(
                "`{}` does not belong to `{}`: remove the first, it is made anew",
                self.verify.display(),
                self.signing.display()
            );
        }
        Ok(signer)
    }

    pub async fn verifier(&self, site: Site) -> anyhow::Result<Verifier> {
        let there = tokio::time::timeout(PATIENCE, async {
            while !self.verify.exists() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        there.await.with_context(|| {
            format!("`{}` is not there: start the control plane once, or copy its ticket.pub", self.verify.display())
        })?;
        Ok(Verifier::new(read(&self.verify)?, site))
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("`{}` cannot be read", file.display()))
}

/// Writes the file whole and only if there is none, whoever else tries at the same time.
fn make_once(file: &Path, content: &[u8]) -> anyhow::Result<()> {
    if file.exists() {
        return Ok(());
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    let make = || -> std::io::Result<()> {
        // A temporary file has mode 0600.
        let mut draft = tempfile::NamedTempFile::new_in(folder)?;
        draft.write_all(content)?;
        draft.as_file().sync_all()?;
        match draft.persist_noclobber(file) {
            Err(taken) if taken.error.kind() != std::io::ErrorKind::AlreadyExists => Err(taken.error),
            Ok(_) | Err(_) => Ok(()),
        }
    };
    make().with_context(|| format!("the key file `{}` cannot be written", file.display()))
}
