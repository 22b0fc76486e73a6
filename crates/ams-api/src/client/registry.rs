use http::Method;
use serde_json::json;

use super::{AmsClient, call::segment};
use crate::{Error, Operation, RegistryApplication, RegistryStatus, SyncPost};

const APPLICATIONS: &str = "/1.0/registry/applications";

impl AmsClient {
    /// Lists the applications in the registry.
    pub async fn registry_applications(&self) -> Result<Vec<RegistryApplication>, Error> {
        self.list(APPLICATIONS).await
    }

    /// Reads the status of the registry agent.
    pub async fn registry_status(&self) -> Result<RegistryStatus, Error> {
        self.get("/1.0/registry/status").await
    }

    /// Starts a round, in the direction of the configured mode.
    pub async fn registry_sync(&self, body: SyncPost) -> Result<Option<Operation>, Error> {
        self.change(Method::POST, "/1.0/registry/sync", &body).await
    }

    /// Pushes an application to the registry.
    pub async fn registry_push(&self, id: &str) -> Result<Option<Operation>, Error> {
        let path = format!("{APPLICATIONS}/{}/push", segment(id));
        self.change(Method::POST, &path, &json!({})).await
    }

    /// Pulls an application from the registry.
    pub async fn registry_pull(&self, id: &str) -> Result<Option<Operation>, Error> {
        let path = format!("{APPLICATIONS}/{}/pull", segment(id));
        self.change(Method::POST, &path, &json!({})).await
    }

    /// Deletes an application from the registry.
    pub async fn registry_delete(&self, id: &str) -> Result<Option<Operation>, Error> {
        let path = format!("{APPLICATIONS}/{}", segment(id));
        self.change(Method::DELETE, &path, &json!({})).await
    }
}
