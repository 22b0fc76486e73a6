//! With which credentials requests are signed.
//!
//! Those that are written in the configuration; else those of the surroundings, in the order of
//! the tools of AWS: environment, web identity, container, instance. What does not last is fetched
//! anew before it expires, beside the requests that go on with it; nobody waits as long as it is
//! good. One fetch is under way at a time, whoever waits for it.
//!
//! Time is the system's here: it is what signatures are made with, and what the other side checks.

mod ask;
mod container;
mod instance;
mod lease;
mod renewal;
mod source;
mod web_identity;

use jiff::Timestamp;
use object_store::aws::AwsCredential;
use serde::Deserialize;

use lease::Lease;

pub(super) use renewal::Credentials;
pub(super) use source::Source;

/// Why there is nothing to sign with.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{place}: {reason}")]
pub(crate) struct NoCredential {
    /// Where it should have come from.
    pub(crate) place: String,
    pub(crate) reason: String,
}

/// A credential as the endpoints of containers and instances write it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<Timestamp>,
}

impl Document {
    fn read(text: &str, place: &str, now: Timestamp) -> Result<Lease, NoCredential> {
        // The error of the parser could show what it read.
        let read: Self = serde_json::from_str(text).map_err(|_| NoCredential {
            place: place.to_owned(),
            reason: "what it answers is no credential".to_owned(),
        })?;
        let credential = AwsCredential {
            key_id: read.access_key_id,
            secret_key: read.secret_access_key,
            token: read.token,
        };
        Ok(Lease::new(credential, read.expiration, now))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn document(expiration: &str) -> String {
        format!(
            r#"{{"Code":"Success","AccessKeyId":"ASIA1","SecretAccessKey":"hush","Token":"token","Expiration":"{expiration}"}}"#
        )
    }

    #[test]
    fn a_credential_is_replaced_some_time_before_its_end() {
        let long = Document::read(&document("2026-01-01T06:00:00Z"), "x", now()).unwrap();
        assert_eq!(long.renew, Some("2026-01-01T05:50:00Z".parse().unwrap()));
        let short = Document::read(&document("2026-01-01T00:00:20Z"), "x", now()).unwrap();
        assert_eq!(short.renew, Some("2026-01-01T00:00:15Z".parse().unwrap()));
        assert_eq!(short.left(now()), Some(Duration::from_secs(20)));
        let gone = Document::read(&document("2025-01-01T00:00:00Z"), "x", now()).unwrap();
        assert!(!gone.is_fresh(now()) && !gone.is_good(now()));
        assert_eq!(gone.left(now()), Some(Duration::ZERO));
    }

    #[test]
    fn what_is_no_credential_is_refused_without_being_shown() {
        let text = r#"{"AccessKeyId": "ASIA1", "SecretAccessKey": ["hush"]}"#;
        let refused = Document::read(text, "http://169.254.169.254", now()).unwrap_err();
        let shown = format!("{refused} {refused:?}");
        assert!(
            shown.contains("169.254.169.254") && !shown.contains("hush"),
            "{shown}"
        );
    }

    #[test]
    fn a_lease_does_not_show_its_secrets() {
        let lease = Document::read(&document("2026-01-01T06:00:00Z"), "x", now()).unwrap();
        let shown = format!("{lease:?}");
        assert!(
            !shown.contains("hush") && !shown.contains("\"token\""),
            "{shown}"
        );
    }
}
