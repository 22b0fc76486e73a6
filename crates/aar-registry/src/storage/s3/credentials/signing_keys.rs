use std::time::Duration;

use aws_credential_types::Credentials;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::NoCredentials;

/// The longest time before the expiry at which credentials are renewed.
const EARLY: SignedDuration = SignedDuration::from_mins(10);

/// An access key with its secret and its expiry.
#[derive(Debug, Clone)]
pub(in super::super) struct SigningKeys {
    pub(in super::super) credentials: Credentials,
    pub(super) expires: Option<Timestamp>,
    /// The time of the renewal.
    renew: Option<Timestamp>,
}

/// The response of metadata services of containers and instances.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<Timestamp>,
}

impl SigningKeys {
    pub(super) fn permanent(id: &str, secret: &str, token: Option<&str>) -> Self {
        Self {
            credentials: credentials(id.to_owned(), secret.to_owned(), token.map(str::to_owned)),
            expires: None,
            renew: None,
        }
    }

    pub(super) fn temporary(
        (id, secret, token): (String, String, Option<String>),
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let renew = expires.map(|expires| {
            let early = expires.duration_since(now) / 4;
            let early = early.clamp(SignedDuration::ZERO, EARLY);
            expires.saturating_sub(early).unwrap_or(expires)
        });
        Self {
            credentials: credentials(id, secret, token),
            expires,
            renew,
        }
    }

    pub(super) fn parse(text: &str, issuer: &str, now: Timestamp) -> Result<Self, NoCredentials> {
        // The error of the parser could show a secret.
        let document: Document = serde_json::from_str(text)
            .map_err(|_| NoCredentials::new(issuer, "the response holds no credentials"))?;
        let Document {
            access_key_id,
            secret_access_key,
            token,
            expiration,
        } = document;
        let keys = (access_key_id, secret_access_key, token);
        Ok(Self::temporary(keys, expiration, now))
    }

    /// Whether no renewal is due.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        self.renew.is_none_or(|renew| now < renew)
    }

    pub(super) fn time_until_renewal(&self, now: Timestamp) -> Option<Duration> {
        let wait = self.renew?.duration_since(now);
        Some(wait.try_into().unwrap_or_default())
    }

    pub(super) fn is_valid(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    pub(in super::super) fn time_left(&self, now: Timestamp) -> Option<Duration> {
        let left = self.expires?.duration_since(now);
        Some(left.try_into().unwrap_or_default())
    }
}

fn credentials(id: String, secret: String, token: Option<String>) -> Credentials {
    Credentials::new(id, secret, token, None, "aar")
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
    fn keys_are_renewed_before_they_expire() {
        let parse = |expiration| SigningKeys::parse(&document(expiration), "x", now()).unwrap();
        let long = parse("2026-01-01T06:00:00Z");
        assert_eq!(long.renew, Some("2026-01-01T05:50:00Z".parse().unwrap()));
        let short = parse("2026-01-01T00:00:20Z");
        assert_eq!(short.renew, Some("2026-01-01T00:00:15Z".parse().unwrap()));
        assert_eq!(short.time_left(now()), Some(Duration::from_secs(20)));
        let expired = parse("2025-01-01T00:00:00Z");
        assert!(!expired.is_fresh(now()) && !expired.is_valid(now()));
        assert_eq!(expired.time_left(now()), Some(Duration::ZERO));
    }

    #[test]
    fn response_without_credentials_is_refused_and_not_shown() {
        let text = r#"{"AccessKeyId": "ASIA1", "SecretAccessKey": ["hush"]}"#;
        let refused = SigningKeys::parse(text, "http://169.254.169.254", now()).unwrap_err();
        let shown = format!("{refused} {refused:?}");
        assert!(
            shown.contains("169.254.169.254") && !shown.contains("hush"),
            "{shown}"
        );
    }

    #[test]
    fn secrets_are_not_shown() {
        let keys = SigningKeys::parse(&document("2026-01-01T06:00:00Z"), "x", now()).unwrap();
        let shown = format!("{keys:?}");
        assert!(
            !shown.contains("hush") && !shown.contains("\"token\""),
            "{shown}"
        );
    }
}
