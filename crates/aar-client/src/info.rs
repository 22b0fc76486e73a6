use aar_http::Method;
use aar_types::ServerInfo;

use crate::{Error, RegistryClient};

impl RegistryClient {
    /// Returns the public description of the registry, also to an untrusted client.
    pub async fn info(&self) -> Result<ServerInfo, Error> {
        self.retry(|| async {
            let response = self.call(self.request(Method::GET, &[])).await?;
            Ok(self.envelope("GET /1.0", response).await?.metadata)
        })
        .await
    }
}
