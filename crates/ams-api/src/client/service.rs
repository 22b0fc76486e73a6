use super::AmsClient;
use crate::{Error, ServiceStatus, VersionResponse};

impl AmsClient {
    /// What this AMS is and can do, and whether it trusts the caller.
    pub async fn status(&self) -> Result<ServiceStatus, Error> {
        self.get("/1.0/").await
    }

    /// The version of the program.
    pub async fn version(&self) -> Result<String, Error> {
        let answer: VersionResponse = self.get("/1.0/version").await?;
        Ok(answer.version)
    }
}
