//! `GET /1.0/applications/<id>/<version>`: sends the image of a version.

use std::io::SeekFrom;

use aar_daemon::http::{ETag, FileResponse};
use ams_api::headers;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method},
    response::Response,
};
use fs_err::tokio::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::VersionPath;
use crate::http::{auth::TrustedCaller, error::ApiError};

const BUFFER_BYTES: usize = 512 * 1024;

pub(in crate::http) async fn export(
    caller: TrustedCaller,
    VersionPath { id, number }: VersionPath,
    method: Method,
    request: HeaderMap,
) -> Result<Response, ApiError> {
    let applications = caller.ams.applications();
    let image = applications.export(&id, number).await?;
    let manifest = applications.manifest(&id, Some(number)).await?;
    // The open file can be sent even if the image is deleted meanwhile.
    let file = File::open(&image.path).await?;
    let description = FileResponse {
        size: image.size,
        etag: ETag::new(image.digest),
        content_type: "application/octet-stream",
        file_name: image.file_name,
    };
    let mut response = send(file, description, &method, &request).await?;
    for (name, hash) in [
        (headers::FINGERPRINT, image.digest),
        (headers::MANIFEST_SHA256, manifest.sha256),
    ] {
        let hash = HeaderValue::try_from(hash.to_string()).map_err(ApiError::internal)?;
        response.headers_mut().insert(name, hash);
    }
    Ok(response)
}

async fn send(
    mut file: File,
    description: FileResponse,
    method: &Method,
    request: &HeaderMap,
) -> Result<Response, ApiError> {
    let part = description.part(method, request)?;
    file.seek(SeekFrom::Start(part.range.start)).await?;
    let file = file.take(part.range.end - part.range.start);
    let stream = ReaderStream::with_capacity(file, BUFFER_BYTES);
    Ok(description.respond(part, Body::from_stream(stream)))
}

#[cfg(test)]
mod tests {
    use aar_daemon::http::RangeNotSatisfiable;
    use aar_types::Digest;
    use axum::http::{HeaderName, StatusCode, header};
    use http_body_util::BodyExt;

    use super::*;

    async fn download(request: &[(HeaderName, &str)]) -> Result<(Response<()>, String), ApiError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        fs_err::write(&path, "0123456789").unwrap();
        let description = FileResponse {
            size: 10,
            etag: ETag::new(Digest::from_bytes([0xab; 32])),
            content_type: "application/octet-stream",
            file_name: "a-0.tar.zst".to_owned(),
        };
        let headers = request
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()));
        let file = File::open(&path).await.unwrap();
        let response = send(file, description, &Method::GET, &headers.collect()).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Ok((
            Response::from_parts(head, ()),
            String::from_utf8(body).unwrap(),
        ))
    }

    #[tokio::test]
    async fn whole_file_is_sent_with_its_name_and_size() {
        let (head, body) = download(&[]).await.unwrap();
        assert_eq!((head.status(), &*body), (StatusCode::OK, "0123456789"));
        let headers = head.headers();
        assert_eq!(headers[header::CONTENT_LENGTH], "10");
        assert_eq!(
            headers[header::CONTENT_DISPOSITION],
            "attachment; filename=a-0.tar.zst"
        );
    }

    #[tokio::test]
    async fn part_is_sent_while_the_file_is_the_same() {
        let same = format!("\"{}\"", "ab".repeat(32));
        for (condition, expected) in [(&*same, "789"), ("\"other\"", "0123456789")] {
            let request = [(header::RANGE, "bytes=7-"), (header::IF_RANGE, condition)];
            let (head, body) = download(&request).await.unwrap();
            assert_eq!(body, expected, "{condition}");
            assert_eq!(
                head.headers()[header::CONTENT_LENGTH],
                expected.len().to_string()
            );
        }
        let (head, _) = download(&[(header::RANGE, "bytes=2-4")]).await.unwrap();
        assert_eq!(head.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(head.headers()[header::CONTENT_RANGE], "bytes 2-4/10");
    }

    #[tokio::test]
    async fn part_beyond_the_end_is_refused() {
        let refused = download(&[(header::RANGE, "bytes=10-")]).await.unwrap_err();
        assert!(
            matches!(
                refused,
                ApiError::RangeNotSatisfiable(RangeNotSatisfiable { size: 10 })
            ),
            "{refused:?}"
        );
    }
}
