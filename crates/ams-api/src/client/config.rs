use http::Method;

use super::AmsClient;
use crate::{ConfigPost, Error, Operation, ServiceConfig};

impl AmsClient {
    /// Every configuration item.
    pub async fn config(&self) -> Result<ServiceConfig, Error> {
        self.get("/1.0/config").await
    }

    /// Sets a configuration item; to an empty value for its default.
    pub async fn set_config(&self, name: &str, value: &str) -> Result<Option<Operation>, Error> {
        let body = ConfigPost {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        self.change(Method::PATCH, "/1.0/config", &body).await
    }
}
