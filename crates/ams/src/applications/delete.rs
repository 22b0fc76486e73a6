use aar_types::{Digest, VersionNumber};
use ams_api::Operation;

use super::{Applications, address, guard, guard::MayDelete};
use crate::{
    Error,
    operations::NewOperation,
    store::{StoredApplication, StoredVersion},
};

impl Applications {
    /// Begins to delete an application with its versions. One that came from the registry is
    /// deleted with force only.
    pub async fn delete(&self, id_or_name: &str, force: bool) -> Result<Operation, Error> {
        self.delete_many(&[id_or_name.to_owned()], force).await
    }

    /// Begins to delete several applications. All of them are looked at first: if one of them
    /// cannot be deleted, none is. One that fails later ends the operation. Who is named twice, by
    /// id and name perhaps, is deleted once.
    pub async fn delete_many(&self, ids: &[String], force: bool) -> Result<Operation, Error> {
        let mut doomed: Vec<(StoredApplication, MayDelete)> = Vec::with_capacity(ids.len());
        for id in ids {
            let application = self.expect(id).await?;
            let permit = guard::delete(&application, force)?;
            if doomed.iter().all(|(known, _)| known.id != application.id) {
                doomed.push((application, permit));
            }
        }
        let mut new = NewOperation::on("Deleting application", "applications", String::new());
        let addresses = doomed
            .iter()
            .map(|(application, _)| address(&application.id));
        new.resources
            .insert("applications".to_owned(), addresses.collect());
        let applications = self.clone();
        Ok(self.0.base.operations.start(new, async move |_| {
            for (application, permit) in &doomed {
                applications.remove(application, permit).await?;
            }
            Ok(())
        }))
    }

    /// Begins to delete one version. One that came from the registry is deleted with force only.
    pub async fn delete_version(
        &self,
        id_or_name: &str,
        number: VersionNumber,
        force: bool,
    ) -> Result<Operation, Error> {
        let application = self.expect(id_or_name).await?;
        let image = application.expect_version(number)?.image();
        let permit = guard::delete(&application, force)?;
        let address = address(&application.id);
        let new = NewOperation::on("Deleting version", "applications", address);
        let applications = self.clone();
        Ok(self.0.base.operations.start(new, async move |_| {
            applications
                .0
                .base
                .store
                .remove_version(&permit, number)
                .await?;
            applications
                .0
                .base
                .images
                .remove_unused(image.map(|image| image.digest))
                .await;
            applications.tell("application-version-deleted", &application.id);
            Ok(())
        }))
    }

    /// Rows first, files after.
    async fn remove(
        &self,
        application: &StoredApplication,
        permit: &MayDelete,
    ) -> Result<(), Error> {
        self.0.base.store.remove_application(permit).await?;
        self.0.base.images.remove_unused(digests(application)).await;
        self.tell("application-deleted", &application.id);
        Ok(())
    }
}

/// The images of an application.
pub(crate) fn digests(application: &StoredApplication) -> Vec<Digest> {
    let images = application.versions.iter().filter_map(StoredVersion::image);
    images.map(|image| image.digest).collect()
}
