use serde::{Deserialize, Serialize};

use super::{ConfigDuration, NonZeroDuration};

/// The section `gc`: the deletion of images that no version uses.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct GcConfig {
    /// The interval of garbage collections.
    pub interval: NonZeroDuration,
    /// The time for which an image without version is kept. It must be longer than the time from the end of
    /// an upload to the commit of its version.
    pub grace: ConfigDuration,
    /// The time after which a withdrawn version is deleted. Without it, withdrawn versions are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withdrawn_retention: Option<NonZeroDuration>,
}

impl Default for GcConfig {
    fn default() -> Self {
        Self {
            interval: NonZeroDuration::seconds(60 * 60),
            grace: ConfigDuration::seconds(24 * 60 * 60),
            withdrawn_retention: None,
        }
    }
}
