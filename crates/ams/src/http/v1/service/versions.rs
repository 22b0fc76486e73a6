//! `GET /`: the versions of the API. Clients come here first, without a certificate, to read that
//! of the server.

use crate::http::{auth::Anyone, envelope::Done};

/// Lists the addresses of the versions.
pub(in crate::http) async fn list(_: Anyone) -> Done<[&'static str; 1]> {
    Done(["/1.0"])
}
