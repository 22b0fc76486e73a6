//! Files as answers: streamed in large pieces, whole or from where a cut download broke off.

use std::io::SeekFrom;

use aar_daemon::Wanted;
use aar_types::Digest;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use fs_err::tokio::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::error::ApiError;

const PIECE: usize = 512 * 1024;

/// A file that is to be sent.
#[derive(Debug)]
pub(super) struct Download {
    /// The open file. It can be sent even when it is deleted meanwhile.
    pub(super) file: File,
    /// Its size.
    pub(super) size: u64,
    /// Its hash, as which `If-Range` knows it.
    pub(super) digest: Digest,
    /// The name to store it under.
    pub(super) file_name: String,
}

impl Download {
    /// The answer to a request with these headers.
    pub(super) async fn answer(self, request: &HeaderMap) -> Result<Response, ApiError> {
        let size = self.size;
        match Wanted::of(request, size, &self.tag()) {
            Wanted::Outside => Err(ApiError::RangeNotSatisfiable { size }),
            Wanted::Whole => self.part(0, size, StatusCode::OK).await,
            Wanted::Part(range) => {
                let span = format!("bytes {}-{}/{size}", range.start, range.end - 1);
                let status = StatusCode::PARTIAL_CONTENT;
                let part = self.part(range.start, range.end - range.start, status);
                let mut response = part.await?;
                let span = HeaderValue::try_from(span).map_err(ApiError::internal)?;
                response.headers_mut().insert(header::CONTENT_RANGE, span);
                Ok(response)
            }
        }
    }

    fn tag(&self) -> String {
        format!("\"{}\"", self.digest)
    }

    async fn part(
        mut self,
        from: u64,
        count: u64,
        status: StatusCode,
    ) -> Result<Response, ApiError> {
        self.file.seek(SeekFrom::Start(from)).await?;
        let headers = [
            (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
            (header::CONTENT_LENGTH, count.to_string()),
            (header::CONTENT_DISPOSITION, disposition(&self.file_name)),
            (header::ACCEPT_RANGES, "bytes".to_owned()),
            (header::ETAG, self.tag()),
        ];
        let stream = ReaderStream::with_capacity(self.file.take(count), PIECE);
        Ok((status, headers, Body::from_stream(stream)).into_response())
    }
}

/// File names are made of application names and numbers, which need no escaping.
fn disposition(file_name: &str) -> String {
    format!("attachment; filename=\"{file_name}\"")
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn ask(
        request: &[(header::HeaderName, &str)],
    ) -> Result<(Response<()>, String), ApiError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        fs_err::write(&path, "0123456789").unwrap();
        let download = Download {
            file: File::open(&path).await.unwrap(),
            size: 10,
            digest: Digest::from_bytes([0xab; 32]),
            file_name: "a-0.tar.zst".to_owned(),
        };
        let pairs = request
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()));
        let response = download.answer(&pairs.collect()).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Ok((
            Response::from_parts(head, ()),
            String::from_utf8(body).unwrap(),
        ))
    }

    #[tokio::test]
    async fn the_whole_file_is_sent_with_its_name_and_size() {
        let (head, body) = ask(&[]).await.unwrap();
        assert_eq!((head.status(), &*body), (StatusCode::OK, "0123456789"));
        let headers = head.headers();
        assert_eq!(headers[header::CONTENT_LENGTH], "10");
        assert_eq!(
            headers[header::CONTENT_DISPOSITION],
            "attachment; filename=\"a-0.tar.zst\""
        );
    }

    #[tokio::test]
    async fn a_part_is_sent_while_the_file_is_the_same() {
        let same = format!("\"{}\"", "ab".repeat(32));
        for (condition, expected) in [(&*same, "789"), ("\"other\"", "0123456789")] {
            let request = [(header::RANGE, "bytes=7-"), (header::IF_RANGE, condition)];
            let (head, body) = ask(&request).await.unwrap();
            assert_eq!(body, expected, "{condition}");
            assert_eq!(
                head.headers()[header::CONTENT_LENGTH],
                expected.len().to_string()
            );
        }
        let (head, _) = ask(&[(header::RANGE, "bytes=2-4")]).await.unwrap();
        assert_eq!(head.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(head.headers()[header::CONTENT_RANGE], "bytes 2-4/10");
    }

    #[tokio::test]
    async fn a_part_outside_of_the_file_is_refused() {
        let refused = ask(&[(header::RANGE, "bytes=10-")]).await.unwrap_err();
        assert!(
            matches!(refused, ApiError::RangeNotSatisfiable { size: 10 }),
            "{refused:?}"
        );
    }
}
