//! `GET /1.0/version`: the version of the program.

use ams_api::VersionResponse;

use crate::http::{auth::Anyone, envelope::Done};

/// Tells it.
pub(in crate::http) async fn show(_: Anyone) -> Done<VersionResponse> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Done(VersionResponse { version })
}
