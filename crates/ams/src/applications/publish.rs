use aar_types::{Digest, VersionNumber};
use ams_api::{Operation, VersionStatus};

use super::{
    ApplicationId, Applications, address, guard,
    guard::{MayEdit, sealed::Permit as _},
    view,
};
use crate::{
    Error,
    operations::NewOperation,
    store::{StoredApplication, VersionState},
};

impl Applications {
    /// Publishes a version, or revokes it. Of more than `application.max_published_versions` the
    /// oldest ones are cleaned up.
    pub async fn set_published(
        &self,
        id_or_name: &str,
        number: VersionNumber,
        published: bool,
    ) -> Result<Operation, Error> {
        let application = self.expect(id_or_name).await?;
        let permit = guard::edit(&application)?;
        application.expect_version(number)?;
        if published {
            expect_ready(&application, number)?;
        }
        let (action, description) = if published {
            ("application-version-published", "Publishing version")
        } else {
            ("application-version-revoked", "Revoking version")
        };
        let new = NewOperation::on(description, "applications", address(&application.id));
        let applications = self.clone();
        Ok(self.0.base.operations.start(new, async move |_| {
            applications
                .write_published(&permit, number, published)
                .await?;
            applications.tell(action, &application.id);
            Ok(())
        }))
    }

    async fn write_published(
        &self,
        permit: &MayEdit,
        number: VersionNumber,
        published: bool,
    ) -> Result<(), Error> {
        if !published {
            return self.0.base.store.set_published(permit, number, false).await;
        }
        let keep = self.0.base.config.current().max_published_versions();
        let retired = self.0.base.store.publish(permit, number, keep).await?;
        self.clean_up(permit.id(), retired).await;
        Ok(())
    }

    /// Removes the images of versions that were retired.
    pub(super) async fn clean_up(&self, id: &ApplicationId, retired: Vec<Digest>) {
        for _ in &retired {
            self.tell("application-version-deleted", id);
        }
        self.0.base.images.remove_unused(retired).await;
    }
}

fn expect_ready(application: &StoredApplication, number: VersionNumber) -> Result<(), Error> {
    let version = application.expect_version(number)?;
    match version.state {
        VersionState::Ready(_) => Ok(()),
        _ => Err(not_ready(application, number, view::status(&version.state))),
    }
}

/// The refusal to use a version that is not ready.
pub(super) fn not_ready(
    application: &StoredApplication,
    number: VersionNumber,
    status: VersionStatus,
) -> Error {
    Error::NotReady {
        application: application.name.clone(),
        number,
        status: status.as_str(),
    }
}
