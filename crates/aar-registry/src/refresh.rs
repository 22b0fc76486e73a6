use crate::{Error, Registry, TrustTable};

impl Registry {
    /// Reloads the revision and the trust table after writes of other processes. It is cheap without a
    /// change, so it can run several times a second.
    pub async fn refresh(&self) -> Result<(), Error> {
        let _refreshing = self.inner.refreshing.lock().await;
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
