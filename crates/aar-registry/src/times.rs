//! Stored times after a change of the clock.
//!
//! A clock that was ahead leaves times in the future. They would keep uploads, blobs and withdrawn versions for as
//! long as the clock was ahead, so they become the current time as soon as they are found.

use crate::{Error, Registry, metadata::LatestTimes};

impl Registry {
    pub(crate) async fn correct_times(&self) -> Result<(), Error> {
        let latest = LatestTimes {
            now: self.now(),
            upload_expiry: self.upload_expiry(),
        };
        let mut tx = self.metadata().read().await?;
        if !tx.has_wrong_times(latest).await? {
            return Ok(());
        }
        drop(tx);
        let mut tx = self.write_from_reserve().await?;
        tx.correct_times(latest).await?;
        tx.commit().await
    }
}
