use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// A value that is used but never shown: it is written as asterisks wherever it would appear.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

const SHOWN: &str = "********";

impl Secret {
    /// Keeps a value from being shown.
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The value itself, for the registry, which does not show it either.
    pub(super) fn registry(&self) -> aar_registry::Secret {
        aar_registry::Secret::new(self.0.clone())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHOWN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(SHOWN)
    }
}
