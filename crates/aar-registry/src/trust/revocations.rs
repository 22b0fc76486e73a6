//! Revocations that only storage has: the database may be a copy from before the revocation.

use aar_types::Fingerprint;
use futures_util::TryStreamExt;

use crate::{
    Error, Operator, Registry,
    storage::{Area, ObjectKey},
};

/// The number of descriptors that are read concurrently.
const AT_ONCE: usize = 16;

impl Operator {
    /// Revokes the certificates that are revoked in storage and not in the database, and returns them. Call
    /// this before accepting connections.
    pub async fn restore_revocations(&self) -> Result<Vec<Fingerprint>, Error> {
        let mut restored = Vec::new();
        for fingerprint in self.registry.unknown_revocations().await? {
            let adopted = self.registry.adopt_revocation(&self.actor, fingerprint);
            if adopted.await? {
                tracing::warn!(%fingerprint, "only storage knew that this certificate is revoked");
                restored.push(fingerprint);
            }
        }
        Ok(restored)
    }
}

impl Registry {
    async fn unknown_revocations(&self) -> Result<Vec<Fingerprint>, Error> {
        let trust = self.trust();
        let listed = self.storage().list(Area::Trust);
        let not_revoked = listed.try_filter_map(async |object| {
            Ok(match object.key() {
                Some(ObjectKey::Certificate(one)) if !trust.is_revoked(&one) => Some(one),
                _ => None,
            })
        });
        let stored = not_revoked.map_ok(|one| self.stored_revocation(one));
        let revoked = stored
            .try_buffer_unordered(AT_ONCE)
            .try_filter_map(async |row| Ok(row));
        revoked
            .map_ok(|row| row.certificate.fingerprint)
            .try_collect()
            .await
    }
}
