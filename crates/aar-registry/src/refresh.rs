//! Taking over what others have written: another program on this machine, or another replica.

use crate::{Error, Registry, TrustTable};

impl Registry {
    /// Takes over what other processes have written: the revision and the trust table. Cheap when
    /// there is nothing new, so that it can be called several times a second.
    pub async fn refresh(&self) -> Result<(), Error> {
        // One at a time, or an older table could take the place of a newer one.
        let _turn = self.inner.refreshing.lock().await;
        let mut tx = self.metadata().read().await?;
        let Some(row) = tx.registry().await? else {
            return Err(Error::EmptyDatabase);
        };
        self.announce_revision(row.revision);
        if row.trust_revision != self.trust().revision() {
            let table = TrustTable::new(row.trust_revision, tx.certificates().await?);
            self.inner.trust.store(table.into());
            self.inner.trust_changes.send_replace(row.trust_revision);
        }
        Ok(())
    }
}
