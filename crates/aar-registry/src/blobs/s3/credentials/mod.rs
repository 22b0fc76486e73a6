//! With which credentials requests are signed.
//!
//! Those that are written in the configuration; else those of the surroundings, in the order of
//! the tools of AWS: environment, web identity, container, instance. What does not last is fetched
//! anew before it expires, and goes on being used when that fails, as long as it is good.
//!
//! Time is the system's here: it is what signatures are made with, and what the other side checks.

mod container;
mod instance;
mod source;
mod web_identity;

use std::{sync::Arc, time::Duration};

use aar_types::Clock;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use object_store::{CredentialProvider, aws::AwsCredential, client::HttpClient};
use serde::Deserialize;
use tokio::sync::Mutex;

pub(super) use source::Source;

/// How often fetching is tried, and how long is waited in between.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_secs(1),
];
/// The longest time before its end at which a credential is replaced.
const EARLY: SignedDuration = SignedDuration::from_mins(10);
/// How long to leave a source alone that has just failed, while there is something to go on with.
const LEAVE_ALONE: SignedDuration = SignedDuration::from_secs(10);

/// Why there is nothing to sign with.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {reason}")]
pub(crate) struct NoCredential {
    /// Where it should have come from.
    pub(crate) place: String,
    pub(crate) reason: String,
}

/// A credential and its end.
#[derive(Debug, Clone)]
pub(super) struct Lease {
    pub(super) credential: Arc<AwsCredential>,
    pub(super) expires: Option<Timestamp>,
    /// From when on another is fetched.
    renew: Option<Timestamp>,
}

impl Lease {
    fn new(credential: AwsCredential, expires: Option<Timestamp>, now: Timestamp) -> Self {
        let renew = expires.map(|end| {
            let early = (end.duration_since(now) / 4).clamp(SignedDuration::ZERO, EARLY);
            end.saturating_sub(early).unwrap_or(end)
        });
        Self {
            credential: Arc::new(credential),
            expires,
            renew,
        }
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        self.renew.is_none_or(|renew| now < renew)
    }

    fn is_good(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|end| now < end)
    }

    /// How long it is good for.
    pub(super) fn left(&self, now: Timestamp) -> Option<Duration> {
        let left = self.expires?.duration_since(now);
        Some(left.try_into().unwrap_or_default())
    }
}

/// Keeps a credential, and replaces it in time.
#[derive(Debug)]
pub(super) struct Credentials {
    source: Source,
    client: HttpClient,
    clock: Clock,
    lease: Mutex<Option<Lease>>,
}

impl Credentials {
    pub(super) fn new(source: Source, client: HttpClient) -> Self {
        Self {
            source,
            client,
            clock: Clock::system(),
            lease: Mutex::default(),
        }
    }

    /// The credential of the moment.
    pub(super) async fn lease(&self) -> Result<Lease, NoCredential> {
        let mut kept = self.lease.lock().await;
        let now = self.clock.now();
        match &mut *kept {
            Some(lease) if lease.is_fresh(now) => return Ok(lease.clone()),
            _ => {}
        }
        match (self.fetch().await, &mut *kept) {
            (Ok(lease), kept) => Ok(kept.insert(lease).clone()),
            (Err(error), Some(lease)) if lease.is_good(now) => {
                tracing::warn!(%error, "credentials cannot be renewed; the present ones are used");
                lease.renew = now.saturating_add(LEAVE_ALONE).ok();
                Ok(lease.clone())
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn fetch(&self) -> Result<Lease, NoCredential> {
        for pause in PAUSES {
            match self.source.fetch(&self.client, self.clock.now()).await {
                Ok(lease) => return Ok(lease),
                Err(error) => tracing::debug!(%error, "trying again to fetch credentials"),
            }
            tokio::time::sleep(pause).await;
        }
        self.source.fetch(&self.client, self.clock.now()).await
    }
}

#[async_trait]
impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let lease = self.lease().await;
        let lease = lease.map_err(|error| object_store::Error::Generic {
            store: "S3",
            source: error.into(),
        })?;
        Ok(lease.credential)
    }
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
