//! What refusals are told apart by, in `metadata.code` of their body. Only this AMS sends them: the
//! published definition has nothing but the status and the message.

/// Who asks is not let in.
pub const NOT_AUTHORIZED: &str = "not_authorized";
/// What it is about came from the registry, and is not changed here.
pub const IMMUTABLE: &str = "immutable";
/// What it is about was made here, and the registry has no say in it.
pub const MADE_HERE: &str = "made_here";
