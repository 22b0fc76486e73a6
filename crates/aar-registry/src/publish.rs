use aar_types::{ApplicationName, Architecture, VersionNumber, VersionPut};

use crate::{Error, Publisher};

/// What became of the commit of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// It is new.
    Created,
    /// It was withdrawn and is offered again.
    OfferedAgain,
    /// It was there already.
    Unchanged,
}

impl Publisher {
    /// Commits a version whose image is stored. The same content again changes nothing; another
    /// content is refused.
    pub async fn publish(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        number: VersionNumber,
        version: VersionPut,
    ) -> Result<Published, Error> {
        let _ = (name, architecture, number, version);
        todo!()
    }
}
