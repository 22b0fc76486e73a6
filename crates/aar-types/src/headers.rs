//! The names of the registry's own HTTP headers.

/// The id of the registry. Sent with every list of the catalogue.
pub const REGISTRY_ID: &str = "aar-registry-id";
/// The revision of the catalogue that the response shows.
pub const REVISION: &str = "aar-revision";
/// The id of the request in the log of the server. Sent with every response.
pub const REQUEST_ID: &str = "x-request-id";
