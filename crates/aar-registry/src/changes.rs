use aar_types::{Changes, Revision};

use crate::{Error, Reader};

impl Reader {
    /// The changes after a revision, oldest first: all of them, or the first thousand, in which
    /// case the answer names the revision to go on from.
    ///
    /// [`Error::ChangesCompacted`] tells that the feed does not know what followed this revision.
    pub async fn changes(&self, since: Revision) -> Result<Changes, Error> {
        let _ = since;
        todo!()
    }
}
