//! The credentials that sign requests.
//!
//! They are from the configuration, or else from the environment of the process, in the order of the AWS
//! tools: variables, web identity, container, instance. Temporary credentials are renewed before they expire,
//! while requests use the old ones. All requests share one renewal.

mod cache;
mod container;
mod http;
mod instance;
mod signing_keys;
mod source;
mod web_identity;

pub(super) use cache::CredentialCache;
pub(super) use signing_keys::SigningKeys;
pub(super) use source::CredentialSource;

/// Looks up a variable of the environment.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The reason why no credentials were found.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{issuer}: {reason}")]
pub(super) struct NoCredentials {
    issuer: String,
    reason: String,
}

impl NoCredentials {
    fn new(issuer: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            reason: reason.into(),
        }
    }
}
