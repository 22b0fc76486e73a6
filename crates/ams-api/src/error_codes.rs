//! Values of `metadata.code` in the body of an error. Only this AMS sends them: the published
//! definition of the API has nothing but the status and the message.

/// The caller is not trusted.
pub const NOT_AUTHORIZED: &str = "not_authorized";
/// The application was pulled from the registry and cannot be changed here.
pub const IMMUTABLE: &str = "immutable";
/// The application was created here, so the registry cannot change it.
pub const MADE_HERE: &str = "made_here";
