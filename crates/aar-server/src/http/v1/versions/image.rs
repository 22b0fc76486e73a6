use aar_daemon::http::{ETag, FileResponse, RangeNotSatisfiable};
use aar_registry::{Content, Fetch};
use aar_types::{Digest, ErrorBody, ErrorCode};
use axum::{
    body::Body,
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use futures_util::TryStreamExt as _;
use tracing::error;

use crate::http::{
    auth::ClientCaller,
    error::{ApiError, Refusals},
    parameters::VersionPath,
};

/// Sends the image of a version, or a range of it.
///
/// If images are in a bucket, the response is a redirect to a signed URL, which expires soon. A client
/// whose download breaks off requests a new one here.
#[utoipa::path(
    method(get, head),
    path = "/1.0/applications/{name}/{architecture}/versions/{number}/image",
    tag = "versions",
    operation_id = "fetch_image",
    params(
        VersionPath,
        ("Range" = Option<String>, Header, description = "One range of bytes"),
        ("If-Range" = Option<String>, Header, description = "The ETag that the range belongs to"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the image that the client has"),
    ),
    responses(
        (status = 200, content_type = "application/zstd", body = String, description = "The image"),
        (status = 206, content_type = "application/zstd", body = String, description = "A range of the image"),
        (status = 304, description = "The client has the image"),
        (status = 307, description = "The image is in a bucket"),
        (status = 404, body = ErrorBody, description = "The version does not exist"),
        (status = 416, body = ErrorBody, description = "The range lies beyond the end of the image"),
        Refusals,
    )
)]
pub(in crate::http) async fn image(
    ClientCaller(reader): ClientCaller,
    path: VersionPath,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let found = reader
        .fetch(&path.name, path.architecture, path.number)
        .await?;
    let Fetch { image, content } = found.ok_or_else(|| path.not_found())?;
    let etag = ETag::new(image.digest);
    if etag.is_known(&headers) {
        let etag = [(header::ETAG, etag.header())];
        return Ok((StatusCode::NOT_MODIFIED, etag).into_response());
    }
    let content = match content {
        // A signed URL is valid for GET only, and the headers are known here.
        _ if method == Method::HEAD => None,
        Content::Redirect(url) => return Ok(Redirect::temporary(url.as_str()).into_response()),
        content @ Content::Bytes(_) => Some(content),
    };
    let file = FileResponse {
        size: image.size,
        etag,
        content_type: "application/zstd",
        file_name: file_name(&path),
    };
    let part = file.part(&method, &headers)?;
    let stream = content.and_then(|content| content.stream(part.range.clone()));
    let body = stream.map_or_else(Body::empty, |stream| {
        Body::from_stream(stream.inspect_err(move |error| log_failure(image.digest, error)))
    });
    Ok(file.respond(part, body))
}

/// The status was sent before, so the client detects only a lost connection.
fn log_failure(digest: Digest, error: &std::io::Error) {
    error!(%digest, %error, "image cannot be read while it is sent");
}

fn file_name(path: &VersionPath) -> String {
    let VersionPath {
        name,
        architecture,
        number,
    } = path;
    format!("{name}-{architecture}-{number}.tar.zst")
}

impl From<RangeNotSatisfiable> for ApiError {
    fn from(refused: RangeNotSatisfiable) -> Self {
        let message = format!("header range: {refused}");
        let error = Self::new(ErrorCode::RangeNotSatisfiable, message);
        error.with_header(header::CONTENT_RANGE, refused.content_range())
    }
}
