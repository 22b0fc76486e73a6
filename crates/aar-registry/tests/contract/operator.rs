//! The operator as its commands work: they look trust up and withdraw it in the database.

use std::ops::Deref;

use aar_registry::{
    Error, Operator, Options, Registry, TrustRecords, TrustedCertificate, Withdrawal,
};
use aar_types::FingerprintPrefix;

pub(crate) struct CommandOperator {
    operator: Operator,
    registry: Registry,
    options: Options,
}

impl Deref for CommandOperator {
    type Target = Operator;

    fn deref(&self) -> &Operator {
        &self.operator
    }
}

impl CommandOperator {
    pub(crate) fn new(registry: &Registry, options: &Options) -> Self {
        Self {
            operator: registry.operator("test"),
            registry: registry.clone(),
            options: options.clone(),
        }
    }

    pub(crate) async fn trust_list(&self, revoked: bool) -> Result<Vec<TrustedCertificate>, Error> {
        let records = self.records().await;
        let listed = records.list(revoked).await;
        records.close().await;
        listed
    }

    pub(crate) async fn trust_remove(
        &self,
        prefix: &FingerprintPrefix,
    ) -> Result<TrustedCertificate, Error> {
        self.withdraw(prefix, Withdrawal::Remove).await
    }

    pub(crate) async fn trust_revoke(
        &self,
        prefix: &FingerprintPrefix,
    ) -> Result<TrustedCertificate, Error> {
        self.withdraw(prefix, Withdrawal::Revoke).await
    }

    pub(crate) async fn records(&self) -> TrustRecords {
        TrustRecords::open(&self.options, "test").await.unwrap()
    }

    /// In the database, then in the running registry, then in storage.
    async fn withdraw(
        &self,
        prefix: &FingerprintPrefix,
        how: Withdrawal,
    ) -> Result<TrustedCertificate, Error> {
        let records = self.records().await;
        let found = records.find(prefix).await?;
        let withdrawn = records.withdraw(&found.fingerprint, how).await?;
        records.close().await;
        self.registry.refresh().await?;
        self.deliver_trust().await?;
        Ok(withdrawn)
    }
}
