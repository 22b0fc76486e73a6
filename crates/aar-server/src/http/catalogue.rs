//! Answers that show the catalogue: each says of which registry and which revision.

use aar_types::{RegistryId, Revision, headers};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::conditions::ETag;

/// Which state of the catalogue an answer shows.
pub(crate) struct Stamp {
    registry_id: RegistryId,
    revision: Revision,
}

impl Stamp {
    pub(super) fn new(registry_id: RegistryId, revision: Revision) -> Self {
        Self {
            registry_id,
            revision,
        }
    }

    fn etag(&self) -> ETag {
        ETag::new(format_args!("{}-{}", self.registry_id, self.revision))
    }

    /// The answer to a caller who has this state already.
    pub(crate) fn not_modified(&self, request: &HeaderMap) -> Option<Response> {
        let known = self.etag().is_known(request);
        known.then(|| self.on(StatusCode::NOT_MODIFIED))
    }

    /// An answer that shows this state.
    pub(crate) fn on(&self, answer: impl IntoResponse) -> Response {
        let mut response = answer.into_response();
        let entries = response.headers_mut();
        for (name, value) in [
            (header::ETAG, self.etag().as_str()),
            (
                HeaderName::from_static(headers::REGISTRY_ID),
                self.registry_id.as_str(),
            ),
            (
                HeaderName::from_static(headers::REVISION),
                &self.revision.to_string(),
            ),
        ] {
            // An id is letters, digits and hyphens: every header takes it.
            if let Ok(value) = HeaderValue::from_str(value) {
                entries.insert(name, value);
            }
        }
        response
    }
}
