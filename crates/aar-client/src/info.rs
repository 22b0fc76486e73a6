use aar_types::ServerInfo;
use reqwest::Method;

use crate::{Error, RegistryClient};

impl RegistryClient {
    /// What the registry says of itself and of us. It says so to anybody, trusted or not.
    pub async fn info(&self) -> Result<ServerInfo, Error> {
        self.retrying(|| async {
            let response = self.call(self.request(Method::GET, &[])).await?;
            Ok(self.envelope("GET /1.0", response).await?.metadata)
        })
        .await
    }
}
