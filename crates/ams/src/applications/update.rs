use ams_api::Operation;

use super::{Applications, address, build::Begun, create::OpenPackage, guard, guard::MayEdit};
use crate::{
    Error,
    operations::{Context, NewOperation},
    staging::StagedFile,
    store::{NewVersion, StoredApplication},
};

impl Applications {
    /// Begins to make a new version of an uploaded package.
    pub async fn update(&self, id_or_name: &str, package: StagedFile) -> Result<Operation, Error> {
        let application = self.expect(id_or_name).await?;
        let permit = guard::edit(&application)?;
        let place = self.0.lines.join(&application.id);
        let applications = self.clone();
        let address = address(&application.id);
        let new = NewOperation::on("Updating application", "applications", address);
        Ok(self
            .0
            .base
            .operations
            .start(new.cancellable(), async move |context| {
                let _turn = context.unless_cancelled(place.turn()).await?;
                applications
                    .update_from(&context, application, permit, package)
                    .await
            }))
    }

    async fn update_from(
        &self,
        context: &Context,
        application: StoredApplication,
        permit: MayEdit,
        package: StagedFile,
    ) -> Result<(), Error> {
        let _turn = self.turn(context).await?;
        let package = self.open_package(package).await?;
        context.go_on()?;
        self.expect_still(&application.id, &application.name)
            .await?;
        check_name(&application, &package)?;
        let new = NewVersion {
            manifest: &package.manifest.version,
            created_at: self.now(),
        };
        let begun = Begun {
            number: self.0.base.store.begin_version(&permit, new).await?,
            permit,
            metadata: Some(package.manifest.application.clone()),
            content_size: package.content.content_size(),
        };
        self.build(context, begun, move |to, progress, stop| {
            package.content.write_image(to, progress, stop)
        })
        .await
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
