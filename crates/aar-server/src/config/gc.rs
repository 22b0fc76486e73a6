use serde::{Deserialize, Serialize};

use super::Span;

/// When images that no version names any more are deleted: section `gc`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct GcConfig {
    /// How often the running service looks for them.
    pub interval: Span,
    /// How long an image stays after it has lost its last version.
    pub grace: Span,
}

impl Default for GcConfig {
    fn default() -> Self {
        Self {
            interval: Span::hours(1),
            grace: Span::hours(24),
        }
    }
}
