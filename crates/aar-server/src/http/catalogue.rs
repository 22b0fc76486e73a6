//! Answers that show the catalogue: each says of which registry and which revision.
//!
//! Between two changes the catalogue is the same for everybody, and after a change everybody comes
//! to see it. So what an answer says of its revision, and its body, are made once for each revision
//! and handed to all; who asks at the same moment waits for the one that is being made.

use std::{fmt::Display, future::Future, sync::Arc};

use aar_types::{Envelope, ErrorCode, RegistryId, Revision, headers};
use arc_swap::ArcSwap;
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use quick_cache::{Weighter, sync::Cache};
use serde::Serialize;

use super::{conditions::ETag, errors::ApiError};

/// How much is kept of bodies that are made.
const KEPT: u64 = 16 << 20;
/// About how many bodies that is. Up to 63 are in one place, where a large one finds room.
const BODIES: usize = 63;

/// Which state of the catalogue an answer shows. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Stamp(Arc<State>);

struct State {
    revision: Revision,
    tag: ETag,
    headers: [(HeaderName, HeaderValue); 3],
}

impl Stamp {
    fn new(registry_id: &RegistryId, revision: Revision) -> Self {
        let tag = ETag::new(format_args!("{registry_id}-{revision}"));
        let headers = [
            (header::ETAG, value(tag.as_str())),
            (
                HeaderName::from_static(headers::REGISTRY_ID),
                value(registry_id.as_str()),
            ),
            (
                HeaderName::from_static(headers::REVISION),
                HeaderValue::from(revision.0),
            ),
        ];
        Self(Arc::new(State {
            revision,
            tag,
            headers,
        }))
    }

    /// The answer to a caller who has this state already.
    pub(super) fn not_modified(&self, request: &HeaderMap) -> Option<Response> {
        let known = self.0.tag.is_known(request);
        known.then(|| self.on(StatusCode::NOT_MODIFIED))
    }

    /// An answer that shows this state.
    pub(crate) fn on(&self, answer: impl IntoResponse) -> Response {
        let mut response = answer.into_response();
        for (name, value) in &self.0.headers {
            response.headers_mut().insert(name, value.clone());
        }
        response
    }
}

/// An id is letters, digits and hyphens, and so is a tag but for its quotes: every header takes them.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

/// A body that is made.
#[derive(Clone)]
struct Prepared {
    stamp: Stamp,
    body: Bytes,
}

impl IntoResponse for Prepared {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        let body = ([(header::CONTENT_TYPE, json)], Body::from(self.body));
        self.stamp.on(body)
    }
}

/// What was asked for, at which revision.
type Key = (Revision, Box<str>);

#[derive(Clone)]
struct Size;

impl Weighter<Key, Prepared> for Size {
    fn weight(&self, (_, asked): &Key, prepared: &Prepared) -> u64 {
        (asked.len() + prepared.body.len()) as u64
    }
}

/// The answers of the present revision.
pub(super) struct Answers {
    registry_id: RegistryId,
    present: ArcSwap<State>,
    bodies: Cache<Key, Prepared, Size>,
}

impl Answers {
    pub(super) fn new(registry_id: RegistryId) -> Self {
        Self {
            present: ArcSwap::new(Stamp::new(&registry_id, Revision(0)).0),
            bodies: Cache::with_weighter(BODIES, KEPT, Size),
            registry_id,
        }
    }

    pub(super) fn stamp(&self, revision: Revision) -> Stamp {
        let present = self.present.load();
        if present.revision == revision {
            return Stamp(Arc::clone(&present));
        }
        let stamp = Stamp::new(&self.registry_id, revision);
        self.present.store(Arc::clone(&stamp.0));
        stamp
    }

    /// Answers a request for something of the catalogue, which is at this revision. `make` reads it
    /// and tells which revision it has read; it is only called where nobody else has.
    pub(super) async fn answer<T: Serialize>(
        &self,
        revision: Revision,
        asked: impl Display,
        make: impl Future<Output = Result<(Envelope<T>, Revision), ApiError>>,
    ) -> Result<Response, ApiError> {
        let key = (revision, asked.to_string().into());
        let prepare = async {
            let (envelope, revision) = make.await?;
            let body = serde_json::to_vec(&envelope)
                .map_err(|error| ApiError::failure(ErrorCode::Internal, error))?;
            Ok::<_, ApiError>(Prepared {
                stamp: self.stamp(revision),
                body: body.into(),
            })
        };
        let prepared = self.bodies.get_or_insert_async(&key, prepare).await?;
        Ok(prepared.into_response())
    }
}
