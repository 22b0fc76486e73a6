//! Reading the catalogue: a page takes one transaction and two queries, whatever its size.

use aar_types::{
    Application, ApplicationName, Architecture, Revision, Variant, Version, VersionNumber,
};

use crate::{
    Error, Reader,
    keys::{VariantKey, VersionKey},
    metadata::{CatalogueFilter, Reading, VariantRow, VersionRow},
};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Only this architecture.
    pub architecture: Option<Architecture>,
    /// Only variants with at least one of these tags; empty for all.
    pub tags: Vec<String>,
    /// The number of applications to skip.
    pub offset: u64,
    /// The maximum number of applications in the page.
    pub limit: u64,
}

/// A part of the catalogue at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Ordered by name, each with the variants that match the query.
    pub applications: Vec<Application>,
    /// The number of applications that match, on all pages.
    pub total: u64,
    pub revision: Revision,
}

impl Reader {
    /// A page of the catalogue. Architecture and tags select variants; an application without a selected
    /// variant is omitted.
    pub async fn list(&self, query: &ListQuery) -> Result<Page, Error> {
        let filter = CatalogueFilter {
            architecture: query.architecture,
            tags: &query.tags,
        };
        let mut tx = self.registry.metadata().read().await?;
        let revision = tx.revision().await?;
        let variants = tx.variants_page(filter, query.offset, query.limit).await?;
        let versions = match (variants.first(), variants.last()) {
            (Some(first), Some(last)) => {
                tx.versions_between(filter, &first.key.name, &last.key.name)
                    .await?
            }
            _ => Vec::new(),
        };
        let applications = assemble(variants, versions);
        let total = total(&mut tx, filter, query, applications.len() as u64).await?;
        Ok(Page {
            applications,
            total,
            revision,
        })
    }

    pub async fn application(&self, name: &ApplicationName) -> Result<Option<Application>, Error> {
        let mut tx = self.registry.metadata().read().await?;
        let variants = tx.variants_of(name).await?;
        let everything = CatalogueFilter::default();
        let versions = tx.versions_between(everything, name, name).await?;
        Ok(assemble(variants, versions).pop())
    }

    pub async fn version(
        &self,
        name: &ApplicationName,
        architecture: Architecture,
        number: VersionNumber,
    ) -> Result<Option<Version>, Error> {
        let name = name.clone();
        let variant = VariantKey { name, architecture };
        let key = VersionKey { variant, number };
        let mut tx = self.registry.metadata().read().await?;
        Ok(tx.version(&key).await?.map(|row| row.version))
    }
}

/// The number of applications that match, on all pages. The last page needs no query for it.
async fn total(
    tx: &mut Reading,
    filter: CatalogueFilter<'_>,
    query: &ListQuery,
    listed: u64,
) -> Result<u64, Error> {
    let last_page = listed < query.limit && (listed > 0 || query.offset == 0);
    if last_page {
        Ok(query.offset + listed)
    } else {
        tx.count_applications(filter).await
    }
}

/// Both are ordered by name.
fn assemble(variants: Vec<VariantRow>, versions: Vec<VersionRow>) -> Vec<Application> {
    let mut versions = versions.into_iter().peekable();
    let mut applications: Vec<Application> = Vec::new();
    for VariantRow { key, metadata, .. } in variants {
        let mut own = Vec::new();
        while let Some(row) = versions.next_if(|row| row.variant == key) {
            own.push(row.version);
        }
        let variant = Variant {
            architecture: key.architecture,
            metadata,
            versions: own,
        };
        match applications.last_mut() {
            Some(application) if application.name == key.name => application.variants.push(variant),
            _ => applications.push(Application {
                name: key.name,
                variants: vec![variant],
            }),
        }
    }
    applications
}
