//! Names of the HTTP headers that the registry adds to the standard ones.

/// The id of the registry that answers. Sent with every list of the catalogue.
pub const REGISTRY_ID: &str = "aar-registry-id";
/// The revision of the catalogue that the answer shows.
pub const REVISION: &str = "aar-revision";
/// The id under which the server has logged the request. Sent with every answer.
pub const REQUEST_ID: &str = "x-request-id";
