//! Names of the HTTP headers that AMS adds to the standard ones.

/// The SHA-256 of a body that is uploaded or exported, in hexadecimal digits.
pub const FINGERPRINT: &str = "x-ams-fingerprint";
/// The SHA-256 of a manifest, in hexadecimal digits.
pub const MANIFEST_SHA256: &str = "x-ams-manifestsha256";
/// The details of an upload, as JSON; may be empty.
pub const REQUEST: &str = "x-ams-request";
