use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// A value that is used but never shown: it is written as asterisks wherever it would appear.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

const SHOWN: &str = "********";

impl Secret {
    /// Keeps a value from being shown.
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
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
