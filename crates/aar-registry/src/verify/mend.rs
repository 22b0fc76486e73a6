//! Writes descriptors that are missing in storage.
//!
//! A rebuild would lose the items that they describe, so the registry checks for them periodically. The check
//! compares names only, which takes one listing.

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::descriptors::{Verdict, described_keys};
use crate::{Error, Operator, Registry, storage::Area};

impl Operator {
    /// Writes the missing descriptors, and returns their keys.
    pub async fn mend_descriptors(&self) -> Result<Vec<String>, Error> {
        let listed = self.registry.listed_descriptors().await?;
        let mut written = Vec::new();
        let mut keys = described_keys(&self.registry);
        while let Some(key) = keys.try_next().await? {
            let is_missing = !listed.contains(&key.to_string());
            if is_missing && self.check(&key, true).await? == Verdict::Repaired {
                written.push(key.to_string());
            }
        }
        Ok(written)
    }
}

impl Registry {
    async fn listed_descriptors(&self) -> Result<HashSet<String>, Error> {
        let storage = self.storage();
        let areas = stream::iter([Area::Applications, Area::Trust]);
        let objects = areas.flat_map(move |area| storage.list(area));
        objects.map_ok(|object| object.path).try_collect().await
    }
}
