//! The names of the HTTP headers of the registry.

/// The id of the registry. Sent with every list of the catalogue.
pub const REGISTRY_ID: &str = "aar-registry-id";
/// The revision of the catalogue that the response shows.
pub const REVISION: &str = "aar-revision";
/// The size of an upload in bytes (tus protocol).
pub const UPLOAD_LENGTH: &str = "upload-length";
/// The declarations of an upload, each a key and a value in base64 (tus protocol).
pub const UPLOAD_METADATA: &str = "upload-metadata";
/// The offset at which an upload continues (tus protocol).
pub const UPLOAD_OFFSET: &str = "upload-offset";
/// The id of the request in the log of the server. Sent with every response.
pub const REQUEST_ID: &str = "x-request-id";
