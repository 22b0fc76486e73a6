//! Entity tags: how a caller makes sure that it changes what it has seen.
//!
//! The tag is the hash of the resource as it is answered, so equal content has an equal tag and
//! nothing has to be stored. Tags are compared with and without quotation marks: the programs in
//! the field send both.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{envelope::Done, error::ApiError};

/// The tag of one state of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ETag(String);

impl ETag {
    /// The tag of a resource in its present state.
    pub(super) fn of(resource: &impl Serialize) -> Result<Self, ApiError> {
        let json = serde_json::to_vec(resource).map_err(ApiError::internal)?;
        let hash: [u8; 32] = Sha256::digest(json).into();
        Ok(Self(aar_types::Digest::from_bytes(hash).to_string()))
    }

    fn header(&self) -> Result<HeaderValue, ApiError> {
        HeaderValue::try_from(format!("\"{}\"", self.0)).map_err(ApiError::internal)
    }

    /// Refuses a change that was meant for another state of the resource.
    pub(super) fn check_if_match(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        match self.is_listed(headers, &header::IF_MATCH) {
            Some(false) => Err(ApiError::PreconditionFailed),
            Some(true) | None => Ok(()),
        }
    }

    /// Shows the resource under this tag, unless the caller has it already.
    pub(super) fn answer(
        &self,
        resource: &impl Serialize,
        request: &HeaderMap,
    ) -> Result<Response, ApiError> {
        let headers = [(header::ETAG, self.header()?)];
        if self.is_known(request) {
            return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
        }
        Ok((headers, Done(resource)).into_response())
    }

    /// Names the state in an answer that shows something else.
    pub(super) fn tag(&self, response: &mut Response) -> Result<(), ApiError> {
        response.headers_mut().insert(header::ETAG, self.header()?);
        Ok(())
    }

    /// Whether the caller has this state already.
    fn is_known(&self, headers: &HeaderMap) -> bool {
        self.is_listed(headers, &header::IF_NONE_MATCH) == Some(true)
    }

    fn is_listed(&self, headers: &HeaderMap, name: &HeaderName) -> Option<bool> {
        let mut values = headers.get_all(name).iter().peekable();
        values.peek()?;
        let tags = values.filter_map(|value| value.to_str().ok());
        Some(
            tags.flat_map(|list| list.split(','))
                .any(|tag| self.is(tag)),
        )
    }

    fn is(&self, tag: &str) -> bool {
        let tag = tag.trim();
        tag == "*" || tag.trim_matches('"') == self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn a_change_meant_for_another_state_is_refused() {
        let tag = ETag::of(&"a").unwrap();
        let quoted = tag.header().unwrap().to_str().unwrap().to_owned();
        let listed = format!("\"other\", {quoted}");
        let bare = quoted.trim_matches('"');
        for good in [&*quoted, &*listed, bare, "*"] {
            tag.check_if_match(&headers(header::IF_MATCH, good))
                .unwrap();
        }
        let weak = format!("W/{quoted}");
        for bad in ["\"other\"", "", &*weak] {
            let refused = tag.check_if_match(&headers(header::IF_MATCH, bad));
            assert!(
                matches!(refused, Err(ApiError::PreconditionFailed)),
                "{bad}"
            );
        }
        tag.check_if_match(&HeaderMap::new()).unwrap();
    }

    #[test]
    fn the_tag_follows_the_content() {
        assert_eq!(ETag::of(&[1, 2]).unwrap(), ETag::of(&[1, 2]).unwrap());
        assert_ne!(ETag::of(&[1, 2]).unwrap(), ETag::of(&[2, 1]).unwrap());
    }

    #[test]
    fn a_state_is_known_only_to_who_names_its_tag() {
        let tag = ETag::of(&1).unwrap();
        let quoted = tag.header().unwrap();
        let known = HeaderMap::from_iter([(header::IF_NONE_MATCH, quoted)]);
        assert!(tag.is_known(&known));
        assert!(!tag.is_known(&headers(header::IF_NONE_MATCH, "\"other\"")));
        assert!(!tag.is_known(&HeaderMap::new()));
    }
}
