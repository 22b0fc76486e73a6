use std::ops::Range;

use aar_daemon::Wanted;
use aar_registry::{Content, Fetch};
use aar_types::{ErrorBody, ErrorCode, ImageInfo};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, response},
    response::{IntoResponse, Redirect, Response},
};
use futures_util::TryStreamExt as _;
use tracing::error;

use crate::http::{
    conditions::ETag,
    errors::{ApiError, Refusals},
    identity::AsClient,
    parameters::VersionPath,
};

/// The image of a version, or a range of it.
///
/// Where images are in a bucket, the answer is a redirect to a signed address. It does not live
/// long: a download that breaks off asks here for a new one.
#[utoipa::path(
    method(get, head),
    path = "/1.0/applications/{name}/{architecture}/versions/{number}/image",
    tag = "versions",
    operation_id = "fetch_image",
    params(
        VersionPath,
        ("Range" = Option<String>, Header, description = "One range of bytes"),
        ("If-Range" = Option<String>, Header, description = "The ETag that the range belongs to"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag that the caller has"),
    ),
    responses(
        (status = 200, content_type = "application/zstd", body = String, description = "The image"),
        (status = 206, content_type = "application/zstd", body = String, description = "A range of it"),
        (status = 304, description = "The caller has it"),
        (status = 307, description = "It is elsewhere"),
        (status = 404, body = ErrorBody, description = "There is no such version"),
        (status = 416, body = ErrorBody, description = "The range lies outside the image"),
        Refusals,
    )
)]
pub(in crate::http) async fn image(
    AsClient(reader): AsClient,
    path: VersionPath,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let found = reader
        .fetch(&path.name, path.architecture, path.number)
        .await?;
    let Fetch { image, content } = found.ok_or_else(|| path.missing())?;
    let tag = ETag::new(image.digest);
    if tag.is_known(&headers) {
        let tag = [(header::ETAG, tag.as_str())];
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    if method == Method::HEAD {
        // An address is signed for fetching only; what it would tell is known here.
        let wanted = Wanted::of(&headers, image.size, tag.as_str());
        return Ok(answer(wanted, &image, &path, None)?.into_response());
    }
    let body = match content {
        Content::Redirect(url) => return Ok(Redirect::temporary(url.as_str()).into_response()),
        here => Some(here),
    };
    let wanted = Wanted::of(&headers, image.size, tag.as_str());
    Ok(answer(wanted, &image, &path, body)?.into_response())
}

/// The answer to what is wanted; without content its headers only.
fn answer(
    wanted: Wanted,
    image: &ImageInfo,
    path: &VersionPath,
    content: Option<Content>,
) -> Result<Response, ApiError> {
    let (range, status) = match wanted {
        Wanted::Whole => (0..image.size, StatusCode::OK),
        Wanted::Part(range) => (range, StatusCode::PARTIAL_CONTENT),
        Wanted::Outside => return Err(outside(image.size)),
    };
    let head = response::Builder::new()
        .status(status)
        .header(header::CONTENT_TYPE, "application/zstd")
        .header(header::CONTENT_LENGTH, range.end - range.start)
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::ETAG, ETag::new(image.digest).as_str())
        .header(header::CONTENT_DISPOSITION, disposition(path));
    let head = match status {
        StatusCode::PARTIAL_CONTENT => head.header(header::CONTENT_RANGE, told(&range, image.size)),
        _ => head,
    };
    let body = content.map_or_else(Body::empty, |content| body(&content, range, image));
    head.body(body)
        .map_err(|error| ApiError::failure(ErrorCode::Internal, error))
}

fn body(content: &Content, range: Range<u64>, image: &ImageInfo) -> Body {
    let digest = image.digest;
    let Some(stream) = content.stream(range) else {
        return Body::empty();
    };
    let stream = stream.inspect_err(move |failure| {
        // The status is sent long since: the caller sees its connection break.
        error!(%digest, error = %failure, "an image could not be read while it was sent");
    });
    Body::from_stream(stream)
}

fn told(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end - 1)
}

fn disposition(path: &VersionPath) -> String {
    let VersionPath {
        name,
        architecture,
        number,
    } = path;
    format!("attachment; filename=\"{name}-{architecture}-{number}.tar.zst\"")
}

fn outside(size: u64) -> ApiError {
    let message = format!("header range: the image has {size} bytes");
    let error = ApiError::new(ErrorCode::RangeNotSatisfiable, message);
    match HeaderValue::try_from(format!("bytes */{size}")) {
        Ok(told) => error.with_header(header::CONTENT_RANGE, told),
        Err(_) => error,
    }
}
