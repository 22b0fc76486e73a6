use aar_types::{Fingerprint, TrustState};
use futures_util::future::BoxFuture;

use super::Mutation;
use crate::{
    Error, Registry,
    actor::Actor,
    descriptor::{self, CertificateDescriptor},
    metadata::TrustRow,
    storage::ObjectKey,
};

impl Mutation {
    pub(crate) async fn put_certificate(
        &mut self,
        row: TrustRow,
        action: &str,
        detail: String,
    ) -> Result<(), Error> {
        let fingerprint = row.certificate.fingerprint;
        self.tx.put_certificate(&row).await?;
        let descriptor = CertificateDescriptor::from(row);
        self.describe(ObjectKey::Certificate(fingerprint), &descriptor)
            .await?;
        self.tx.next_trust_revision().await?;
        self.changes_trust = true;
        self.record(action, fingerprint.to_string(), detail).await
    }

    pub(crate) async fn remove_certificate(
        &mut self,
        fingerprint: &Fingerprint,
    ) -> Result<(), Error> {
        self.tx.delete_certificate(fingerprint).await?;
        self.delete_descriptor(ObjectKey::Certificate(*fingerprint))
            .await?;
        self.tx.next_trust_revision().await?;
        self.changes_trust = true;
        Ok(())
    }
}

impl Registry {
    /// Revokes a certificate if its descriptor is revoked and its row is not: the database may be a copy from
    /// before the revocation. Returns whether it was revoked.
    // The boxed type ends the recursion: a delivery can find a revocation, and its adoption is delivered.
    pub(crate) fn adopt_revocation<'a>(
        &'a self,
        actor: &'a Actor,
        fingerprint: Fingerprint,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let Some(found) = self.stored_revocation(fingerprint).await? else {
                return Ok(false);
            };
            self.mutate_from_reserve(actor, |change| Box::pin(adopt(change, found)))
                .await
        })
    }

    /// The certificate in its descriptor, if that is revoked.
    pub(crate) async fn stored_revocation(
        &self,
        fingerprint: Fingerprint,
    ) -> Result<Option<TrustRow>, Error> {
        let storage = self.storage();
        let key = ObjectKey::Certificate(fingerprint);
        let Some(content) = storage.in_time(storage.get(&key)).await? else {
            return Ok(None);
        };
        let row = descriptor::certificate(&fingerprint, &content);
        if row.is_none() {
            tracing::warn!(%fingerprint, "the descriptor of a certificate cannot be read");
        }
        Ok(row.filter(TrustRow::is_revoked))
    }
}

/// A known certificate changes only its state; an unknown one is added.
async fn adopt(change: &mut Mutation, found: TrustRow) -> Result<bool, Error> {
    let fingerprint = found.certificate.fingerprint;
    let row = match change.tx.certificate(&fingerprint).await? {
        Some(known) if known.is_revoked() => return Ok(false),
        Some(mut known) => {
            known.certificate.state = TrustState::Revoked;
            known.certificate.revoked_at = found.certificate.revoked_at;
            known
        }
        None => found,
    };
    let detail = "as its descriptor says".to_owned();
    change.put_certificate(row, "trust-revoke", detail).await?;
    Ok(true)
}
