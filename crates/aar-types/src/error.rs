use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal;)+) => {
        /// What went wrong, for programs. The names are part of the API and do not change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)+
            /// Something that a newer server knows; the HTTP status tells its kind.
            #[serde(other, rename = "unknown")]
            Unknown,
        }

        impl ErrorCode {
            /// Every code that a server sends.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in error bodies and logs.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ Self::Unknown => "unknown" }
            }

            /// The HTTP status that goes with it.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ Self::Unknown => 500 }
            }
        }
    };
}

error_codes! {
    /// The request is malformed; the message names the part.
    InvalidRequest = "invalid_request", 400;
    /// No client certificate was shown.
    CertificateRequired = "certificate_required", 401;
    /// The certificate is not in the trust store.
    CertificateUnknown = "certificate_unknown", 403;
    /// The certificate was revoked and stays so.
    CertificateRevoked = "certificate_revoked", 403;
    /// The certificate's time is over.
    CertificateExpired = "certificate_expired", 403;
    /// The certificate's time has not begun; one of the two clocks may be wrong.
    CertificateNotYetValid = "certificate_not_yet_valid", 403;
    /// The certificate is trusted, but for less.
    RoleInsufficient = "role_insufficient", 403;
    /// There is no such route.
    RouteNotFound = "route_not_found", 404;
    /// There is no such application.
    ApplicationNotFound = "application_not_found", 404;
    /// There is no such version.
    VersionNotFound = "version_not_found", 404;
    /// There is no such upload, or no longer.
    UploadNotFound = "upload_not_found", 404;
    /// The route exists, for other methods.
    MethodNotAllowed = "method_not_allowed", 405;
    /// The version exists with another content; versions do not change.
    VersionConflict = "version_conflict", 409;
    /// The image that a version names is not stored.
    ImageNotStored = "image_not_stored", 409;
    /// The upload continues at another offset.
    UploadOffsetConflict = "upload_offset_conflict", 409;
    /// Older changes are no longer kept: list the catalogue instead.
    ChangesCompacted = "changes_compacted", 410;
    /// A condition of the request is not met.
    PreconditionFailed = "precondition_failed", 412;
    /// More bytes than declared or allowed.
    TooLarge = "too_large", 413;
    /// The body has another type than the route takes.
    UnsupportedMediaType = "unsupported_media_type", 415;
    /// The range lies outside the image.
    RangeNotSatisfiable = "range_not_satisfiable", 416;
    /// What arrived is not what was announced; nothing of it is kept.
    DigestMismatch = "digest_mismatch", 422;
    /// Another request is writing to the same upload.
    UploadLocked = "upload_locked", 423;
    /// Too many requests or connections.
    TooManyRequests = "too_many_requests", 429;
    /// The server failed; its log has the cause under the request id.
    Internal = "internal", 500;
    /// A part that the server needs cannot be used at present.
    Unavailable = "unavailable", 503;
    /// There is no space left to store the upload.
    StorageFull = "storage_full", 507;
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
    fn codes_are_read_back_and_newer_ones_do_not_break_the_reader() {
        for code in ErrorCode::ALL {
            let json = serde_json::to_string(code).unwrap();
            assert_eq!(json, format!("\"{code}\""));
            assert_eq!(serde_json::from_str::<ErrorCode>(&json).unwrap(), *code);
        }
        let newer: ErrorCode = serde_json::from_str("\"from_the_future\"").unwrap();
        assert_eq!(newer, ErrorCode::Unknown);
    }

    #[test]
    fn the_reference_lists_every_code_with_its_status() {
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
