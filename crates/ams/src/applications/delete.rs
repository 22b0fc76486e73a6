use aar_types::VersionNumber;
use ams_api::Operation;

use super::{Applications, address};
use crate::{
    Error,
    operations::NewOperation,
    store::{DeletePermit, StoredApplication},
};

impl Applications {
    /// Starts to delete an application with its versions. Imported applications need `force`.
    pub async fn delete(&self, id_or_name: &str, force: bool) -> Result<Operation, Error> {
        self.delete_many(&[id_or_name.to_owned()], force).await
    }

    /// Starts to delete several applications, or refuses all if one cannot be deleted. A failure
    /// after that ends the operation. An application that is listed twice, such as by id and by
    /// name, is deleted once.
    pub async fn delete_many(&self, ids: &[String], force: bool) -> Result<Operation, Error> {
        let mut targets: Vec<(StoredApplication, DeletePermit)> = Vec::with_capacity(ids.len());
        for id in ids {
            let application = self.expect(id).await?;
            let permit = application.delete_permit(force)?;
            if targets.iter().all(|(known, _)| known.id != application.id) {
                targets.push((application, permit));
            }
        }
        let mut new = NewOperation::on("Deleting application", "applications", String::new());
        let addresses = targets
            .iter()
            .map(|(application, _)| address(&application.id));
        new.resources
            .insert("applications".to_owned(), addresses.collect());
        let applications = self.clone();
        Ok(self.0.services.operations.start(new, async move |_| {
            for (application, permit) in &targets {
                applications.remove(application, permit).await?;
            }
            Ok(())
        }))
    }

    /// Starts to delete one version. Versions of imported applications need `force`.
    pub async fn delete_version(
        &self,
        id_or_name: &str,
        number: VersionNumber,
        force: bool,
    ) -> Result<Operation, Error> {
        let application = self.expect(id_or_name).await?;
        let image = application.expect_version(number)?.image();
        let permit = application.delete_permit(force)?;
        let address = address(&application.id);
        let new = NewOperation::on("Deleting version", "applications", address);
        let applications = self.clone();
        Ok(self.0.services.operations.start(new, async move |_| {
            let services = &applications.0.services;
            let _lock = services.lock_application(&application.name).await;
            services.store.remove_version(&permit, number).await?;
            let digest = image.map(|image| image.digest);
            services.images.remove_unused(digest).await;
            applications.notify("application-version-deleted", &application.id);
            Ok(())
        }))
    }

    /// Removes rows first, then files. A change of the registry that is in flight ends before; one
    /// that is not yet sent finds the application gone.
    async fn remove(
        &self,
        application: &StoredApplication,
        permit: &DeletePermit,
    ) -> Result<(), Error> {
        let services = &self.0.services;
        let _lock = services.lock_application(&application.name).await;
        services.store.remove_application(permit).await?;
        let digests = application.image_digests();
        services.images.remove_unused(digests).await;
        self.notify("application-deleted", &application.id);
        Ok(())
    }
}
