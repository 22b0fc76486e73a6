use aar_http::Method;
use aar_types::{ApplicationInFleet, ApplicationName, ErrorCode, Fleet, SiteReport};

use crate::{Error, RegistryClient};

impl RegistryClient {
    /// Reports how this site stands, once: a later report replaces it anyway.
    pub async fn report_site(&self, report: &SiteReport) -> Result<(), Error> {
        let request = self.request(Method::PUT, &["clients", "self"]);
        self.call(request.json(report)).await.map(drop)
    }

    /// The sites, with what each reported last. For publishers.
    pub async fn fleet(&self) -> Result<Fleet, Error> {
        self.retry(|| async {
            let response = self.call(self.request(Method::GET, &["fleet"])).await?;
            Ok(self.envelope("GET /1.0/fleet", response).await?.metadata)
        })
        .await
    }

    /// The published versions of an application at all sites, or none if the registry does not have it. For
    /// publishers.
    pub async fn application_in_fleet(
        &self,
        name: &ApplicationName,
    ) -> Result<Option<ApplicationInFleet>, Error> {
        let found = self.retry(|| async {
            let path = ["fleet", "applications", name.as_str()];
            let response = self.call(self.request(Method::GET, &path)).await?;
            let found = self.envelope("GET /1.0/fleet/applications", response);
            Ok(found.await?.metadata)
        });
        match found.await {
            Ok(application) => Ok(Some(application)),
            Err(error) if error.code() == Some(ErrorCode::ApplicationNotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
