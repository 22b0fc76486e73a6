use aar_types::root_cause;
use http::StatusCode;

use super::{
    client::S3Error,
    refusal::{Refusal, is_failure},
};
use crate::{BucketProblem, KeyOrigin};

/// The facts about a bucket that messages name.
#[derive(Debug, Clone)]
pub(super) struct BucketInfo {
    pub(super) bucket: String,
    pub(super) region: String,
    pub(super) endpoint: String,
    pub(super) keys: KeyOrigin,
}

impl BucketInfo {
    /// Translates the failure of a request for an operator. `action` is the IAM action that the request
    /// needs.
    pub(super) fn problem(&self, action: &'static str, error: &S3Error) -> BucketProblem {
        match error {
            S3Error::Credentials(missing) => BucketProblem::NoCredentials {
                bucket: self.bucket.clone(),
                reason: missing.to_string(),
            },
            S3Error::Timeout => self.unreachable("it does not answer in time".to_owned()),
            S3Error::Transport(error) => self.unreachable(root_cause(error).to_string()),
            S3Error::Refused(refusal) => self.refused(action, refusal),
            S3Error::Signing(_) | S3Error::Malformed(_) => {
                self.other(action, format!("{error}: {}", root_cause(error)))
            }
            S3Error::Cut => self.unreachable(error.to_string()),
            S3Error::Replaced | S3Error::WrongRange => self.other(action, error.to_string()),
        }
    }

    /// The same for a part of a multipart upload, which is missing only if the response says so.
    pub(super) fn upload_problem(&self, action: &'static str, error: &S3Error) -> BucketProblem {
        match self.problem(action, error) {
            BucketProblem::NotFound { bucket, action } => BucketProblem::NotTheBucket {
                endpoint: self.endpoint.clone(),
                bucket,
                action,
            },
            problem => problem,
        }
    }

    pub(super) fn unreachable(&self, reason: String) -> BucketProblem {
        BucketProblem::Unreachable {
            endpoint: self.endpoint.clone(),
            reason,
        }
    }

    fn refused(&self, action: &'static str, refusal: &Refusal) -> BucketProblem {
        let (bucket, endpoint, keys) = (self.bucket.clone(), self.endpoint.clone(), self.keys);
        match refusal.code.as_str() {
            "InvalidAccessKeyId" => BucketProblem::UnknownKey { endpoint, keys },
            "SignatureDoesNotMatch" => BucketProblem::WrongSecret { endpoint, keys },
            "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
                BucketProblem::SessionExpired { endpoint, keys }
            }
            "RequestTimeTooSkewed" => BucketProblem::ClockSkew { endpoint },
            "NoSuchUpload" => BucketProblem::NoSuchUpload { bucket, action },
            "NoSuchBucket" => BucketProblem::NoSuchBucket { bucket, endpoint },
            "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException" => self.elsewhere(refusal),
            "SlowDown" | "RequestLimitExceeded" | "Throttling" => {
                BucketProblem::SlowDown { endpoint }
            }
            "AccessDenied" | "AllAccessDisabled" => self.denied(action),
            _ => self.refused_by_status(action, refusal),
        }
    }

    fn refused_by_status(&self, action: &'static str, refusal: &Refusal) -> BucketProblem {
        let bucket = self.bucket.clone();
        let (status, code) = (refusal.status.as_u16(), refusal.code.clone());
        match refusal.status {
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => self.denied(action),
            StatusCode::NOT_FOUND => BucketProblem::NotFound { bucket, action },
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                BucketProblem::SlowDown {
                    endpoint: self.endpoint.clone(),
                }
            }
            status if status.is_redirection() => self.elsewhere(refusal),
            other if is_failure(other) => BucketProblem::Failing {
                bucket,
                action,
                status,
                code,
            },
            _ => {
                let response = format!("the response is {status} {code} {}", refusal.message);
                self.other(action, response.trim_end().to_owned())
            }
        }
    }

    fn denied(&self, action: &'static str) -> BucketProblem {
        BucketProblem::AccessDenied {
            bucket: self.bucket.clone(),
            keys: self.keys,
            action,
        }
    }

    fn elsewhere(&self, refusal: &Refusal) -> BucketProblem {
        let region = refusal.region.as_ref();
        BucketProblem::WrongRegion {
            bucket: self.bucket.clone(),
            region: self.region.clone(),
            location: region
                .map_or_else(|| "elsewhere".to_owned(), |region| format!("in {region}")),
        }
    }

    pub(super) fn other(&self, action: &'static str, reason: String) -> BucketProblem {
        BucketProblem::Other {
            bucket: self.bucket.clone(),
            action,
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn info(keys: KeyOrigin) -> BucketInfo {
        BucketInfo {
            bucket: "aar0".to_owned(),
            region: "eu-west-3".to_owned(),
            endpoint: "https://s3.eu-west-3.amazonaws.com".to_owned(),
            keys,
        }
    }

    fn sentence(keys: KeyOrigin, status: u16, headers: &HeaderMap, body: &str) -> String {
        let status = StatusCode::from_u16(status).unwrap();
        let refusal = Refusal::parse(status, headers, body);
        let problem = info(keys).problem("s3:ListBucket", &S3Error::Refused(refusal));
        problem.to_string()
    }

    fn refused(status: u16, code: &str) -> String {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message/></Error>");
        sentence(KeyOrigin::Configuration, status, &HeaderMap::new(), &body)
    }

    #[test]
    fn sentence_names_what_to_change() {
        for (status, code, named) in [
            (403, "AccessDenied", "allow it"),
            (403, "InvalidAccessKeyId", "storage.s3.access-key"),
            (403, "SignatureDoesNotMatch", "storage.s3.secret-access-key"),
            (403, "RequestTimeTooSkewed", "set the clock of this machine"),
            (400, "ExpiredToken", "storage.s3.session-token"),
            (404, "NoSuchBucket", "storage.s3.bucket"),
            (301, "PermanentRedirect", "storage.s3.region"),
            (503, "SlowDown", "slow down"),
            (403, "", "denies s3:ListBucket"),
            (500, "", "500"),
        ] {
            let sentence = refused(status, code);
            assert!(sentence.contains(named), "{code}: {sentence}");
            assert!(!sentence.contains('\n'), "{sentence}");
        }
    }

    #[test]
    fn sentence_about_a_key_says_where_the_key_comes_from() {
        for (keys, origin, fix) in [
            (
                KeyOrigin::Configuration,
                "from the configuration",
                "storage.s3",
            ),
            (KeyOrigin::Environment, "from the environment", "AWS_"),
            (KeyOrigin::WebIdentity, "of the web identity", "service"),
            (KeyOrigin::Container, "of the container's role", "service"),
            (KeyOrigin::Instance, "of the instance's role", "service"),
        ] {
            for (code, fix) in [
                ("InvalidAccessKeyId", fix),
                ("SignatureDoesNotMatch", fix),
                ("ExpiredToken", fix),
                ("AccessDenied", "bucket policy"),
            ] {
                let body = format!("<Error><Code>{code}</Code></Error>");
                let sentence = sentence(keys, 403, &HeaderMap::new(), &body);
                assert!(sentence.contains(origin), "{code}: {sentence}");
                assert!(sentence.contains(fix), "{code}: {sentence}");
            }
        }
    }

    #[test]
    fn right_region_is_named_if_the_response_names_it() {
        let body =
            "<Error><Code>AuthorizationHeaderMalformed</Code><Region>us-east-2</Region></Error>";
        let in_body = sentence(KeyOrigin::Configuration, 400, &HeaderMap::new(), body);
        let headers = [("x-amz-bucket-region", "us-east-2")];
        let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let headers = HeaderMap::from_iter(headers);
        let in_headers = sentence(KeyOrigin::Configuration, 301, &headers, "");
        for sentence in [in_body, in_headers] {
            let named = "is in us-east-2, not in eu-west-3: correct storage.s3.region";
            assert!(sentence.contains(named), "{sentence}");
        }
    }

    #[test]
    fn bare_404_does_not_mean_that_an_upload_is_missing() {
        let refusal = |body| Refusal::parse(StatusCode::NOT_FOUND, &HeaderMap::new(), body);
        let problem = |body| {
            let error = S3Error::Refused(refusal(body));
            info(KeyOrigin::Configuration).upload_problem("s3:PutObject", &error)
        };
        assert!(matches!(problem(""), BucketProblem::NotTheBucket { .. }));
        let missing = "<Error><Code>NoSuchUpload</Code></Error>";
        assert!(matches!(
            problem(missing),
            BucketProblem::NoSuchUpload { .. }
        ));
    }
}
