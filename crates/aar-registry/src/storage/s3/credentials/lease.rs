use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use object_store::aws::AwsCredential;

/// The longest time before its end at which a credential is replaced.
const EARLY: SignedDuration = SignedDuration::from_mins(10);

/// A credential and its end.
#[derive(Debug, Clone)]
pub(in crate::storage::s3) struct Lease {
    pub(in crate::storage::s3) credential: Arc<AwsCredential>,
    pub(super) expires: Option<Timestamp>,
    /// From when on another is fetched.
    pub(super) renew: Option<Timestamp>,
}

impl Lease {
    /// One that does not end.
    pub(super) fn without_end(credential: Arc<AwsCredential>) -> Self {
        Self {
            credential,
            expires: None,
            renew: None,
        }
    }

    pub(super) fn new(
        credential: AwsCredential,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
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

    /// Whether it is too early to fetch another.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        self.renew.is_none_or(|renew| now < renew)
    }

    /// How long that is so.
    pub(super) fn until_renewal(&self, now: Timestamp) -> Option<Duration> {
        let wait = self.renew?.duration_since(now);
        Some(wait.try_into().unwrap_or_default())
    }

    /// Whether it can be signed with.
    pub(super) fn is_good(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|end| now < end)
    }

    /// How long it is good for.
    pub(in crate::storage::s3) fn left(&self, now: Timestamp) -> Option<Duration> {
        let left = self.expires?.duration_since(now);
        Some(left.try_into().unwrap_or_default())
    }
}
