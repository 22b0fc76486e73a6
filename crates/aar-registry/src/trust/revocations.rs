//! Revocations that only the storage knows of.
//!
//! Revoked is for ever, also where the database is a copy from before the revocation, and where the
//! revocation was cut short between descriptor and row. A descriptor that says *revoked* is never
//! written over; here the database learns of it.

use aar_types::{Fingerprint, TrustState};
use futures_util::TryStreamExt;

use super::put;
use crate::{
    Error, Operator, Registry, descriptor,
    metadata::TrustRow,
    mutation::Mutation,
    storage::{Area, ObjectKey, Storage},
};

/// How many descriptors are read at the same time.
const AT_ONCE: usize = 16;

impl Operator {
    /// Revokes the certificates that the storage says are revoked while the database does not, and
    /// tells which they were. Whoever is about to let callers in asks for this first.
    pub async fn restore_revocations(&self) -> Result<Vec<Fingerprint>, Error> {
        let mut restored = Vec::new();
        for fingerprint in self.registry.unknown_revocations().await? {
            let restore = self.registry.mutate(&self.actor, move |change| {
                Box::pin(take_over(change, fingerprint))
            });
            if restore.await? {
                tracing::warn!(%fingerprint, "only the storage knew that this certificate is revoked");
                restored.push(fingerprint);
            }
        }
        Ok(restored)
    }
}

impl Registry {
    async fn unknown_revocations(&self) -> Result<Vec<Fingerprint>, Error> {
        let (storage, trust) = (self.storage(), self.trust());
        let unsure = storage.list(Area::Trust).try_filter_map(async |object| {
            Ok(match object.key() {
                Some(ObjectKey::Certificate(one)) if !trust.is_revoked(&one) => Some(one),
                _ => None,
            })
        });
        let read = unsure.map_ok(|one| revocation(&storage, one));
        let found = read
            .try_buffer_unordered(AT_ONCE)
            .try_filter_map(async |row| Ok(row));
        found
            .map_ok(|row| row.certificate.fingerprint)
            .try_collect()
            .await
    }
}

/// What the storage says of a certificate, if it says that it is revoked.
async fn revocation(
    storage: &Storage,
    fingerprint: Fingerprint,
) -> Result<Option<TrustRow>, Error> {
    let content = storage.get(&ObjectKey::Certificate(fingerprint)).await?;
    Ok(content.and_then(|content| read(fingerprint, &content)))
}

fn read(fingerprint: Fingerprint, content: &[u8]) -> Option<TrustRow> {
    let row = descriptor::certificate(&fingerprint, content);
    if row.is_none() {
        tracing::warn!(%fingerprint, "the descriptor of a certificate cannot be read");
    }
    row.filter(TrustRow::is_revoked)
}

/// Revokes a certificate if its descriptor says so and the database does not. What else is known of
/// it stays; one that is not known is known from now on. Tells whether anything was done.
pub(crate) async fn take_over(
    change: &mut Mutation,
    fingerprint: Fingerprint,
) -> Result<bool, Error> {
    let key = ObjectKey::Certificate(fingerprint);
    let content = change.registry.brief_storage().get(&key).await?;
    let Some(found) = content.and_then(|content| read(fingerprint, &content)) else {
        return Ok(false);
    };
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
    put(change, row, "trust-revoke", detail).await?;
    Ok(true)
}
