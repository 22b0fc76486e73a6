//! `GET /1.0/config`: every item with its value.

use ams_api::ServiceConfig;

use crate::http::{auth::Trusted, envelope::Done};

/// Shows them.
pub(in crate::http) async fn get(caller: Trusted) -> Done<ServiceConfig> {
    let config = caller.ams.config().display_values();
    Done(ServiceConfig { config })
}
