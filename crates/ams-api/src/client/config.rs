use http::Method;

use super::AmsClient;
use crate::{ConfigPost, Error, Operation, ServiceConfig};

impl AmsClient {
    /// Reads the configuration.
    pub async fn config(&self) -> Result<ServiceConfig, Error> {
        self.get("/1.0/config").await
    }

    /// Sets a configuration item; an empty value restores the default.
    pub async fn set_config(&self, name: &str, value: &str) -> Result<Option<Operation>, Error> {
        let body = ConfigPost {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        self.change(Method::PATCH, "/1.0/config", &body).await
    }
}
