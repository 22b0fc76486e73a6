//! Deleting versions and applications.
//!
//! The descriptor goes first and for good, then the row: a rebuild cannot bring back what was
//! deleted. The blob stays until garbage collection finds that nothing refers to it.

use aar_types::{ApplicationName, Architecture, ChangeKind, VersionNumber};

use crate::{
    Error, Publisher,
    metadata::{VariantKey, VersionKey, VersionRow},
    mutation::Mutation,
    storage::ObjectKey,
};

impl Publisher {
    /// Deletes a version; with the last one its application goes. Tells whether it was there.
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
            .mutate(&self.actor, |change| Box::pin(remove_version(change, key)))
            .await
    }

    /// Deletes an application, on one architecture or on all. Tells how many versions went with it;
    /// none means that it was not there.
    pub async fn remove_application(
        &self,
        name: &ApplicationName,
        architecture: Option<Architecture>,
    ) -> Result<usize, Error> {
        let name = name.clone();
        self.registry
            .mutate(&self.actor, move |change| {
                Box::pin(remove_application(change, name, architecture))
            })
            .await
    }
}

async fn remove_version(change: &mut Mutation, key: VersionKey) -> Result<bool, Error> {
    let Some(row) = change.tx.version(&key).await? else {
        return Ok(false);
    };
    let kind = ChangeKind::VersionRemoved;
    change.change(kind, &key.variant, Some(key.number)).await?;
    forget_version(change, &row).await?;
    if change.tx.newest_version(&key.variant).await?.is_none() {
        forget_variant(change, &key.variant).await?;
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
    Ok(removed)
}

async fn remove_variant(change: &mut Mutation, key: &VariantKey) -> Result<usize, Error> {
    let versions = change.tx.versions_of(key).await?;
    for row in &versions {
        forget_version(change, row).await?;
    }
    forget_variant(change, key).await?;
    let detail = match versions.len() {
        1 => "with its only version".to_owned(),
        count => format!("with {count} versions"),
    };
    change
        .record("remove-application", key.to_string(), detail)
        .await?;
    Ok(versions.len())
}

async fn forget_version(change: &mut Mutation, row: &VersionRow) -> Result<(), Error> {
    let key = row.key();
    change.forget(ObjectKey::Version(key.clone())).await?;
    change.tx.delete_version(&key).await?;
    let digest = row.version.image.digest;
    change.tx.recount_blob(&digest, change.at).await
}

async fn forget_variant(change: &mut Mutation, key: &VariantKey) -> Result<(), Error> {
    let kind = ChangeKind::ApplicationRemoved;
    change.change(kind, key, None).await?;
    change.forget(ObjectKey::Variant(key.clone())).await?;
    change.tx.delete_variant(key).await
}
