//! The change feed.
//!
//! A change names the changed item, not its content. Old changes are compacted; a client that missed them
//! lists the catalogue.

use aar_types::{Changes, Revision};

use crate::{Error, Reader};

/// The maximum number of changes in a response.
const PAGE: u32 = 1000;

impl Reader {
    /// The changes after a revision, oldest first. If they do not fit into one response, it names the
    /// revision to continue from.
    ///
    /// [`Error::ChangesCompacted`]: the feed no longer has the changes after this revision.
    pub async fn changes(&self, since: Revision) -> Result<Changes, Error> {
        let mut tx = self.registry.metadata().read().await?;
        let row = tx.registry().await?.ok_or(Error::EmptyDatabase)?;
        let (oldest, newest) = (row.compacted, row.revision);
        if since < oldest || since > newest {
            return Err(Error::ChangesCompacted {
                since,
                oldest,
                newest,
            });
        }
        let changes = tx.changes_after(since, PAGE).await?;
        let last = changes.last().filter(|_| changes.len() == PAGE as usize);
        Ok(Changes {
            registry_id: row.id,
            revision: last.map_or(newest, |last| last.revision),
            changes,
        })
    }
}
