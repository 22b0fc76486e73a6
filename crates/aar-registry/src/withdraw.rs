use aar_types::{ApplicationName, Architecture, VersionNumber};

use crate::{Error, Publisher};

impl Publisher {
    /// Withdraws a version, or offers it again. Tells whether anything changed; `None` where there
    /// is no such version.
    pub async fn set_published(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        number: VersionNumber,
        published: bool,
    ) -> Result<Option<bool>, Error> {
        let _ = (name, architecture, number, published);
        todo!()
    }
}
