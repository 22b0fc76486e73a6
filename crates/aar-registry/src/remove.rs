use aar_types::{ApplicationName, Architecture, VersionNumber};

use crate::{Error, Publisher};

impl Publisher {
    /// Deletes a version; with the last one its application goes. Tells whether it was there.
    pub async fn remove_version(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        number: VersionNumber,
    ) -> Result<bool, Error> {
        let _ = (name, architecture, number);
        todo!()
    }

    /// Deletes an application, on one architecture or on all. Tells how many versions went with it;
    /// none means that it was not there.
    pub async fn remove_application(
        &self,
        name: &ApplicationName,
        architecture: Option<Architecture>,
    ) -> Result<usize, Error> {
        let _ = (name, architecture);
        todo!()
    }
}
