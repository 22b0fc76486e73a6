use super::AmsClient;
use crate::{Error, ServiceStatus, VersionResponse};

impl AmsClient {
    /// Reads the public facts about AMS, and whether it trusts this client.
    pub async fn status(&self) -> Result<ServiceStatus, Error> {
        self.get("/1.0/").await
    }

    /// Reads the version of the program.
    pub async fn version(&self) -> Result<String, Error> {
        let response: VersionResponse = self.get("/1.0/version").await?;
        Ok(response.version)
    }
}
