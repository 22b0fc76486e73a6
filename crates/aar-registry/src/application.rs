use aar_types::{ApplicationMetadata, ApplicationName, Architecture};

use crate::{Error, Publisher};

impl Publisher {
    /// Replaces what holds for all versions of an application on one architecture. Tells whether
    /// anything changed; `None` where there is no such application.
    pub async fn put_application(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        metadata: ApplicationMetadata,
    ) -> Result<Option<bool>, Error> {
        let _ = (name, architecture, metadata);
        todo!()
    }
}
