//! Committing a version: the moment at which it exists.
//!
//! A version is whole or not there: its image must be stored, verified and in its place before.
//! And it is immutable: once committed, the number means this content until it is deleted. That
//! holds where only the storage still knows of it, too: its descriptor is not written over.

use aar_types::{
    ApplicationMetadata, ApplicationName, Architecture, ChangeKind, ImageInfo, Version,
    VersionNumber, VersionPut,
};

use crate::{
    Error, Publisher,
    application::{put_variant, update_metadata},
    descriptor::VersionDescriptor,
    metadata::{BlobState, VariantKey, VariantRow, VersionKey, VersionRow},
    mutation::Mutation,
    storage::ObjectKey,
    withdraw::offer,
};

/// What became of the commit of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// It is new.
    Created,
    /// It was withdrawn and is offered again.
    OfferedAgain,
    /// It was there already.
    Unchanged,
}

impl Publisher {
    /// Commits a version whose image is stored. The same content again changes nothing; another
    /// content is refused.
    ///
    /// What the request says of the application replaces what is known of it, unless a newer
    /// version is there already. A version that is there and withdrawn is offered again when the
    /// request asks for that; one that is offered is never withdrawn by this. What no manifest could
    /// say is refused.
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
        let target = key.to_string();
        let published = self
            .registry
            .mutate(&self.actor, |change| {
                Box::pin(publish(change, key, version))
            })
            .await;
        if let Err(conflict @ Error::VersionConflict { .. }) = &published {
            self.registry
                .note_refusal(&self.actor, "publish", &target, conflict);
        }
        published
    }
}

async fn publish(
    change: &mut Mutation,
    key: VersionKey,
    put: VersionPut,
) -> Result<Published, Error> {
    match change.tx.version(&key).await? {
        Some(row) => again(change, row, &put).await,
        None => create(change, key, put).await,
    }
}

/// The version is there already.
async fn again(
    change: &mut Mutation,
    row: VersionRow,
    put: &VersionPut,
) -> Result<Published, Error> {
    let (stored, given) = (row.version.image.fingerprint, put.image.fingerprint);
    if stored != given {
        return Err(Error::VersionConflict {
            name: row.variant.name,
            architecture: row.variant.architecture,
            number: row.version.number,
            stored,
            given,
        });
    }
    if row.version.published || !put.published {
        return Ok(Published::Unchanged);
    }
    offer(change, row, true).await?;
    Ok(Published::OfferedAgain)
}

async fn create(
    change: &mut Mutation,
    key: VersionKey,
    put: VersionPut,
) -> Result<Published, Error> {
    check_image(change, &put.image).await?;
    let new_variant = settle_variant(change, &key, &put.application).await?;
    let kind = ChangeKind::VersionAdded;
    let revision = change.change(kind, &key.variant, Some(key.number)).await?;
    if new_variant {
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
    change
        .record(
            "publish",
            key.to_string(),
            format!("fingerprint {}", image.fingerprint),
        )
        .await?;
    let descriptor = VersionDescriptor::from(row);
    change
        .describe(ObjectKey::Version(key), &descriptor)
        .await?;
    Ok(Published::Created)
}

/// A publisher holds its manifests to the same rules, so none of its versions is refused by this.
fn check_declared(put: &VersionPut) -> Result<(), Error> {
    let refused = |section| move |broken| Error::Declaration { section, broken };
    put.application.check().map_err(refused("application."))?;
    put.manifest.check().map_err(refused("manifest."))
}

/// Refuses an image that is not stored, or that is being deleted, or that has another size.
async fn check_image(change: &mut Mutation, image: &ImageInfo) -> Result<(), Error> {
    let digest = image.digest;
    let blob = change.tx.blob(&digest).await?;
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
    let stored = change.registry.brief_storage().blob_size(&digest).await?;
    if stored != Some(blob.size) {
        tracing::error!(%digest, "a blob is missing or cut short; verify the storage");
        return Err(Error::ImageNotStored { digest });
    }
    Ok(())
}

/// Brings what holds for all versions up to date, unless a newer version has said it already. Tells
/// whether the variant is not there at all yet.
async fn settle_variant(
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
