//! What the log half asks about containers.

use std::collections::HashSet;

use async_trait::async_trait;
use overseer_logs::Inventory;
use overseer_model::ResourceKey;
use overseer_storage::{StoreError, on};

use super::Store;

#[async_trait]
impl Inventory for Store {
    async fn container_ids(&self) -> Result<Option<HashSet<String>>, StoreError> {
        if !self.was_listed().await? {
            return Ok(None);
        }
        let mut reader = self.db.reader().await?;
        let ids: Vec<String> = on!(&mut reader.conn(), c =>
            sqlx::query_scalar("SELECT platform_id FROM resources").fetch_all(c).await)?;
        Ok(Some(ids.into_iter().collect()))
    }

    async fn workload(&self, resource: &ResourceKey) -> Result<Option<String>, StoreError> {
        Ok(self.resource(resource).await?.map(|known| known.workload().to_owned()))
    }
}
