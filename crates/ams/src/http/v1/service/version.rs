//! `GET /1.0/version`: shows the version of the program.

use ams_api::VersionResponse;

use crate::http::{auth::AnyCaller, envelope::Success};

pub(in crate::http) async fn show(_: AnyCaller) -> Success<VersionResponse> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Success(VersionResponse { version })
}
