//! AWS Signature Version 4.

use std::{time::Duration, time::SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
        SigningInstructions, SigningSettings, UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use http::{HeaderName, HeaderValue, Request};
use jiff::Timestamp;
use url::Url;

use super::{S3Error, request::RequestBody};

/// The keys and the scope of signatures.
pub(super) struct Signer<'a> {
    pub(super) credentials: &'a Credentials,
    pub(super) region: &'a str,
    pub(super) now: Timestamp,
}

impl Signer<'_> {
    pub(super) fn sign<B>(
        &self,
        request: &mut Request<B>,
        body: &RequestBody,
    ) -> Result<(), S3Error> {
        let body = SignableBody::Precomputed(body.sha256.clone());
        let (method, uri) = (request.method().as_str(), request.uri().to_string());
        let headers = request.headers().iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable = SignableRequest::new(method, uri, headers, body).map_err(failed)?;
        let signature = self.signature(signable, settings())?;
        for (name, value) in signature.headers() {
            let name: HeaderName = name.parse().map_err(failed)?;
            let mut value: HeaderValue = value.parse().map_err(failed)?;
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        Ok(())
    }

    /// A URL that every client can fetch until it expires.
    pub(super) fn presign(&self, mut url: Url, ttl: Duration) -> Result<Url, S3Error> {
        let mut settings = settings();
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(ttl);
        let (uri, body) = (url.to_string(), SignableBody::UnsignedPayload);
        let signable =
            SignableRequest::new("GET", uri, std::iter::empty(), body).map_err(failed)?;
        let signature = self.signature(signable, settings)?;
        url.query_pairs_mut().extend_pairs(signature.params());
        Ok(url)
    }

    fn signature(
        &self,
        request: SignableRequest<'_>,
        settings: SigningSettings,
    ) -> Result<SigningInstructions, S3Error> {
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name("s3")
            .time(SystemTime::from(self.now))
            .settings(settings)
            .build()
            .map_err(failed)?
            .into();
        let (signature, _) = sign(request, &params).map_err(failed)?.into_parts();
        Ok(signature)
    }
}

/// The settings that only S3 requires.
fn settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> S3Error {
    S3Error::Signing(error.into())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn credentials(token: Option<&str>) -> Credentials {
        // The keys of the examples in the reference of S3.
        Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            token.map(str::to_owned),
            None,
            "test",
        )
    }

    fn signer(credentials: &Credentials) -> Signer<'_> {
        Signer {
            credentials,
            region: "us-east-1",
            now: "2013-05-24T00:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn request_has_the_signature_of_the_s3_reference() {
        let credentials = credentials(None);
        let mut request = Request::get("https://examplebucket.s3.amazonaws.com/test.txt")
            .header("range", "bytes=0-9")
            .body(())
            .unwrap();
        let body = RequestBody::small(Bytes::new());
        signer(&credentials).sign(&mut request, &body).unwrap();
        let signed = request.headers()["authorization"].to_str().unwrap();
        assert_eq!(
            signed,
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
             SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
             Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
    }

    #[test]
    fn presigned_url_has_the_signature_of_the_s3_reference() {
        let credentials = credentials(None);
        let url = "https://examplebucket.s3.amazonaws.com/test.txt"
            .parse()
            .unwrap();
        let url = signer(&credentials)
            .presign(url, Duration::from_hours(24))
            .unwrap();
        let query = url.query().unwrap();
        assert!(query.contains("X-Amz-Expires=86400&"), "{query}");
        let signature =
            "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
        assert!(query.contains(signature), "{query}");
    }

    #[test]
    fn session_token_is_signed_and_sensitive() {
        let credentials = credentials(Some("token"));
        let mut request = Request::get("https://s3/b").body(()).unwrap();
        let body = RequestBody::default();
        signer(&credentials).sign(&mut request, &body).unwrap();
        let headers = request.headers();
        assert_eq!(headers["x-amz-security-token"], "token");
        assert!(headers["x-amz-security-token"].is_sensitive());
        let signed = headers["authorization"].to_str().unwrap();
        assert!(signed.contains("x-amz-security-token"), "{signed}");
    }

    #[test]
    fn session_token_that_is_no_header_is_refused() {
        let credentials = credentials(Some("two\nlines"));
        let mut request = Request::get("https://s3/b").body(()).unwrap();
        let refused = signer(&credentials).sign(&mut request, &RequestBody::default());
        assert!(matches!(refused, Err(S3Error::Signing(_))), "{refused:?}");
    }
}
