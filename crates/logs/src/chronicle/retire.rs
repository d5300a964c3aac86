//! Deletes lines that were kept long enough, never before what they say is in a signed summary.
//!
//! What is known of containers that are gone goes as well.
//!
//! The order: every count is in the tables, the month's summary is stored, then the lines go. A round that fails
//! anywhere deletes nothing more, and is done again in an hour.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use overseer_model::{Site, Timestamp};
use overseer_storage::{Db, StoreError};

use super::documents;
use super::month::Day;
use super::sign::Signer;
use crate::archive::{Archive, ArchiveError};
use crate::inventory::Inventory;

/// How long summaries are kept.
pub(super) const SUMMARIES_KEPT: Duration = Duration::from_secs(366 * 24 * 3600);

#[derive(Debug, thiserror::Error)]
pub enum RetireError {
    #[error("the tables failed")]
    Store(#[from] StoreError),
    #[error("the archive failed")]
    Archive(#[from] ArchiveError),
}

pub struct Retire {
    pub(super) db: Db,
    pub(super) site: Site,
    pub(super) archive: Archive,
    signer: Signer,
    inventory: Arc<dyn Inventory>,
    /// Containers that the inventory did not know in the last round.
    unknown: HashSet<String>,
}

impl Retire {
    pub fn new(db: Db, site: Site, archive: Archive, signer: Signer, inventory: Arc<dyn Inventory>) -> Self {
        Self { db, site, archive, signer, inventory, unknown: HashSet::new() }
    }

    /// One round. All minutes that are over have been told.
    pub async fn round(&mut self, now: Timestamp) -> Result<(), RetireError> {
        for (days, workloads) in self.archive.expired(now).await? {
            let end = Day::of(days.end(now));
            let unwritten = documents::unwritten(&self.db, end).await?;
            for month in unwritten.into_iter().filter(|month| workloads.contains(&month.workload)) {
                documents::write(&self.db, &self.site, &self.signer, &month, now).await?;
                tracing::info!(workload = month.workload, month = %month.month, "log summary written");
            }
            if !self.archive.tallies().waits_before(days.end(now)) {
                let what = format!("lines kept {days} days, before {}", end.begin());
                documents::note_purge(&self.db, &what, now).await?;
                if let Some(lines) = self.archive.purge(days, now).await? {
                    tracing::info!(lines, %days, "expired log lines deleted");
                    continue;
                }
            }
            tracing::info!(%days, "expired log lines not counted yet; deleting later");
        }
        self.forget_containers().await?;
        let oldest = Day::of(self.archive.retention().longest().end(now - SUMMARIES_KEPT)).month();
        documents::prune(&self.db, oldest, now - SUMMARIES_KEPT).await?;
        Ok(())
    }

    async fn forget_containers(&mut self) -> Result<(), RetireError> {
        // In this order: whatever is read is known before its first line.
        let read = self.archive.containers().await?;
        let Some(known) = self.inventory.container_ids().await? else { return Ok(()) };
        let unknown: HashSet<String> = read.difference(&known).cloned().collect();
        // Tables that were put back may not know yet what there is: it is looked for once more before.
        let gone: HashSet<String> = self.unknown.intersection(&unknown).cloned().collect();
        self.unknown = unknown;
        if !gone.is_empty() {
            self.archive.forget(gone).await?;
        }
        Ok(())
    }
}
