//! `POST /1.0/registry/applications/push` and `…/pull`, as the published API definition prints them:
//! refused, because the application is missing.

use std::convert::Infallible;

use crate::http::{auth::TrustedCaller, body::Path, error::ApiError};

pub(in crate::http) async fn unnamed(
    _: TrustedCaller,
    Path(last): Path<String>,
) -> Result<Infallible, ApiError> {
    let message = match &*last {
        "push" | "pull" => {
            format!("the application is missing: POST /1.0/registry/applications/<id>/{last}")
        }
        _ => format!("say what to do: POST /1.0/registry/applications/{last}/push or …/pull"),
    };
    Err(ApiError::BadRequest(message))
}
