//! What the storage is owed after trust was withdrawn.

use aar_types::Fingerprint;

use super::take_over;
use crate::{
    Error, Operator, descriptor::CertificateDescriptor, mutation::Mutation, storage::ObjectKey,
};

impl Operator {
    /// Tells the storage what became of certificates whose trust was withdrawn, and which they were.
    /// One that cannot be settled does not keep the others.
    pub async fn settle_trust(&self) -> Result<Vec<Fingerprint>, Error> {
        let mut records = self.registry.metadata().read().await?;
        let owed = records.owed_descriptors().await?;
        drop(records);
        let (mut settled, mut failed) = (Vec::new(), None);
        for fingerprint in owed {
            match self.settle_one(fingerprint).await {
                Ok(()) => settled.push(fingerprint),
                Err(error) if error.passes() => return Err(failed.unwrap_or(error)),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(settled), Err)
    }

    async fn settle_one(&self, fingerprint: Fingerprint) -> Result<(), Error> {
        let settle = self.registry.mutate(&self.actor, move |change| {
            Box::pin(settle(change, fingerprint))
        });
        settle.await
    }
}

async fn settle(change: &mut Mutation, fingerprint: Fingerprint) -> Result<(), Error> {
    let known_to_be_revoked = take_over(change, fingerprint).await?;
    let key = ObjectKey::Certificate(fingerprint);
    match change.tx.certificate(&fingerprint).await? {
        _ if known_to_be_revoked => {}
        Some(row) => {
            let descriptor = CertificateDescriptor::from(row);
            change.describe(key, &descriptor).await?;
        }
        None => change.forget(key).await?,
    }
    change.tx.descriptor_is_settled(&fingerprint).await?;
    let (target, detail) = (fingerprint.to_string(), "in the storage".to_owned());
    change.record("trust-settle", target, detail).await
}
