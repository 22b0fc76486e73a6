#[cfg(test)]
mod fuzz;

use std::collections::BTreeSet;

use aar_http::{
    Method, Response, StatusCode,
    header::{ETAG, IF_NONE_MATCH},
};
use aar_types::{
    Application, ApplicationName, Architecture, Envelope, ErrorCode, RegistryId, Revision,
};

use crate::{
    Error, RegistryClient,
    limits::{
        LISTING_APPLICATIONS, LISTING_BYTES, LISTING_PAGES, LISTING_VALUES, LISTING_VERSIONS,
    },
    response::{BodySize, parsed, provenance},
};

const REQUEST: &str = "GET /1.0/applications";
const PAGE_SIZE: usize = 500;
/// How often the pages are read when the catalogue changes in between.
const MAX_READS: usize = 8;

/// Selects a part of the catalogue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Selects the variants for one architecture; none for all architectures.
    pub architecture: Option<Architecture>,
    /// Selects applications with one of these tags; empty for all applications.
    pub tags: Vec<String>,
}

/// The selected part of the catalogue: complete, and of one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The id of the registry.
    pub registry_id: RegistryId,
    /// The revision of the catalogue.
    pub revision: Revision,
    /// The entity tag for [`RegistryClient::list_if_changed`].
    pub etag: Option<String>,
    /// The selected applications.
    pub applications: Vec<Application>,
}

enum PagesRead {
    Complete(Listing),
    /// The catalogue has not changed since the entity tag was issued.
    Unchanged,
    /// The catalogue changed between two pages.
    Inconsistent,
}

impl RegistryClient {
    /// Lists the catalogue.
    pub async fn list(&self, filter: &ListFilter) -> Result<Listing, Error> {
        let listing = self.list_if_changed(filter, None).await?;
        listing.ok_or_else(|| {
            Error::malformed(
                REQUEST,
                "it is 304 Not Modified for an unconditional request",
            )
        })
    }

    /// Lists the catalogue, or returns none if it has not changed since a listing with the same
    /// filter and this entity tag.
    pub async fn list_if_changed(
        &self,
        filter: &ListFilter,
        etag: Option<&str>,
    ) -> Result<Option<Listing>, Error> {
        for _ in 0..MAX_READS {
            match self.retry(|| self.read_pages(filter, etag)).await? {
                PagesRead::Complete(listing) => return Ok(Some(listing)),
                PagesRead::Unchanged => return Ok(None),
                PagesRead::Inconsistent => {}
            }
        }
        let reason = format!("it changed {MAX_READS} times while it was read");
        Err(Error::IncompleteListing { reason })
    }

    /// Returns one application, or none if the registry does not have it.
    pub async fn application(&self, name: &ApplicationName) -> Result<Option<Application>, Error> {
        let found = self.retry(|| self.read_application(name)).await;
        match found {
            Ok(application) => Ok(Some(application)),
            Err(error) if error.code() == Some(ErrorCode::ApplicationNotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn read_application(&self, name: &ApplicationName) -> Result<Application, Error> {
        let request = self.request(Method::GET, &["applications", name.as_str()]);
        let response = self.call(request).await?;
        let application: Application = self.envelope(REQUEST, response).await?.metadata;
        check_application(&application)?;
        if application.name == *name {
            Ok(application)
        } else {
            let reason = format!("{} instead of {name}", application.name);
            Err(Error::malformed(REQUEST, reason))
        }
    }

    async fn read_pages(
        &self,
        filter: &ListFilter,
        etag: Option<&str>,
    ) -> Result<PagesRead, Error> {
        let first = self.page(filter, 0, etag).await?;
        if first.status() == StatusCode::NOT_MODIFIED {
            return Ok(PagesRead::Unchanged);
        }
        let (registry_id, revision) = provenance(REQUEST, first.headers())?;
        let etag = parsed(first.headers(), ETAG);
        let mut size = BodySize::default();
        let (mut applications, total) = self.page_content(first, &mut size).await?;
        check_size(&applications, total)?;
        let mut pages = 1;
        while applications.len() < total {
            pages += 1;
            check_limit(pages, LISTING_PAGES, "pages")?;
            let next = self.page(filter, applications.len(), None).await?;
            if provenance(REQUEST, next.headers())? != (registry_id.clone(), revision) {
                return Ok(PagesRead::Inconsistent);
            }
            let (more, _) = self.page_content(next, &mut size).await?;
            if more.is_empty() {
                break;
            }
            applications.extend(more);
            check_size(&applications, total)?;
        }
        check_complete(&applications, total)?;
        Ok(PagesRead::Complete(Listing {
            registry_id,
            revision,
            etag,
            applications,
        }))
    }

    async fn page(
        &self,
        filter: &ListFilter,
        offset: usize,
        etag: Option<&str>,
    ) -> Result<Response, Error> {
        let mut query = vec![
            ("recursion", "1".to_owned()),
            ("offset", offset.to_string()),
            ("limit", PAGE_SIZE.to_string()),
        ];
        if let Some(architecture) = filter.architecture {
            query.push(("architecture", architecture.to_string()));
        }
        if !filter.tags.is_empty() {
            query.push(("tags", filter.tags.join(",")));
        }
        let mut request = self.request(Method::GET, &["applications"]).query(query);
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        self.call(request).await
    }

    /// The content of a page, whose size is added to that of the listing.
    async fn page_content(
        &self,
        page: Response,
        size: &mut BodySize,
    ) -> Result<(Vec<Application>, usize), Error> {
        let (page, page_size) = self.sized_envelope(REQUEST, page).await?;
        *size += page_size;
        check_limit(size.bytes, LISTING_BYTES, "bytes on its pages")?;
        check_limit(size.values, LISTING_VALUES, "values on its pages")?;
        split_page(page)
    }
}

/// The applications of a page, and the number of those of the listing.
fn split_page(page: Envelope<Vec<Application>>) -> Result<(Vec<Application>, usize), Error> {
    let total = page
        .total_size
        .and_then(|total| usize::try_from(total).ok());
    let total = total.ok_or_else(|| Error::malformed(REQUEST, "total_size is missing"))?;
    Ok((page.metadata, total))
}

/// Refuses a listing that would take too much memory.
fn check_size(applications: &[Application], total: usize) -> Result<(), Error> {
    let applied = total.max(applications.len());
    check_limit(applied, LISTING_APPLICATIONS, "applications")?;
    let variants = applications.iter().flat_map(|it| &it.variants);
    let versions = variants.map(|variant| variant.versions.len()).sum();
    check_limit(versions, LISTING_VERSIONS, "versions")
}

fn check_limit(count: usize, limit: usize, what: &str) -> Result<(), Error> {
    if count <= limit {
        return Ok(());
    }
    let reason = format!("it has more than {limit} {what}");
    Err(Error::malformed(REQUEST, reason))
}

/// Refuses an incomplete listing. Otherwise a missing application would look like a deleted one.
fn check_complete(applications: &[Application], total: usize) -> Result<(), Error> {
    if applications.len() != total {
        let reason = format!("it has {} of {total} applications", applications.len());
        return Err(Error::IncompleteListing { reason });
    }
    let names: BTreeSet<_> = applications.iter().map(|a| &a.name).collect();
    if names.len() != total {
        let reason = "an application occurs twice, so another one is missing".to_owned();
        return Err(Error::IncompleteListing { reason });
    }
    applications.iter().try_for_each(check_application)
}

/// Refuses an application without variants and a variant without versions.
fn check_application(application: &Application) -> Result<(), Error> {
    let name = &application.name;
    let architectures: BTreeSet<_> = application
        .variants
        .iter()
        .map(|v| v.architecture)
        .collect();
    if application.variants.is_empty() || architectures.len() != application.variants.len() {
        let reason = format!("the architectures of {name} are missing or not distinct");
        return Err(Error::malformed(REQUEST, reason));
    }
    for variant in &application.variants {
        let numbers: BTreeSet<_> = variant.versions.iter().map(|v| v.number).collect();
        if variant.versions.is_empty() || numbers.len() != variant.versions.len() {
            let reason = format!("the versions of {name} are missing or not distinct");
            return Err(Error::malformed(REQUEST, reason));
        }
    }
    Ok(())
}
