//! Writing descriptors that have gone missing.
//!
//! A deletion that was cut short has taken the descriptor along and left the row; so does one whose
//! descriptor could not be put back. What is there all the same would be lost in a rebuild, so the
//! registry looks for such rows from time to time. It compares names only: that is one listing.

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::descriptors::{Verdict, described};
use crate::{Error, Operator, Registry, storage::Area};

impl Operator {
    /// Writes the descriptors that are missing, and tells which they were.
    pub async fn mend_descriptors(&self) -> Result<Vec<String>, Error> {
        let there = self.registry.descriptors().await?;
        let mut written = Vec::new();
        let mut keys = described(&self.registry);
        while let Some(key) = keys.try_next().await? {
            let missing = !there.contains(&key.to_string());
            if missing && self.settle(&key, true).await? == Verdict::Repaired {
                written.push(key.to_string());
            }
        }
        Ok(written)
    }
}

impl Registry {
    async fn descriptors(&self) -> Result<HashSet<String>, Error> {
        let storage = self.storage();
        let areas = stream::iter([Area::Applications, Area::Trust]);
        let objects = areas.flat_map(move |area| storage.list(area));
        objects.map_ok(|object| object.path).try_collect().await
    }
}
