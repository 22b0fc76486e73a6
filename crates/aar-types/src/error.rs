use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal;)+) => {
        /// The code of an error, for programs. The names are part of the API and do not change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)+
            /// A code that only a newer server knows; use the HTTP status instead.
            #[serde(other, rename = "unknown")]
            Unknown,
        }

        impl ErrorCode {
            /// All codes that a server sends.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name of the code in error bodies and logs.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ Self::Unknown => "unknown" }
            }

            /// The HTTP status of the code.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ Self::Unknown => 500 }
            }
        }
    };
}

error_codes! {
    /// The request is malformed; the message names the invalid part.
    InvalidRequest = "invalid_request", 400;
    /// The client sent no certificate.
    CertificateRequired = "certificate_required", 401;
    /// The certificate is not in the trust store.
    CertificateUnknown = "certificate_unknown", 403;
    /// The certificate was revoked, which cannot be undone.
    CertificateRevoked = "certificate_revoked", 403;
    /// The certificate has expired.
    CertificateExpired = "certificate_expired", 403;
    /// The certificate is not valid yet; one of the two clocks may be wrong.
    CertificateNotYetValid = "certificate_not_yet_valid", 403;
    /// The certificate is trusted with a role that does not allow the request.
    RoleInsufficient = "role_insufficient", 403;
    /// The route does not exist.
    RouteNotFound = "route_not_found", 404;
    /// The application does not exist.
    ApplicationNotFound = "application_not_found", 404;
    /// The version does not exist.
    VersionNotFound = "version_not_found", 404;
    /// The site does not exist.
    SiteNotFound = "site_not_found", 404;
    /// The upload does not exist or has expired.
    UploadNotFound = "upload_not_found", 404;
    /// The route does not support the method.
    MethodNotAllowed = "method_not_allowed", 405;
    /// The version exists with another content; versions are immutable.
    VersionConflict = "version_conflict", 409;
    /// The image of the version is not stored.
    ImageNotStored = "image_not_stored", 409;
    /// The upload continues at another offset.
    UploadOffsetConflict = "upload_offset_conflict", 409;
    /// The requested changes are no longer stored; list the catalogue instead.
    ChangesCompacted = "changes_compacted", 410;
    /// A condition of the request is not met.
    PreconditionFailed = "precondition_failed", 412;
    /// The body has more bytes than declared or allowed.
    TooLarge = "too_large", 413;
    /// The route does not accept the media type of the body.
    UnsupportedMediaType = "unsupported_media_type", 415;
    /// The range is outside the image.
    RangeNotSatisfiable = "range_not_satisfiable", 416;
    /// The content does not have the declared digest, size or fingerprint.
    DigestMismatch = "digest_mismatch", 422;
    /// Another request is writing to the same upload.
    UploadLocked = "upload_locked", 423;
    /// The client sent too many requests or opened too many connections.
    TooManyRequests = "too_many_requests", 429;
    /// The server failed; its log contains the cause under the request id.
    Internal = "internal", 500;
    /// A component that the server needs is unavailable.
    Unavailable = "unavailable", 503;
    /// The storage is full.
    StorageFull = "storage_full", 507;
}

/// Written by hand, because the generated one has the names of the variants.
#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for ErrorCode {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        let names = Self::ALL.iter().map(|code| code.as_str());
        let schema = utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::String)
            .description(Some(
                "The code of an error, for programs. The names do not change.",
            ))
            .enum_values(Some(names));
        utoipa::openapi::Schema::from(schema.build()).into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for ErrorCode {
    fn name() -> std::borrow::Cow<'static, str> {
        "ErrorCode".into()
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_code_is_parsed_as_unknown_and_all_others_as_themselves() {
        for code in ErrorCode::ALL {
            let json = serde_json::to_string(code).unwrap();
            assert_eq!(json, format!("\"{code}\""));
            assert_eq!(serde_json::from_str::<ErrorCode>(&json).unwrap(), *code);
        }
        let newer: ErrorCode = serde_json::from_str("\"from_the_future\"").unwrap();
        assert_eq!(newer, ErrorCode::Unknown);
    }

    #[test]
    fn reference_lists_every_code_with_its_status() {
        let reference = include_str!("../../../docs/reference/errors.md");
        for code in ErrorCode::ALL {
            let row = format!("| `{code}` | {} |", code.status());
            assert!(
                reference.contains(&row),
                "docs/reference/errors.md lacks {row}"
            );
        }
    }
}
