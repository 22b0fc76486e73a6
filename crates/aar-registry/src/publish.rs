//! Commits a version, which creates it.
//!
//! A version is whole or absent: its image is stored and verified before the commit. A version is immutable:
//! until it is deleted, its number stands for one content, even if only storage has its descriptor.

use aar_types::{
    ApplicationMetadata, ApplicationName, Architecture, ChangeKind, Fingerprint, ImageInfo,
    Version, VersionNumber, VersionPut,
};

use crate::{
    Error, Publisher, Registry,
    application::{put_variant, update_metadata},
    descriptor::{self, VersionDescriptor},
    keys::{VariantKey, VersionKey},
    metadata::{BlobState, Reading, VariantRow, VersionRow},
    mutation::{Mutation, Space},
    storage::ObjectKey,
    withdraw::set_published,
};

/// The outcome of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    Created,
    /// It was withdrawn and is offered again.
    OfferedAgain,
    Unchanged,
}

impl Publisher {
    /// Commits a version whose image is stored. The same content again changes nothing. Other content is
    /// refused, and so are a declaration that no manifest can make and an image that no package makes.
    ///
    /// The metadata of the application is replaced, unless a newer version exists. A withdrawn version is
    /// offered again if the request asks for that; an offered version is never withdrawn.
    pub async fn publish(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        number: VersionNumber,
        version: VersionPut,
    ) -> Result<Published, Error> {
        check_declared(&version)?;
        let name = name.clone();
        let variant = VariantKey { name, architecture };
        let key = VersionKey { variant, number };
        let published = self.publish_declared(key.clone(), version).await;
        if let Err(
            refusal @ (Error::VersionConflict { .. }
            | Error::FingerprintMismatch { .. }
            | Error::ImageRefused { .. }),
        ) = &published
        {
            self.registry
                .note_refusal(&self.actor, "publish", &key.to_string(), refusal);
        }
        published
    }

    async fn publish_declared(
        &self,
        key: VersionKey,
        version: VersionPut,
    ) -> Result<Published, Error> {
        // Boxed: its requests make the future large.
        let check = Box::pin(check_storage(self.clone(), key.clone(), version.clone()));
        self.registry
            .mutate_after(&self.actor, Space::Volume, check, |change| {
                Box::pin(publish(change, key, version))
            })
            .await
    }
}

/// Checks the storage. The transaction checks the rows, which change before storage does.
async fn check_storage(
    publisher: Publisher,
    key: VersionKey,
    put: VersionPut,
) -> Result<(), Error> {
    let (registry, image) = (&publisher.registry, &put.image);
    let mut tx = registry.metadata().read().await?;
    if let Some(row) = tx.version(&key).await? {
        check_same_content(&row, image)?;
        if row.version.published || !put.published {
            return Ok(());
        }
        drop(tx);
        return registry.check_stored_version(&key, image.fingerprint).await;
    }
    check_blob(&mut tx, image).await?;
    drop(tx);
    // The version may be deleted while its descriptor still exists.
    let object = ObjectKey::Version(key.clone());
    registry.deliver_key(&publisher.actor, &object).await?;
    tokio::try_join!(
        registry.check_stored_version(&key, image.fingerprint),
        registry.check_stored_blob(image)
    )?;
    registry.check_fingerprint(image).await
}

impl Registry {
    /// Refuses other content for a version in storage. A restored database may lack its row.
    pub(crate) async fn check_stored_version(
        &self,
        key: &VersionKey,
        given: Fingerprint,
    ) -> Result<(), Error> {
        let storage = self.storage();
        let object = ObjectKey::Version(key.clone());
        match storage.in_time(storage.get(&object)).await? {
            Some(stored) => descriptor::check_content(key, &stored, given),
            None => Ok(()),
        }
    }

    async fn check_stored_blob(&self, image: &ImageInfo) -> Result<(), Error> {
        let (storage, digest) = (self.storage(), image.digest);
        if storage.in_time(storage.blob_size(&digest)).await? == Some(image.size) {
            return Ok(());
        }
        tracing::error!(%digest, "a blob is missing or truncated; verify the storage");
        Err(Error::ImageNotStored { digest })
    }
}

async fn publish(
    change: &mut Mutation,
    key: VersionKey,
    put: VersionPut,
) -> Result<Published, Error> {
    match change.tx.version(&key).await? {
        Some(row) => publish_again(change, row, &put).await,
        None => create(change, key, put).await,
    }
}

async fn publish_again(
    change: &mut Mutation,
    row: VersionRow,
    put: &VersionPut,
) -> Result<Published, Error> {
    check_same_content(&row, &put.image)?;
    if row.version.published || !put.published {
        change.await_delivery(&ObjectKey::Version(row.key()));
        change.await_delivery(&ObjectKey::Variant(row.variant));
        return Ok(Published::Unchanged);
    }
    set_published(change, row, true).await?;
    Ok(Published::OfferedAgain)
}

async fn create(
    change: &mut Mutation,
    key: VersionKey,
    put: VersionPut,
) -> Result<Published, Error> {
    check_blob(&mut change.tx, &put.image).await?;
    let object = ObjectKey::Version(key.clone());
    if change.tx.outbox_entry(&object.to_string()).await?.is_some() {
        // The version was deleted after the check of its descriptor.
        let key = object.to_string();
        return Err(Error::ObjectLocked { key });
    }
    let is_new_variant = update_variant(change, &key, &put.application).await?;
    let kind = ChangeKind::VersionAdded;
    let revision = change.change(kind, &key.variant, Some(key.number)).await?;
    if is_new_variant {
        let row = VariantRow {
            key: key.variant.clone(),
            metadata: put.application,
            revision,
        };
        put_variant(change, row).await?;
    }
    let image = put.image;
    let row = VersionRow {
        variant: key.variant.clone(),
        version: Version {
            number: key.number,
            published: put.published,
            created_at: change.at,
            manifest: put.manifest,
            image,
        },
        revision,
    };
    change.tx.insert_version(&row).await?;
    change.tx.recount_blob(&image.digest, change.at).await?;
    let detail = format!("fingerprint {}", image.fingerprint);
    change.record("publish", key.to_string(), detail).await?;
    change
        .describe(object, &VersionDescriptor::from(row))
        .await?;
    Ok(Published::Created)
}

/// A publisher applies the same rules to its manifests, so its versions pass.
fn check_declared(put: &VersionPut) -> Result<(), Error> {
    let refused = |section| move |broken| Error::Declaration { section, broken };
    put.application.check().map_err(refused("application."))?;
    put.manifest.check().map_err(refused("manifest."))
}

fn check_same_content(row: &VersionRow, image: &ImageInfo) -> Result<(), Error> {
    let (stored, given) = (row.version.image.fingerprint, image.fingerprint);
    if stored == given {
        return Ok(());
    }
    Err(Error::VersionConflict {
        name: row.variant.name.clone(),
        architecture: row.variant.architecture,
        number: row.version.number,
        stored,
        given,
    })
}

/// Refuses an image that is not stored, is being deleted, or has another size.
async fn check_blob(tx: &mut Reading, image: &ImageInfo) -> Result<(), Error> {
    let digest = image.digest;
    let blob = tx.blob(&digest).await?;
    let Some(blob) = blob.filter(|blob| blob.state == BlobState::Stored) else {
        return Err(Error::ImageNotStored { digest });
    };
    if blob.size != image.size {
        return Err(Error::ImageSizeMismatch {
            digest,
            stored: blob.size,
            given: image.size,
        });
    }
    Ok(())
}

/// Updates the metadata of the variant, unless a newer version exists. Returns whether the variant does not
/// exist yet.
async fn update_variant(
    change: &mut Mutation,
    key: &VersionKey,
    metadata: &ApplicationMetadata,
) -> Result<bool, Error> {
    let Some(known) = change.tx.variant(&key.variant).await? else {
        return Ok(true);
    };
    let newest = change.tx.newest_version(&key.variant).await?;
    if newest < Some(key.number) && known.metadata != *metadata {
        update_metadata(change, key.variant.clone(), metadata.clone()).await?;
    }
    Ok(false)
}
