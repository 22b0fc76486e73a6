use ams_api::Operation;

use super::{
    Applications, address,
    build::StartedVersion,
    create::{OpenPackage, UploadedPackage},
};
use crate::{
    Error,
    operations::{NewOperation, OperationContext},
    store::{EditPermit, NewVersion, StoredApplication},
};

impl Applications {
    /// Starts to build a new version from an uploaded package.
    pub async fn update(
        &self,
        id_or_name: &str,
        package: impl Into<UploadedPackage>,
    ) -> Result<Operation, Error> {
        let package = package.into();
        let application = self.expect(id_or_name).await?;
        let permit = application.edit_permit()?;
        let queued = self.0.build_locks.queue(&application.id);
        let applications = self.clone();
        let address = address(&application.id);
        let new = NewOperation::on("Updating application", "applications", address).cancellable();
        Ok(self.0.services.operations.start(new, async move |context| {
            let _turn = applications.build_turn(&context, queued).await?;
            applications
                .update_from(&context, &application, permit, package)
                .await
        }))
    }

    async fn update_from(
        &self,
        context: &OperationContext,
        application: &StoredApplication,
        permit: EditPermit,
        package: UploadedPackage,
    ) -> Result<(), Error> {
        let package = self.open_package(context, package).await?;
        context.check_cancelled()?;
        self.expect_again(&application.id, &application.name)
            .await?;
        check_name(application, &package)?;
        let new = NewVersion {
            manifest: &package.manifest.version,
            created_at: self.now(),
        };
        let version = StartedVersion {
            number: self.0.services.store.add_version(&permit, new).await?,
            permit,
            metadata: Some(package.manifest.application.clone()),
            content_size: package.content.content_size(),
        };
        self.build(context, version, package.into_writer()).await
    }
}

fn check_name(application: &StoredApplication, package: &OpenPackage) -> Result<(), Error> {
    if package.manifest.name == application.name {
        return Ok(());
    }
    Err(Error::OtherApplication {
        expected: application.name.clone(),
        found: package.manifest.name.clone(),
    })
}
