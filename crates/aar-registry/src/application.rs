//! Replaces the metadata that all versions of an application share.

use aar_types::{ApplicationMetadata, ApplicationName, Architecture, ChangeKind};

use crate::{
    Error, Publisher, descriptor::VariantDescriptor, keys::VariantKey, metadata::VariantRow,
    mutation::Mutation, storage::ObjectKey,
};

impl Publisher {
    /// Replaces the metadata that all versions of an application share on one architecture. Metadata that no
    /// manifest can declare is refused. Returns whether anything changed; `None` if the application does not
    /// exist.
    pub async fn put_application(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        metadata: ApplicationMetadata,
    ) -> Result<Option<bool>, Error> {
        let section = "";
        metadata
            .check()
            .map_err(|broken| Error::Declaration { section, broken })?;
        let name = name.clone();
        let key = VariantKey { name, architecture };
        self.registry
            .mutate(&self.actor, |change| Box::pin(put(change, key, metadata)))
            .await
    }
}

async fn put(
    change: &mut Mutation,
    key: VariantKey,
    metadata: ApplicationMetadata,
) -> Result<Option<bool>, Error> {
    let Some(row) = change.tx.variant(&key).await? else {
        return Ok(None);
    };
    if row.metadata == metadata {
        change.await_delivery(&ObjectKey::Variant(key));
        return Ok(Some(false));
    }
    update_metadata(change, key.clone(), metadata).await?;
    change
        .record("put-application", key.to_string(), String::new())
        .await?;
    Ok(Some(true))
}

pub(crate) async fn update_metadata(
    change: &mut Mutation,
    key: VariantKey,
    metadata: ApplicationMetadata,
) -> Result<(), Error> {
    let kind = ChangeKind::ApplicationUpdated;
    let revision = change.change(kind, &key, None).await?;
    let row = VariantRow {
        key,
        metadata,
        revision,
    };
    put_variant(change, row).await
}

pub(crate) async fn put_variant(change: &mut Mutation, row: VariantRow) -> Result<(), Error> {
    change.tx.put_variant(&row).await?;
    let key = ObjectKey::Variant(row.key.clone());
    change.describe(key, &VariantDescriptor::from(row)).await
}
