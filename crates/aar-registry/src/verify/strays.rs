//! Objects in storage that the database does not know.

use bytes::Bytes;
use futures_util::TryStreamExt;

use super::{Verification, compare::expected};
use crate::{
    Error, Operator,
    descriptor::{self, normalized},
    keys::VariantKey,
    mutation::Mutation,
    storage::{Area, ObjectKey},
};

impl Verification<'_> {
    pub(super) async fn find_strays(&mut self, area: Area) -> Result<(), Error> {
        let mut strays = Vec::new();
        let mut objects = self.registry.storage().list(area);
        while let Some(object) = objects.try_next().await? {
            let key = object.key();
            let known = match &key {
                Some(key) => self.is_known(key).await?,
                None => false,
            };
            if !known {
                self.report.stray.push(object.path);
                strays.extend(key);
            }
        }
        if self.options.repair {
            self.remove_strays(&strays).await?;
        }
        Ok(())
    }

    /// Whether the database knows an object, or it was deleted since the listing.
    async fn is_known(&self, key: &ObjectKey) -> Result<bool, Error> {
        let registry = self.registry;
        match key {
            ObjectKey::Registry => Ok(true),
            ObjectKey::Blob(digest) => {
                let storage = registry.storage();
                // In this order: an upload places the blob before its row, while it announces the digest.
                Ok(registry.knows_blob(digest).await?
                    || storage.in_time(storage.blob_size(digest)).await?.is_none()
                    || registry.knows_blob(digest).await?)
            }
            key => {
                let mut tx = registry.metadata().read().await?;
                if expected(&mut tx, key).await?.is_some() {
                    return Ok(true);
                }
                drop(tx);
                let comparison = registry.compare(key).await?;
                Ok(comparison.expected.is_some() || comparison.stored?.is_none())
            }
        }
    }

    async fn remove_strays(&mut self, strays: &[ObjectKey]) -> Result<(), Error> {
        for key in strays {
            let is_needed = match key {
                ObjectKey::Variant(variant) => has_version(strays, variant),
                _ => false,
            };
            if !is_needed && self.operator.remove_stray(key).await? {
                self.report.repaired.push(key.to_string());
            }
        }
        Ok(())
    }
}

/// Whether a version of this variant is among the keys: it needs the descriptor of its variant.
fn has_version(keys: &[ObjectKey], variant: &VariantKey) -> bool {
    let of_it = |key: &ObjectKey| matches!(key, ObjectKey::Version(it) if it.variant == *variant);
    keys.iter().any(of_it)
}

impl Operator {
    /// Adopts a revocation, or removes the descriptor of an unknown certificate or of an application without
    /// versions. Returns whether it changed anything.
    async fn remove_stray(&self, key: &ObjectKey) -> Result<bool, Error> {
        let comparison = self.registry.compare(key).await?;
        let (None, Some(stored)) = (comparison.expected, comparison.stored?) else {
            return Ok(false);
        };
        if !is_useless(key, &stored) {
            return Ok(false);
        }
        if let ObjectKey::Certificate(fingerprint) = key
            && self
                .registry
                .adopt_revocation(&self.actor, *fingerprint)
                .await?
        {
            return Ok(true);
        }
        let key = key.clone();
        let remove = self.registry.mutate(&self.actor, move |change| {
            Box::pin(remove_stray(change, key))
        });
        remove.await
    }
}

async fn remove_stray(change: &mut Mutation, key: ObjectKey) -> Result<bool, Error> {
    if expected(&mut change.tx, &key).await?.is_some() {
        return Ok(false);
    }
    let (target, detail) = (key.to_string(), "removed, because nothing belongs to it");
    change.delete_descriptor(key).await?;
    change.record("repair", target, detail.to_owned()).await?;
    Ok(true)
}

/// Only readable descriptors of certificates and variants are removed.
fn is_useless(key: &ObjectKey, content: &Bytes) -> bool {
    match key {
        ObjectKey::Certificate(fingerprint) => {
            descriptor::certificate(fingerprint, content).is_some()
        }
        ObjectKey::Variant(_) => normalized(key, Some(content)).is_some(),
        ObjectKey::Registry | ObjectKey::Blob(_) | ObjectKey::Version(_) => false,
    }
}
