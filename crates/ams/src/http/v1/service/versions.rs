//! `GET /`: lists the versions of the API. Clients call it first, without a certificate, to read the
//! certificate of the server.

use crate::http::{auth::AnyCaller, envelope::Success};

pub(in crate::http) async fn list(_: AnyCaller) -> Success<[&'static str; 1]> {
    Success(["/1.0"])
}
