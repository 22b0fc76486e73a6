//! Writes descriptors that are missing in storage.
//!
//! A rebuild would lose the items that they describe, so the registry checks for them periodically. The check
//! compares names only, which takes one listing.

use std::collections::HashSet;

use futures_util::TryStreamExt;

use super::descriptors::{Verdict, described_keys};
use crate::{Error, Operator, descriptor};

impl Operator {
    /// Writes the missing descriptors, and returns their keys.
    pub async fn mend_descriptors(&self) -> Result<Vec<String>, Error> {
        let listed = descriptor::list(&self.registry.storage()).map_ok(|object| object.path);
        let listed: HashSet<_> = listed.try_collect().await?;
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
