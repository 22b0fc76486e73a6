//! Files as responses, whole or in part.

use std::ops::Range;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use headers::{AcceptRanges, ContentLength, ContentRange, HeaderMapExt};

use super::{ETag, range::Selection};

#[derive(Debug, Clone)]
pub struct FileResponse {
    /// Its size in bytes.
    pub size: u64,
    /// The tag that `If-Range` refers to.
    pub etag: ETag,
    /// Its media type.
    pub content_type: &'static str,
    /// The name under which clients store it. It contains nothing that needs escaping.
    pub file_name: String,
}

/// The part of a file that a request selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePart {
    /// Its bytes.
    pub range: Range<u64>,
    is_partial: bool,
}

/// The requested range lies beyond the end of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the range lies beyond the end of the file, which has {size} bytes")]
pub struct RangeNotSatisfiable {
    /// The size of the file.
    pub size: u64,
}

impl FileResponse {
    /// The part that a request with this method and these headers selects. A range has a meaning for
    /// GET only.
    pub fn part(
        &self,
        method: &Method,
        request: &HeaderMap,
    ) -> Result<FilePart, RangeNotSatisfiable> {
        if method == Method::HEAD {
            let (range, is_partial) = (0..self.size, false);
            return Ok(FilePart { range, is_partial });
        }
        let (range, is_partial) = match Selection::of(request, self.size, self.etag.as_str()) {
            Selection::Whole => (0..self.size, false),
            Selection::Part(range) => (range, true),
            Selection::Unsatisfiable => return Err(RangeNotSatisfiable { size: self.size }),
        };
        Ok(FilePart { range, is_partial })
    }

    /// The response with a part, whose bytes are in `body`.
    pub fn respond(self, part: FilePart, body: Body) -> Response {
        let mut response = body.into_response();
        let FilePart { range, is_partial } = part;
        let headers = response.headers_mut();
        headers.typed_insert(AcceptRanges::bytes());
        headers.typed_insert(ContentLength(range.end - range.start));
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(self.content_type),
        );
        headers.insert(header::ETAG, self.etag.header());
        let disposition = format!("attachment; filename={}", self.file_name);
        if let Ok(disposition) = HeaderValue::try_from(disposition) {
            headers.insert(header::CONTENT_DISPOSITION, disposition);
        }
        if is_partial && let Ok(range) = ContentRange::bytes(range, self.size) {
            headers.typed_insert(range);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        response
    }
}

impl RangeNotSatisfiable {
    /// The header `Content-Range` of the refusal.
    pub fn content_range(self) -> HeaderValue {
        let text = format!("bytes */{}", self.size);
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("bytes */*"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn respond(range: &str) -> Result<Response, RangeNotSatisfiable> {
        respond_to(&Method::GET, range)
    }

    fn respond_to(method: &Method, range: &str) -> Result<Response, RangeNotSatisfiable> {
        let file = FileResponse {
            size: 10,
            etag: ETag::new("a"),
            content_type: "application/zstd",
            file_name: "game.tar.zst".to_owned(),
        };
        let request = HeaderMap::from_iter([(header::RANGE, range.parse().unwrap())]);
        let part = file.part(method, &request)?;
        Ok(file.respond(part, Body::empty()))
    }

    #[test]
    fn range_of_head_is_ignored() {
        for range in ["bytes=5-", "bytes=10-"] {
            let response = respond_to(&Method::HEAD, range).unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{range}");
            assert_eq!(response.headers()[header::CONTENT_LENGTH], "10", "{range}");
        }
    }

    #[test]
    fn whole_file_is_described() {
        let response = respond("").unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        for (name, value) in [
            (header::ACCEPT_RANGES, "bytes"),
            (
                header::CONTENT_DISPOSITION,
                "attachment; filename=game.tar.zst",
            ),
            (header::CONTENT_LENGTH, "10"),
            (header::CONTENT_TYPE, "application/zstd"),
            (header::ETAG, "\"a\""),
        ] {
            assert_eq!(response.headers()[&name], value, "{name}");
        }
        assert!(!response.headers().contains_key(header::CONTENT_RANGE));
    }

    #[test]
    fn part_has_its_range_and_length() {
        let response = respond("bytes=3-6").unwrap();
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(response.headers()[header::CONTENT_LENGTH], "4");
        assert_eq!(response.headers()[header::CONTENT_RANGE], "bytes 3-6/10");
    }

    #[test]
    fn range_beyond_the_end_is_refused_with_the_size() {
        let refused = respond("bytes=10-").unwrap_err();
        assert_eq!(refused.content_range(), "bytes */10");
    }
}
