use std::collections::BTreeSet;

use aar_types::{Application, ApplicationName, Architecture, ErrorCode, RegistryId, Revision};
use reqwest::{
    Method, Response, StatusCode,
    header::{ETAG, IF_NONE_MATCH},
};

use crate::{Error, RegistryClient, answer::provenance};

const REQUEST: &str = "GET /1.0/applications";
const PAGE: usize = 500;
/// How often a catalogue may change while its pages are read before that is reported.
const MAX_CHANGES: usize = 8;

/// Which part of the catalogue is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Only what there is for this architecture.
    pub architecture: Option<Architecture>,
    /// Only applications that have one of these tags; empty for all.
    pub tags: Vec<String>,
}

/// The catalogue, or the part that was asked for: complete, and of one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The registry.
    pub registry_id: RegistryId,
    /// The revision of the catalogue.
    pub revision: Revision,
    /// What to send to learn whether the same part has changed.
    pub etag: Option<String>,
    /// The applications.
    pub applications: Vec<Application>,
}

/// What reading the pages came to.
enum Reading {
    Complete(Listing),
    Unchanged,
    /// The catalogue changed between two pages.
    Overtaken,
}

impl RegistryClient {
    /// Lists the catalogue.
    pub async fn list(&self, filter: &ListFilter) -> Result<Listing, Error> {
        let listing = self.list_if_changed(filter, None).await?;
        listing.ok_or_else(|| Error::malformed(REQUEST, "unchanged, although nothing was known"))
    }

    /// Lists the catalogue unless it is as it was when the tag of the same filter was given out.
    pub async fn list_if_changed(
        &self,
        filter: &ListFilter,
        etag: Option<&str>,
    ) -> Result<Option<Listing>, Error> {
        for _ in 0..MAX_CHANGES {
            let reading = self.retrying(|| self.read_pages(filter, etag)).await?;
            match reading {
                Reading::Complete(listing) => return Ok(Some(listing)),
                Reading::Unchanged => return Ok(None),
                Reading::Overtaken => {}
            }
        }
        let reason = format!("it changed {MAX_CHANGES} times while it was read");
        Err(Error::IncompleteListing { reason })
    }

    /// What the registry has of one application.
    pub async fn application(&self, name: &ApplicationName) -> Result<Option<Application>, Error> {
        let found = self.retrying(|| self.read_application(name)).await;
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
        check(&application)?;
        if application.name == *name {
            Ok(application)
        } else {
            let reason = format!("{} instead of {name}", application.name);
            Err(Error::malformed(REQUEST, reason))
        }
    }

    async fn read_pages(&self, filter: &ListFilter, etag: Option<&str>) -> Result<Reading, Error> {
        let first = self.page(filter, 0, etag).await?;
        if first.status() == StatusCode::NOT_MODIFIED {
            return Ok(Reading::Unchanged);
        }
        let (registry_id, revision) = provenance(REQUEST, first.headers())?;
        let tag = first.headers().get(ETAG);
        let etag = tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let (mut applications, total) = self.page_content(first).await?;
        while applications.len() < total {
            let next = self.page(filter, applications.len(), None).await?;
            if provenance(REQUEST, next.headers())? != (registry_id.clone(), revision) {
                return Ok(Reading::Overtaken);
            }
            let (more, _) = self.page_content(next).await?;
            if more.is_empty() {
                break;
            }
            applications.extend(more);
        }
        complete(&applications, total)?;
        Ok(Reading::Complete(Listing {
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
        let mut request = self.request(Method::GET, &["applications"]).query(&[
            ("recursion", 1),
            ("offset", offset),
            ("limit", PAGE),
        ]);
        if let Some(architecture) = filter.architecture {
            request = request.query(&[("architecture", architecture.as_str())]);
        }
        if !filter.tags.is_empty() {
            request = request.query(&[("tags", filter.tags.join(","))]);
        }
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        self.call(request).await
    }

    async fn page_content(&self, page: Response) -> Result<(Vec<Application>, usize), Error> {
        let page = self.envelope::<Vec<Application>>(REQUEST, page).await?;
        let total = page
            .total_size
            .and_then(|total| usize::try_from(total).ok());
        let total = total.ok_or_else(|| Error::malformed(REQUEST, "total_size is missing"))?;
        Ok((page.metadata, total))
    }
}

/// A listing that lacks something must not look like one in which it was deleted.
fn complete(applications: &[Application], total: usize) -> Result<(), Error> {
    if applications.len() != total {
        let reason = format!("{} of {total} applications came", applications.len());
        return Err(Error::IncompleteListing { reason });
    }
    let names: BTreeSet<_> = applications.iter().map(|known| &known.name).collect();
    if names.len() != total {
        let reason = "an application came twice, so another one is missing".to_owned();
        return Err(Error::IncompleteListing { reason });
    }
    applications.iter().try_for_each(check)
}

/// An application without variants, or a variant without versions, does not exist.
fn check(application: &Application) -> Result<(), Error> {
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
