//! Entity tags of resources: with `If-Match`, a client changes only the state that it has seen.
//!
//! The tag is the hash of the resource as it is shown, so equal content has an equal tag and nothing has
//! to be stored. Existing programs send tags with and without quotation marks.

use aar_daemon::http::ETag;
use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{envelope::Success, error::ApiError};

/// The tag of a resource in its current state.
pub(super) fn state_tag(resource: &impl Serialize) -> Result<ETag, ApiError> {
    let json = serde_json::to_vec(resource).map_err(ApiError::internal)?;
    Ok(ETag::new(aar_fs::digest_of(&json)).accepting_unquoted())
}

/// Refuses a change that is meant for another state of the resource.
pub(super) fn check_if_match(
    resource: &impl Serialize,
    headers: &HeaderMap,
) -> Result<(), ApiError> {
    if state_tag(resource)?.is_expected(headers) {
        Ok(())
    } else {
        Err(ApiError::PreconditionFailed)
    }
}

/// Shows a resource under its tag, or says that the client has it.
pub(super) fn show_tagged(tag: &ETag, resource: &impl Serialize, request: &HeaderMap) -> Response {
    let headers = [(header::ETAG, tag.header())];
    if tag.is_known(request) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, Success(resource)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn change_of_another_state_is_refused() {
        let tag = state_tag(&"a").unwrap();
        let quoted = tag.as_str();
        let listed = format!("\"other\", {quoted}");
        let unquoted = quoted.trim_matches('"');
        for current in [quoted, &listed, unquoted, "*"] {
            check_if_match(&"a", &headers(header::IF_MATCH, current)).unwrap();
        }
        let weak = format!("W/{quoted}");
        for other in ["\"other\"", "", &*weak] {
            let refused = check_if_match(&"a", &headers(header::IF_MATCH, other));
            assert!(
                matches!(refused, Err(ApiError::PreconditionFailed)),
                "{other}"
            );
        }
        check_if_match(&"a", &HeaderMap::new()).unwrap();
    }

    #[test]
    fn tag_follows_the_content() {
        assert_eq!(state_tag(&[1, 2]).unwrap(), state_tag(&[1, 2]).unwrap());
        assert_ne!(state_tag(&[1, 2]).unwrap(), state_tag(&[2, 1]).unwrap());
    }

    #[test]
    fn resource_is_shown_unless_its_tag_is_known() {
        let tag = state_tag(&1).unwrap();
        let status = |headers| show_tagged(&tag, &1, &headers).status();
        let known = headers(header::IF_NONE_MATCH, tag.as_str());
        assert_eq!(status(known), StatusCode::NOT_MODIFIED);
        let other = headers(header::IF_NONE_MATCH, "\"other\"");
        assert_eq!(status(other), StatusCode::OK);
        assert_eq!(status(HeaderMap::new()), StatusCode::OK);
    }
}
