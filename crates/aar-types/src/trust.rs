use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::InvalidValue;

/// The role of a trusted certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(example = "client")
)]
pub enum Role {
    /// May read.
    Client,
    /// May read and write.
    Publisher,
}

impl Role {
    /// The name of the role in bodies, the database and relation data.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Publisher => "publisher",
        }
    }
}

impl FromStr for Role {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "client" => Ok(Self::Client),
            "publisher" => Ok(Self::Publisher),
            _ => Err(InvalidValue::new(text, "a role (client or publisher)")),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The trust state of a certificate. A certificate that was never added, or was removed, has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrustState {
    /// Requests are allowed according to the role.
    Trusted,
    /// All requests are refused. A revocation cannot be undone.
    Revoked,
}
