use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::{Period, Size};

/// What uploads may take: section `uploads`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct UploadsConfig {
    /// How many may be open at a time.
    pub max_open: NonZeroU32,
    /// How much all that are open may store, such as `200GiB`.
    pub max_staged: Size,
    /// After how long without progress one is thrown away.
    pub expire_after: Period,
}

impl Default for UploadsConfig {
    fn default() -> Self {
        Self {
            max_open: const { NonZeroU32::new(256).unwrap() },
            max_staged: Size::gib(256),
            expire_after: Period::seconds(24 * 60 * 60),
        }
    }
}
