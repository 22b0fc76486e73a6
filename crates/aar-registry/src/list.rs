use aar_types::{Application, ApplicationName, Architecture, Revision, Version, VersionNumber};

use crate::{Error, Reader};

/// What to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Only this architecture.
    pub architecture: Option<Architecture>,
    /// Only what has at least one of these tags; empty for everything.
    pub tags: Vec<String>,
    /// How many applications to skip.
    pub offset: u64,
    /// How many applications to list.
    pub limit: u64,
}

/// A part of the catalogue, as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The applications, ordered by name, each with the variants that were asked for.
    pub applications: Vec<Application>,
    /// How many there are on all pages.
    pub total: u64,
    /// The revision that the page shows.
    pub revision: Revision,
}

impl Reader {
    /// A page of the catalogue.
    pub async fn list(&self, query: &ListQuery) -> Result<Page, Error> {
        let _ = query;
        todo!()
    }

    /// An application with all its variants and versions.
    pub async fn application(&self, name: &ApplicationName) -> Result<Option<Application>, Error> {
        let _ = name;
        todo!()
    }

    /// One version.
    pub async fn version(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        number: VersionNumber,
    ) -> Result<Option<Version>, Error> {
        let _ = (name, architecture, number);
        todo!()
    }
}
