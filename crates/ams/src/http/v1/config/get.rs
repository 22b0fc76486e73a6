//! `GET /1.0/config`: shows all items with their values.

use ams_api::ServiceConfig;

use crate::http::{auth::TrustedCaller, envelope::Success};

pub(in crate::http) async fn get(caller: TrustedCaller) -> Success<ServiceConfig> {
    let config = caller.ams.config().display_values();
    Success(ServiceConfig { config })
}
