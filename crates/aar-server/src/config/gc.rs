use serde::{Deserialize, Serialize};

use super::{Period, Span};

/// When images that no version names any more are deleted: section `gc`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct GcConfig {
    /// How often the running service looks for them.
    pub interval: Period,
    /// How long an image stays after it has lost its last version, or without having had one: it
    /// has to be longer than the way from the end of an upload to the commit of its version.
    pub grace: Span,
}

impl Default for GcConfig {
    fn default() -> Self {
        Self {
            interval: Period::seconds(60 * 60),
            grace: Span::seconds(24 * 60 * 60),
        }
    }
}
