//! The last step of a transfer, and the changes that need none: each takes effect only if its source
//! still has what it is about.
//!
//! A plan is older than its steps, by hours for a large image. So the lock of the application is held
//! from the last look at the source to the end of the change. A local deletion takes the same lock:
//! it comes before the look, which then finds nothing, or after the change.

use std::path::Path;

use aar_types::{ApplicationName, Version};

use crate::{
    context::SyncContext,
    error::Error,
    local_catalogue::LocalCatalogue,
    plan::{Action, push::still_justified},
};

impl<L: LocalCatalogue> SyncContext<L> {
    /// Sends a change to the registry, with the present values, if this AMS still justifies it.
    pub(crate) async fn commit(
        &self,
        name: &ApplicationName,
        planned: &Action,
    ) -> Result<(), Error> {
        let _lock = self.catalogue.lock(name).await;
        let local = self.catalogue.application(name).await?;
        let action = still_justified(local.as_ref(), planned);
        self.send(name, action.ok_or(Error::Superseded)?).await
    }

    async fn send(&self, name: &ApplicationName, action: Action) -> Result<(), Error> {
        let (client, architecture) = (&self.client, self.catalogue.architecture());
        match action {
            Action::PushMetadata(metadata) => {
                client.put_application(name, architecture, &metadata).await
            }
            Action::PushPublished(number, published) => {
                let set = client.set_published(name, architecture, number, published);
                set.await
            }
            Action::PushVersion(number, put) => {
                let put = client.put_version(name, architecture, number, &put);
                put.await.map(drop)
            }
            Action::UpdateMetadata(_)
            | Action::SetPublished(..)
            | Action::Import { .. }
            | Action::RemoveVersion(_)
            | Action::RemoveApplication => Ok(()),
        }?;
        Ok(())
    }

    /// Makes a downloaded version usable if the registry still offers it, and if the application was
    /// not deleted here since it was planned. `existed` says whether it was here then.
    pub(crate) async fn commit_import(
        &self,
        name: &ApplicationName,
        planned: &Version,
        image: &Path,
        existed: bool,
    ) -> Result<(), Error> {
        let _lock = self.catalogue.lock(name).await;
        if existed && self.catalogue.application(name).await?.is_none() {
            return Err(Error::DeletedHere(name.clone()));
        }
        let architecture = self.catalogue.architecture();
        let offered = self.client.application(name).await?;
        let mut variants = offered.into_iter().flat_map(|it| it.variants);
        let variant = variants.find(|it| it.architecture == architecture);
        let found = variant.and_then(|variant| {
            let mut versions = variant.versions.into_iter();
            let version = versions.find(|it| is_offered(it, planned))?;
            Some((variant.metadata, version))
        });
        let (metadata, version) =
            found.ok_or_else(|| Error::NoLongerOffered(name.clone(), planned.number))?;
        metadata.check()?;
        version.manifest.check()?;
        let import = self.catalogue.import(name, &metadata, &version, image);
        Ok(import.await?)
    }
}

fn is_offered(version: &Version, planned: &Version) -> bool {
    version.number == planned.number && version.published && version.image == planned.image
}
