use aar_fs::Sha256Hasher;
use aar_http::Body;
use bytes::Bytes;
use futures_util::stream;
use http::Method;
use url::{Url, form_urlencoded::byte_serialize};

use super::retry::RetryPolicy;
use crate::{Error, tasks::blocking};

/// The maximum size of a body that is hashed on the current thread.
const SMALL: u64 = 64 << 10;

/// A request about a bucket or one of its objects.
#[derive(Debug, Default)]
pub(in super::super) struct S3Request<'a> {
    pub(in super::super) method: Method,
    /// The key in the bucket.
    pub(in super::super) key: Option<&'a str>,
    pub(in super::super) query: &'a [(&'a str, &'a str)],
    pub(in super::super) headers: &'a [(&'a str, &'a str)],
    pub(in super::super) body: RequestBody,
    pub(in super::super) retry: RetryPolicy,
    /// Whether the request makes the service assemble an object from its parts.
    pub(in super::super) completes_upload: bool,
}

impl S3Request<'_> {
    pub(super) fn url(&self, bucket: &Url) -> Url {
        let mut url = object_url(bucket, self.key);
        for (name, value) in self.query {
            url.query_pairs_mut().append_pair(name, value);
        }
        url
    }
}

pub(super) fn object_url(bucket: &Url, key: Option<&str>) -> Url {
    let mut url = bucket.clone();
    if let Some(key) = key {
        let bucket = url.path().trim_end_matches('/');
        url.set_path(&format!("{bucket}/{}", encode(key)));
    }
    url
}

/// Encodes a key as signatures require: services compute them from the path of the request. No key has a
/// space or an asterisk, which forms encode differently.
fn encode(key: &str) -> String {
    let segments = key.split('/');
    let segments = segments.map(|segment| byte_serialize(segment.as_bytes()).collect::<String>());
    segments.collect::<Vec<_>>().join("/")
}

/// A body with the hash that is signed, which detects damage in transit.
#[derive(Debug, Clone)]
pub(in super::super) struct RequestBody {
    pieces: Vec<Bytes>,
    pub(super) length: u64,
    pub(super) sha256: String,
}

impl Default for RequestBody {
    fn default() -> Self {
        Self::small(Bytes::new())
    }
}

impl RequestBody {
    pub(in super::super) fn small(content: Bytes) -> Self {
        Self::hashed(vec![content])
    }

    pub(in super::super) async fn new(pieces: Vec<Bytes>) -> Result<Self, Error> {
        let length: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        if length <= SMALL {
            return Ok(Self::hashed(pieces));
        }
        blocking(move || Ok(Self::hashed(pieces))).await
    }

    fn hashed(pieces: Vec<Bytes>) -> Self {
        let mut hasher = Sha256Hasher::new();
        for piece in &pieces {
            hasher.update(piece);
        }
        Self {
            length: pieces.iter().map(|piece| piece.len() as u64).sum(),
            sha256: hasher.finish().to_string(),
            pieces,
        }
    }

    pub(super) fn to_http(&self) -> Body {
        match self.pieces.as_slice() {
            [] => Body::default(),
            [piece] => piece.clone().into(),
            pieces => {
                let pieces: Vec<_> = pieces
                    .iter()
                    .cloned()
                    .map(Ok::<_, std::io::Error>)
                    .collect();
                Body::from_stream(stream::iter(pieces))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_encoded_as_signatures_want_it() {
        let bucket = "https://s3/aar0".parse().unwrap();
        let url = object_url(&bucket, Some("a!_.()-/B9/trust/x.json"));
        assert_eq!(url.path(), "/aar0/a%21_.%28%29-/B9/trust/x.json");
    }

    #[tokio::test]
    async fn body_has_the_hash_of_all_its_pieces() {
        let pieces = vec![Bytes::from(vec![7; 100_000]), Bytes::from_static(b"end")];
        let whole = RequestBody::small(pieces.concat().into());
        let body = RequestBody::new(pieces).await.unwrap();
        assert_eq!((body.length, &body.sha256), (100_003, &whole.sha256));
    }
}
