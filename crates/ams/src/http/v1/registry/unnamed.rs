//! `POST /1.0/registry/applications/push` and `…/pull`: as the published definition prints them,
//! without the application.

use std::convert::Infallible;

use crate::http::{auth::Trusted, body::Path, error::ApiError};

/// Says what is missing.
pub(in crate::http) async fn unnamed(
    _: Trusted,
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
