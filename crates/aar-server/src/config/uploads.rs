use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::{NonZeroDuration, Size};

/// The section `uploads`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct UploadsConfig {
    /// The number of open uploads.
    pub max_open: NonZeroU32,
    /// The size of all open uploads together, such as `200GiB`.
    pub max_staged: Size,
    /// The time without progress until an upload is deleted.
    pub expire_after: NonZeroDuration,
}

impl Default for UploadsConfig {
    fn default() -> Self {
        Self {
            max_open: const { NonZeroU32::new(256).unwrap() },
            max_staged: Size::gib(256),
            expire_after: NonZeroDuration::seconds(24 * 60 * 60),
        }
    }
}
