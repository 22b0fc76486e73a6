use aar_types::{Digest, VersionNumber};
use ams_api::{Operation, VersionStatus};

use super::{Applications, address, view};
use crate::{
    Error,
    operations::NewOperation,
    store::{ApplicationId, EditPermit, Permit as _, StoredApplication, VersionState},
};

impl Applications {
    /// Publishes a version or revokes it. Publishing retires the oldest published versions beyond
    /// `application.max_published_versions`.
    pub async fn set_published(
        &self,
        id_or_name: &str,
        number: VersionNumber,
        published: bool,
    ) -> Result<Operation, Error> {
        let application = self.expect(id_or_name).await?;
        let permit = application.edit_permit()?;
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
        Ok(self.0.services.operations.start(new, async move |_| {
            let services = &applications.0.services;
            let _lock = services.lock_application(&application.name).await;
            applications
                .write_published(&permit, number, published)
                .await?;
            applications.notify(action, &application.id);
            Ok(())
        }))
    }

    async fn write_published(
        &self,
        permit: &EditPermit,
        number: VersionNumber,
        published: bool,
    ) -> Result<(), Error> {
        let store = &self.0.services.store;
        if !published {
            return store.set_published(permit, number, false).await;
        }
        let keep = self.0.services.config.current().max_published_versions();
        let retired = store.publish(permit, number, keep).await?;
        self.remove_retired(permit.id(), retired).await;
        Ok(())
    }

    /// Removes the images of retired versions.
    pub(super) async fn remove_retired(&self, id: &ApplicationId, retired: Vec<Digest>) {
        for _ in &retired {
            self.notify("application-version-deleted", id);
        }
        self.0.services.images.remove_unused(retired).await;
    }
}

fn expect_ready(application: &StoredApplication, number: VersionNumber) -> Result<(), Error> {
    let version = application.expect_version(number)?;
    match &version.state {
        VersionState::Ready(_) => Ok(()),
        other => Err(not_ready(application, number, view::status(other))),
    }
}

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
