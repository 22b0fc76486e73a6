//! What a bucket refuses, in sentences that name what to change.
//!
//! The answers of S3 are read for their code and nothing else of them is kept: to a wrong
//! signature they add what was signed, and that has the session token in it.

use std::error::Error as StdError;

use http::StatusCode;
use object_store::client::{HttpError, HttpErrorKind};

use super::{credentials::NoCredential, origin::KeyOrigin};

/// Why a bucket cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BucketProblem {
    /// A right is missing.
    #[error(
        "the bucket {bucket} denies {action}: allow it to the key in use, which is that {keys}, in the bucket's policy"
    )]
    AccessDenied {
        /// The bucket.
        bucket: String,
        /// To whom.
        keys: KeyOrigin,
        /// What was asked for, as policies call it.
        action: &'static str,
    },
    /// There is no such bucket.
    #[error("there is no bucket {bucket} at {endpoint}: create it, or correct storage.s3.bucket")]
    NoSuchBucket {
        /// The bucket.
        bucket: String,
        /// Where it should be.
        endpoint: String,
    },
    /// The bucket is somewhere else.
    #[error("the bucket {bucket} is {place}, not in {region}: correct storage.s3.region")]
    WrongRegion {
        /// The bucket.
        bucket: String,
        /// What is configured.
        region: String,
        /// Where it is, as far as that is known.
        place: String,
    },
    /// Nobody knows the key.
    #[error("{endpoint} does not know the access key {keys}: {}", keys.when_unknown())]
    UnknownKey {
        /// Who does not know it.
        endpoint: String,
        /// Which it is.
        keys: KeyOrigin,
    },
    /// The key does not belong to its id.
    #[error(
        "{endpoint} finds the signature wrong, so the secret does not belong to the access key {keys}: {}",
        keys.when_wrong()
    )]
    WrongSecret {
        /// Who says so.
        endpoint: String,
        /// Which it is.
        keys: KeyOrigin,
    },
    /// The session of the key is over.
    #[error(
        "{endpoint} finds the session of the key {keys} over or not valid: {}",
        keys.when_over()
    )]
    SessionOver {
        /// Who says so.
        endpoint: String,
        /// Which it is.
        keys: KeyOrigin,
    },
    /// The clocks differ.
    #[error(
        "the clocks of this machine and of {endpoint} differ too much: set that of this machine"
    )]
    ClockSkew {
        /// The other clock.
        endpoint: String,
    },
    /// Addresses for the CDN would have ended before anybody gets them.
    #[error(
        "the clock of this machine is {behind} s behind that of {endpoint}, and addresses of CloudFront live {life} s: all of them would have ended already; set the clock"
    )]
    ClockBehind {
        /// The other clock.
        endpoint: String,
        /// The difference in seconds.
        behind: u64,
        /// What `duration` says, in seconds.
        life: u64,
    },
    /// Nobody is there.
    #[error(
        "{endpoint} cannot be reached ({reason}): correct storage.s3.endpoint or storage.s3.region, or the network"
    )]
    Unreachable {
        /// Who should be there.
        endpoint: String,
        /// What happened.
        reason: String,
    },
    /// There is nothing to sign with.
    #[error(
        "there are no credentials for the bucket {bucket} ({reason}): write storage.s3.access-key and storage.s3.secret-access-key, or give the machine a role"
    )]
    NoCredentials {
        /// The bucket.
        bucket: String,
        /// Where they were looked for.
        reason: String,
    },
    /// Too much was asked for.
    #[error("{endpoint} asks to slow down")]
    SlowDown {
        /// Who asks.
        endpoint: String,
    },
    /// What was asked for is not there.
    #[error("the bucket {bucket} does not have what {action} is about")]
    NotFound {
        /// The bucket.
        bucket: String,
        /// What was asked for.
        action: &'static str,
        /// Whether the answer says what is not there. Nothing but its number may be that of
        /// somebody in between.
        named: bool,
    },
    /// Something answers that does not know the bucket.
    #[error(
        "{endpoint} answers 404 to {action} and says nothing of the upload: look whether the bucket {bucket} is there, and who answers in its place"
    )]
    NotTheBucket {
        /// Who should be there.
        endpoint: String,
        /// The bucket.
        bucket: String,
        /// What was asked for.
        action: &'static str,
    },
    /// The service fails.
    #[error("the bucket {bucket} fails at {action}: it answers {status} {code}")]
    Failing {
        /// The bucket.
        bucket: String,
        /// What was asked for.
        action: &'static str,
        /// The number of the answer.
        status: u16,
        /// What the answer calls it.
        code: String,
    },
    /// The parts that were gathered have been put together or given up.
    #[error("the bucket {bucket} does not gather the parts any more that {action} is about")]
    NoParts {
        /// The bucket.
        bucket: String,
        /// What was asked for.
        action: &'static str,
    },
    /// Something else.
    #[error("the bucket {bucket} fails at {action}: {reason}")]
    Other {
        /// The bucket.
        bucket: String,
        /// What was asked for.
        action: &'static str,
        /// What came of it.
        reason: String,
    },
    /// The CDN is not configured as it has to be.
    #[error(transparent)]
    CloudFront(#[from] super::CloudFrontProblem),
    /// What addresses are made of makes none.
    #[error("storage.s3.{reason}")]
    Endpoint {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Keys that begin so would not be the same everywhere.
    #[error(
        "storage.s3.prefix is made of segments of ASCII letters, digits and !_.()- with single slashes between them, not: {prefix:?}"
    )]
    Prefix {
        /// What it says.
        prefix: String,
    },
}

impl BucketProblem {
    /// Whether trying again later can help without anybody changing anything.
    pub(crate) fn passes(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::SlowDown { .. } | Self::Failing { .. }
        )
    }

    /// Whether there is no upload under the name that was asked for. Ceph says of its parts what it
    /// says of objects.
    pub(super) fn is_no_upload(&self) -> bool {
        matches!(
            self,
            Self::NoParts { .. } | Self::NotFound { named: true, .. }
        )
    }

    pub(super) fn no_credentials(bucket: &str, reason: &NoCredential) -> Self {
        Self::NoCredentials {
            bucket: bucket.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// Which bucket, and where: what every sentence needs.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) bucket: String,
    pub(super) region: String,
    pub(super) endpoint: String,
    pub(super) keys: KeyOrigin,
}

/// What is kept of an answer.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    pub(super) status: Option<StatusCode>,
    pub(super) code: String,
    /// Where the bucket is, when the answer says that it is elsewhere.
    pub(super) region: Option<String>,
}

impl Refusal {
    pub(super) fn read(status: StatusCode, region: Option<String>, body: &str) -> Self {
        Self {
            status: Some(status),
            code: element(body, "Code").unwrap_or_default(),
            region: region.or_else(|| element(body, "Region")),
        }
    }
}

impl Place {
    /// What an answer means.
    pub(super) fn refused(&self, action: &'static str, refusal: Refusal) -> BucketProblem {
        let (bucket, endpoint, keys) = (self.bucket.clone(), self.endpoint.clone(), self.keys);
        match refusal.code.as_str() {
            "InvalidAccessKeyId" => BucketProblem::UnknownKey { endpoint, keys },
            "SignatureDoesNotMatch" => BucketProblem::WrongSecret { endpoint, keys },
            "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
                BucketProblem::SessionOver { endpoint, keys }
            }
            "RequestTimeTooSkewed" => BucketProblem::ClockSkew { endpoint },
            "NoSuchUpload" => BucketProblem::NoParts { bucket, action },
            "NoSuchBucket" => BucketProblem::NoSuchBucket { bucket, endpoint },
            "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException" => self.elsewhere(refusal.region),
            "SlowDown" | "RequestLimitExceeded" | "Throttling" => {
                BucketProblem::SlowDown { endpoint }
            }
            "AccessDenied" | "AllAccessDisabled" => BucketProblem::AccessDenied {
                bucket,
                keys,
                action,
            },
            code => self.by_status(action, refusal.status, code, refusal.region),
        }
    }

    fn by_status(
        &self,
        action: &'static str,
        status: Option<StatusCode>,
        code: &str,
        region: Option<String>,
    ) -> BucketProblem {
        let (bucket, endpoint) = (self.bucket.clone(), self.endpoint.clone());
        match status {
            Some(StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED) => BucketProblem::AccessDenied {
                bucket,
                keys: self.keys,
                action,
            },
            Some(StatusCode::NOT_FOUND) => BucketProblem::NotFound {
                bucket,
                action,
                named: code == "NoSuchKey",
            },
            Some(StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) => {
                BucketProblem::SlowDown { endpoint }
            }
            Some(status) if status.is_redirection() => self.elsewhere(region),
            Some(status) if is_failure(status) => BucketProblem::Failing {
                bucket,
                action,
                status: status.as_u16(),
                code: code.to_owned(),
            },
            Some(status) => BucketProblem::Other {
                bucket,
                action,
                reason: format!("it answers {} {code}", status.as_u16()),
            },
            None => BucketProblem::Other {
                bucket,
                action,
                reason: format!("its answer is not understood {code}"),
            },
        }
    }

    /// The same where it is an upload that is continued. It has gone only where the answer says so.
    pub(super) fn of_upload(&self, problem: BucketProblem) -> BucketProblem {
        match problem {
            BucketProblem::NotFound { bucket, action, .. } => BucketProblem::NotTheBucket {
                endpoint: self.endpoint.clone(),
                bucket,
                action,
            },
            problem => problem,
        }
    }

    fn elsewhere(&self, region: Option<String>) -> BucketProblem {
        BucketProblem::WrongRegion {
            bucket: self.bucket.clone(),
            region: self.region.clone(),
            place: region.map_or_else(|| "elsewhere".to_owned(), |region| format!("in {region}")),
        }
    }

    pub(super) fn unreachable(&self, error: &HttpError) -> BucketProblem {
        self.silent(reason_of(error))
    }

    pub(super) fn silent(&self, reason: String) -> BucketProblem {
        BucketProblem::Unreachable {
            endpoint: self.endpoint.clone(),
            reason,
        }
    }

    pub(super) fn no_credentials(&self, reason: &NoCredential) -> BucketProblem {
        BucketProblem::no_credentials(&self.bucket, reason)
    }

    /// What an error of `object_store` means. Its own text is left behind.
    pub(super) fn problem(
        &self,
        action: &'static str,
        error: &object_store::Error,
    ) -> BucketProblem {
        let mut next: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(cause) = next {
            if let Some(error) = cause.downcast_ref::<HttpError>() {
                return self.unreachable(error);
            }
            if let Some(reason) = cause.downcast_ref::<NoCredential>() {
                return self.no_credentials(reason);
            }
            next = cause.source();
        }
        let text = error.to_string();
        let mut refusal = Refusal {
            status: status_of(error, &text),
            code: element(&text, "Code").unwrap_or_default(),
            region: element(&text, "Region"),
        };
        if text.contains("redirect without LOCATION") {
            refusal.status = Some(StatusCode::MOVED_PERMANENTLY);
        }
        self.refused(action, refusal)
    }
}

/// The status of the answer behind an error. `object_store` keeps it for itself, apart from its
/// text and from the kinds it makes of it.
fn status_of(error: &object_store::Error, text: &str) -> Option<StatusCode> {
    use object_store::Error;

    Some(match error {
        Error::NotFound { .. } => StatusCode::NOT_FOUND,
        Error::PermissionDenied { .. } => StatusCode::FORBIDDEN,
        Error::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
        Error::Precondition { .. } => StatusCode::PRECONDITION_FAILED,
        _ => {
            let (_, after) = text.split_once("status code: ")?;
            return after.get(..3)?.parse().ok();
        }
    })
}

/// Whether an error is that no answer came in time.
pub(super) fn is_timeout(error: &object_store::Error) -> bool {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(error) = cause.downcast_ref::<HttpError>() {
            return error.kind() == HttpErrorKind::Timeout;
        }
        next = cause.source();
    }
    false
}

/// Whether it is the service that cannot, for now.
pub(super) fn is_failure(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
}

/// The text in the first element of a name.
pub(super) fn element(body: &str, name: &str) -> Option<String> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once('<')?;
    let plain = !text.is_empty() && text.len() <= 64;
    (plain
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)))
    .then(|| text.to_owned())
}

/// Why a request came to nothing.
pub(super) fn reason_of(error: &HttpError) -> String {
    match error.kind() {
        HttpErrorKind::Timeout => "it does not answer in time".to_owned(),
        _ => innermost(error),
    }
}

/// What was at the bottom of it.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            bucket: "aar0".to_owned(),
            region: "eu-west-3".to_owned(),
            endpoint: "https://s3.eu-west-3.amazonaws.com".to_owned(),
            keys: KeyOrigin::Configuration,
        }
    }

    fn sentence(status: u16, body: &str) -> String {
        let status = StatusCode::from_u16(status).unwrap();
        let refusal = Refusal::read(status, None, body);
        place().refused("s3:ListBucket", refusal).to_string()
    }

    fn error(code: &str) -> String {
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message/></Error>")
    }

    #[test]
    fn every_refusal_names_what_to_change() {
        for (status, code, named) in [
            (403, "AccessDenied", "allow it"),
            (403, "InvalidAccessKeyId", "storage.s3.access-key"),
            (403, "SignatureDoesNotMatch", "storage.s3.secret-access-key"),
            (403, "RequestTimeTooSkewed", "set that of this machine"),
            (400, "ExpiredToken", "storage.s3.session-token"),
            (404, "NoSuchBucket", "storage.s3.bucket"),
            (301, "PermanentRedirect", "storage.s3.region"),
            (503, "SlowDown", "slow down"),
        ] {
            let sentence = sentence(status, &error(code));
            assert!(sentence.contains(named), "{code}: {sentence}");
            assert!(!sentence.contains('\n'), "{sentence}");
        }
        assert!(sentence(403, "").contains("denies s3:ListBucket"));
        assert!(sentence(500, "").contains("500"));
    }

    #[test]
    fn a_refusal_of_keys_says_where_they_come_from() {
        for (keys, from, what) in [
            (
                KeyOrigin::Configuration,
                "from the configuration",
                "storage.s3",
            ),
            (KeyOrigin::Environment, "from the environment", "AWS_"),
            (KeyOrigin::WebIdentity, "of the web identity", ""),
            (KeyOrigin::Container, "of the container's role", ""),
            (KeyOrigin::Instance, "of the instance's role", ""),
        ] {
            let place = Place { keys, ..place() };
            for code in [
                "InvalidAccessKeyId",
                "SignatureDoesNotMatch",
                "ExpiredToken",
                "AccessDenied",
            ] {
                let refusal = Refusal::read(StatusCode::FORBIDDEN, None, &error(code));
                let sentence = place.refused("s3:ListBucket", refusal).to_string();
                assert!(sentence.contains(from), "{code}: {sentence}");
                assert!(
                    code == "AccessDenied" || sentence.contains(what),
                    "{code}: {sentence}"
                );
            }
        }
    }

    #[test]
    fn the_right_region_is_named_where_the_answer_names_it() {
        let body =
            "<Error><Code>AuthorizationHeaderMalformed</Code><Region>us-east-2</Region></Error>";
        let sentence = sentence(400, body);
        assert!(
            sentence.contains("in us-east-2, not in eu-west-3"),
            "{sentence}"
        );
    }

    #[test]
    fn what_was_signed_is_not_repeated() {
        let body = "<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKIAHUSH</AWSAccessKeyId>\
                    <CanonicalRequest>x-amz-security-token:hush</CanonicalRequest></Error>";
        let refusal = Refusal::read(StatusCode::FORBIDDEN, None, body);
        let problem = place().refused("s3:ListBucket", refusal);
        let shown = format!("{problem} {problem:?}").to_lowercase();
        assert!(!shown.contains("hush"), "{shown}");
    }
}
