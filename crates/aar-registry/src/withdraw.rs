//! Withdraws a version, or offers it again.

use aar_types::{ApplicationName, Architecture, ChangeKind, VersionNumber};

use crate::{
    Error, Publisher, Registry,
    descriptor::VersionDescriptor,
    keys::{VariantKey, VersionKey},
    metadata::VersionRow,
    mutation::{Mutation, Space},
    storage::ObjectKey,
};

impl Publisher {
    /// Withdraws a version, or offers it again. Returns whether anything changed; `None` if the version does
    /// not exist.
    pub async fn set_published(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        number: VersionNumber,
        published: bool,
    ) -> Result<Option<bool>, Error> {
        let name = name.clone();
        let variant = VariantKey { name, architecture };
        let key = VersionKey { variant, number };
        let check = check_storage(self.registry.clone(), key.clone(), published);
        let space = if published {
            Space::Volume
        } else {
            Space::Reserve
        };
        self.registry
            .mutate_after(&self.actor, space, check, move |change| {
                Box::pin(set(change, key, published))
            })
            .await
    }
}

async fn check_storage(registry: Registry, key: VersionKey, published: bool) -> Result<(), Error> {
    let known = registry.metadata().read().await?.version(&key).await?;
    match known.filter(|row| row.version.published != published) {
        Some(row) => {
            let image = row.version.image.fingerprint;
            registry.check_stored_version(&key, image).await
        }
        None => Ok(()),
    }
}

async fn set(
    change: &mut Mutation,
    key: VersionKey,
    published: bool,
) -> Result<Option<bool>, Error> {
    let Some(row) = change.tx.version(&key).await? else {
        return Ok(None);
    };
    if row.version.published == published {
        change.await_delivery(&ObjectKey::Version(key));
        return Ok(Some(false));
    }
    set_published(change, row, published).await?;
    Ok(Some(true))
}

pub(crate) async fn set_published(
    change: &mut Mutation,
    mut row: VersionRow,
    published: bool,
) -> Result<(), Error> {
    let key = row.key();
    let (kind, action) = if published {
        (ChangeKind::VersionPublished, "offer-again")
    } else {
        (ChangeKind::VersionWithdrawn, "withdraw")
    };
    row.revision = change.change(kind, &key.variant, Some(key.number)).await?;
    row.version.published = published;
    change
        .tx
        .set_version_published(&key, published, (row.revision, change.at))
        .await?;
    change
        .record(action, key.to_string(), String::new())
        .await?;
    let descriptor = VersionDescriptor::from(row);
    change.describe(ObjectKey::Version(key), &descriptor).await
}
