//! What is in the storage and not in the database.

use bytes::Bytes;
use futures_util::TryStreamExt;

use super::{Verification, descriptors::expected};
use crate::{
    Error, Operator,
    descriptor::{self, says},
    metadata::{Reading, VariantKey},
    mutation::Mutation,
    storage::{Area, ObjectKey},
    trust,
};

impl Verification<'_> {
    /// Every object in a part of the storage, against the database.
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
            self.settle_strays(&strays).await?;
        }
        Ok(())
    }

    async fn is_known(&self, key: &ObjectKey) -> Result<bool, Error> {
        let mut tx = self.registry.metadata().read().await?;
        if is_in_database(&mut tx, key).await? {
            return Ok(true);
        }
        drop(tx);
        // Perhaps it just came, or just went.
        let mut tx = self.registry.write().await?;
        if is_in_database(&mut tx, key).await? {
            return Ok(true);
        }
        let still_there = match key {
            ObjectKey::Blob(digest) => self
                .registry
                .brief_storage()
                .blob_size(digest)
                .await?
                .is_some(),
            key => self.registry.brief_storage().get(key).await?.is_some(),
        };
        Ok(!still_there)
    }

    async fn settle_strays(&mut self, strays: &[ObjectKey]) -> Result<(), Error> {
        for key in strays {
            let needed = match key {
                ObjectKey::Variant(variant) => has_version(strays, variant),
                _ => false,
            };
            if !needed && self.operator.settle_stray(key).await? {
                self.report.repaired.push(key.to_string());
            }
        }
        Ok(())
    }
}

/// Whether a version is among them that cannot do without what holds for all its versions.
fn has_version(keys: &[ObjectKey], variant: &VariantKey) -> bool {
    let of_it =
        |key: &ObjectKey| matches!(key, ObjectKey::Version(version) if version.variant == *variant);
    keys.iter().any(of_it)
}

impl Operator {
    async fn settle_stray(&self, key: &ObjectKey) -> Result<bool, Error> {
        let key = key.clone();
        let settle = self.registry.mutate(&self.actor, move |change| {
            Box::pin(settle_stray(change, key))
        });
        settle.await
    }
}

/// Takes over a revocation. Removes the descriptor of a certificate that nobody trusts, or of an
/// application without versions. Tells whether anything was done.
async fn settle_stray(change: &mut Mutation, key: ObjectKey) -> Result<bool, Error> {
    let found = change.registry.brief_storage().get(&key).await?;
    let to_settle = found.is_some_and(|found| can_be_settled(&key, &found));
    if !to_settle || is_in_database(&mut change.tx, &key).await? {
        return Ok(false);
    }
    if let ObjectKey::Certificate(fingerprint) = key
        && trust::take_over(change, fingerprint).await?
    {
        return Ok(true);
    }
    let (target, detail) = (key.to_string(), "removed, because nothing belongs to it");
    change.forget(key).await?;
    change.record("repair", target, detail.to_owned()).await?;
    Ok(true)
}

fn can_be_settled(key: &ObjectKey, content: &Bytes) -> bool {
    match key {
        ObjectKey::Certificate(fingerprint) => {
            descriptor::certificate(fingerprint, content).is_some()
        }
        ObjectKey::Variant(_) => says(key, Some(content)).is_some(),
        ObjectKey::Registry | ObjectKey::Blob(_) | ObjectKey::Version(_) => false,
    }
}

async fn is_in_database(tx: &mut Reading, key: &ObjectKey) -> Result<bool, Error> {
    match key {
        ObjectKey::Registry => Ok(true),
        ObjectKey::Blob(digest) => Ok(tx.blob(digest).await?.is_some()),
        key => Ok(expected(tx, key).await?.is_some()),
    }
}
