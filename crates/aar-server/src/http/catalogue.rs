//! Responses with the catalogue, which name the registry and the revision.
//!
//! Between two changes all clients see the same catalogue, and after a change they all fetch it. So headers
//! and bodies are created once for each revision and cached; concurrent requests for the same body wait for
//! it.

use std::{fmt::Display, future::Future, sync::Arc};

use aar_daemon::http::ETag;
use aar_types::{Envelope, ErrorCode, RegistryId, Revision, headers};
use arc_swap::ArcSwap;
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};
use serde::Serialize;

use super::error::ApiError;

const CACHE_BYTES: u64 = 16 << 20;
/// The expected number of bodies.
const CACHE_ITEMS: usize = 64;

/// The headers of responses with one revision of the catalogue. Cheap to clone.
#[derive(Clone)]
pub(crate) struct RevisionHeaders(Arc<HeadersInner>);

struct HeadersInner {
    revision: Revision,
    etag: ETag,
    headers: [(HeaderName, HeaderValue); 3],
}

impl RevisionHeaders {
    fn new(registry_id: &RegistryId, revision: Revision) -> Self {
        let etag = ETag::new(format_args!("{registry_id}-{revision}"));
        let headers = [
            (header::ETAG, etag.header()),
            (
                HeaderName::from_static(headers::REGISTRY_ID),
                // An id consists of letters, digits and hyphens.
                HeaderValue::from_str(registry_id.as_str()).unwrap_or(HeaderValue::from_static("")),
            ),
            (
                HeaderName::from_static(headers::REVISION),
                HeaderValue::from(revision.0),
            ),
        ];
        Self(Arc::new(HeadersInner {
            revision,
            etag,
            headers,
        }))
    }

    /// The response to a client that has this revision.
    pub(super) fn not_modified(&self, request: &HeaderMap) -> Option<Response> {
        let is_known = self.0.etag.is_known(request);
        is_known.then(|| self.add_to(StatusCode::NOT_MODIFIED))
    }

    pub(crate) fn add_to(&self, response: impl IntoResponse) -> Response {
        let mut response = response.into_response();
        for (name, value) in &self.0.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response
    }
}

#[derive(Clone)]
struct CachedResponse {
    headers: RevisionHeaders,
    body: Bytes,
}

impl IntoResponse for CachedResponse {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        let body = ([(header::CONTENT_TYPE, json)], Body::from(self.body));
        self.headers.add_to(body)
    }
}

type BodyCache = Cache<CacheKey, CachedResponse, SizeInBytes>;
type CacheKey = (Revision, Box<str>);

#[derive(Clone)]
struct SizeInBytes;

impl Weighter<CacheKey, CachedResponse> for SizeInBytes {
    fn weight(&self, (_, key): &CacheKey, response: &CachedResponse) -> u64 {
        (key.len() + response.body.len()) as u64
    }
}

/// One shard, so that a single body can be almost as large as the cache.
fn body_cache() -> BodyCache {
    let options = OptionsBuilder::new()
        .shards(1)
        .estimated_items_capacity(CACHE_ITEMS)
        .weight_capacity(CACHE_BYTES)
        .build();
    match options {
        Ok(options) => Cache::with_options(
            options,
            SizeInBytes,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        ),
        // Options are refused only if one is missing.
        Err(_) => Cache::with_weighter(CACHE_ITEMS, CACHE_BYTES, SizeInBytes),
    }
}

/// The responses of the current revision.
pub(super) struct ResponseCache {
    registry_id: RegistryId,
    current: ArcSwap<HeadersInner>,
    bodies: BodyCache,
}

impl ResponseCache {
    pub(super) fn new(registry_id: RegistryId) -> Self {
        Self {
            current: ArcSwap::new(RevisionHeaders::new(&registry_id, Revision(0)).0),
            bodies: body_cache(),
            registry_id,
        }
    }

    /// The headers of a revision. A new revision clears the cache: no request needs an older one.
    pub(super) fn headers_at(&self, revision: Revision) -> RevisionHeaders {
        let current = self.current.load();
        if current.revision == revision {
            return RevisionHeaders(Arc::clone(&current));
        }
        let headers = RevisionHeaders::new(&self.registry_id, revision);
        if revision > current.revision {
            self.current.store(Arc::clone(&headers.0));
            self.bodies.clear();
        }
        headers
    }

    /// Responds from the cache, or calls `read`, which returns the revision that it has read.
    pub(super) async fn respond<T: Serialize, F>(
        &self,
        revision: Revision,
        key: impl Display,
        read: impl FnOnce(Revision) -> F,
    ) -> Result<Response, ApiError>
    where
        F: Future<Output = Result<(Envelope<T>, Revision), ApiError>>,
    {
        let key = (revision, key.to_string().into());
        let create = async {
            // Boxed, because a thousand requests may wait here and only one reads.
            let (envelope, revision) = Box::pin(read(revision)).await?;
            let body = serde_json::to_vec(&envelope)
                .map_err(|error| ApiError::failure(ErrorCode::Internal, error))?;
            Ok::<_, ApiError>(CachedResponse {
                headers: self.headers_at(revision),
                // Without the spare capacity of the vector.
                body: body.into_boxed_slice().into(),
            })
        };
        let response = self.bodies.get_or_insert_async(&key, create).await?;
        Ok(response.into_response())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    fn cache() -> Arc<ResponseCache> {
        let id = "3ddfe147-db35-4904-8aff-1c65ef9c9767".parse().unwrap();
        Arc::new(ResponseCache::new(id))
    }

    /// Responds with a text of this length, and counts how often it is read.
    async fn respond(cache: &ResponseCache, revision: u64, length: usize, reads: &AtomicUsize) {
        let revision = Revision(revision);
        let read = async |revision| {
            reads.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok((Envelope::sync("x".repeat(length)), revision))
        };
        cache.headers_at(revision);
        let response = cache.respond(revision, "/1.0/applications", read).await;
        let response = response.unwrap();
        let shown = &response.headers()[headers::REVISION];
        assert_eq!(shown, &HeaderValue::from(revision.0));
    }

    #[tokio::test]
    async fn response_is_read_once_for_each_revision_whatever_its_size() {
        let (cache, reads) = (cache(), AtomicUsize::new(0));
        for length in [100, 12 << 20] {
            let (first, second) = (length as u64, length as u64 + 1);
            let before = reads.load(Ordering::SeqCst);
            tokio::join!(
                respond(&cache, first, length, &reads),
                respond(&cache, first, length, &reads)
            );
            respond(&cache, first, length, &reads).await;
            assert_eq!(reads.load(Ordering::SeqCst), before + 1);
            respond(&cache, second, length, &reads).await;
            assert_eq!(reads.load(Ordering::SeqCst), before + 2);
        }
    }

    #[tokio::test]
    async fn waiting_request_is_answered_when_the_reading_one_is_cancelled_or_fails() {
        let (cache, reads) = (cache(), AtomicUsize::new(0));
        cache.headers_at(Revision(1));
        let other = Arc::clone(&cache);
        let cancelled = tokio::spawn(async move {
            let never = |_| pending::<Result<(Envelope<()>, Revision), ApiError>>();
            let _ = other.respond(Revision(1), "/1.0/applications", never).await;
        });
        tokio::task::yield_now().await;
        let waiting = respond(&cache, 1, 10, &reads);
        tokio::pin!(waiting);
        tokio::select! {
            biased;
            () = &mut waiting => panic!("it did not wait"),
            () = tokio::task::yield_now() => {}
        }
        cancelled.abort();
        waiting.await;
        assert_eq!(reads.load(Ordering::SeqCst), 1);

        let fails = async |_| Err::<(Envelope<()>, Revision), _>(ApiError::invalid("no"));
        let failed = cache.respond(Revision(2), "/1.0/applications", fails);
        assert!(failed.await.is_err());
        respond(&cache, 2, 10, &reads).await;
    }

    #[tokio::test]
    async fn responses_of_an_earlier_revision_are_dropped() {
        let (cache, reads) = (cache(), AtomicUsize::new(0));
        cache.headers_at(Revision(1));
        respond(&cache, 1, 100, &reads).await;
        assert_eq!(cache.bodies.len(), 1);
        cache.headers_at(Revision(2));
        assert_eq!(cache.bodies.len(), 0);
        // The headers of an earlier revision, as of the change feed, do not make it current.
        cache.headers_at(Revision(1));
        assert_eq!(cache.current.load().revision, Revision(2));
    }
}
