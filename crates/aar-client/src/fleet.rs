use aar_http::Method;
use aar_types::SiteReport;

use crate::{Error, RegistryClient};

impl RegistryClient {
    /// Reports how this site stands, once: a later report replaces it anyway.
    pub async fn report_site(&self, report: &SiteReport) -> Result<(), Error> {
        let request = self.request(Method::PUT, &["clients", "self"]);
        self.call(request.json(report)).await.map(drop)
    }
}
