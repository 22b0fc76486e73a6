//! Deletes versions and applications.
//!
//! The rows are deleted first. The deletion is acknowledged after the descriptors are deleted, so a rebuild
//! does not restore them. The blob stays until garbage collection finds it unreferenced.

use aar_types::{ApplicationName, Architecture, ChangeKind, VersionNumber};

use crate::{
    Error, Publisher,
    keys::{VariantKey, VersionKey},
    metadata::VersionRow,
    mutation::Mutation,
    storage::ObjectKey,
};

impl Publisher {
    /// Deletes a version, and its application with the last version. Returns whether it existed.
    pub async fn remove_version(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        number: VersionNumber,
    ) -> Result<bool, Error> {
        let name = name.clone();
        let variant = VariantKey { name, architecture };
        let key = VersionKey { variant, number };
        self.registry
            .mutate_from_reserve(&self.actor, |change| Box::pin(remove_version(change, key)))
            .await
    }

    /// Deletes an application, on one architecture or on all. Returns the number of its versions; 0 if it did
    /// not exist.
    pub async fn remove_application(
        &self,
        name: &ApplicationName,
        architecture: Option<Architecture>,
    ) -> Result<usize, Error> {
        let name = name.clone();
        self.registry
            .mutate_from_reserve(&self.actor, move |change| {
                Box::pin(remove_application(change, name, architecture))
            })
            .await
    }
}

pub(crate) async fn remove_version(change: &mut Mutation, key: VersionKey) -> Result<bool, Error> {
    let Some(row) = change.tx.version(&key).await? else {
        let descriptors = ObjectKey::descriptors_of(&key.variant.name);
        change.await_deliveries(&descriptors).await?;
        return Ok(false);
    };
    let kind = ChangeKind::VersionRemoved;
    change.change(kind, &key.variant, Some(key.number)).await?;
    delete_version(change, &row).await?;
    if change.tx.newest_version(&key.variant).await?.is_none() {
        delete_variant(change, &key.variant).await?;
    }
    change
        .record("remove-version", key.to_string(), String::new())
        .await?;
    Ok(true)
}

async fn remove_application(
    change: &mut Mutation,
    name: ApplicationName,
    architecture: Option<Architecture>,
) -> Result<usize, Error> {
    let mut removed = 0;
    for variant in change.tx.variants_of(&name).await? {
        let key = variant.key;
        if architecture.is_none_or(|wanted| wanted == key.architecture) {
            removed += remove_variant(change, &key).await?;
        }
    }
    let descriptors = ObjectKey::descriptors_of(&name);
    change.await_deliveries(&descriptors).await?;
    Ok(removed)
}

async fn remove_variant(change: &mut Mutation, key: &VariantKey) -> Result<usize, Error> {
    let versions = change.tx.versions_of(key).await?;
    for row in &versions {
        delete_version(change, row).await?;
    }
    delete_variant(change, key).await?;
    let detail = match versions.len() {
        1 => "with its only version".to_owned(),
        count => format!("with {count} versions"),
    };
    change
        .record("remove-application", key.to_string(), detail)
        .await?;
    Ok(versions.len())
}

async fn delete_version(change: &mut Mutation, row: &VersionRow) -> Result<(), Error> {
    let key = row.key();
    change.tx.delete_version(&key).await?;
    change.delete_descriptor(ObjectKey::Version(key)).await?;
    let digest = row.version.image.digest;
    change.tx.recount_blob(&digest, change.at).await
}

async fn delete_variant(change: &mut Mutation, key: &VariantKey) -> Result<(), Error> {
    let kind = ChangeKind::ApplicationRemoved;
    change.change(kind, key, None).await?;
    change.tx.delete_variant(key).await?;
    change
        .delete_descriptor(ObjectKey::Variant(key.clone()))
        .await
}
