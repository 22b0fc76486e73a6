use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// What a trusted certificate may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(example = "client")
)]
pub enum Role {
    /// Read.
    Client,
    /// Read and write.
    Publisher,
}

impl Role {
    /// The role as it stands in tables, bodies and relation data.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Publisher => "publisher",
        }
    }
}

impl FromStr for Role {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "client" => Ok(Self::Client),
            "publisher" => Ok(Self::Publisher),
            _ => Err(Invalid::new(text, "a role (client or publisher)")),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where a certificate stands with the registry. A certificate that was never added, or was
/// removed, has no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrustState {
    /// It may do what its role allows.
    Trusted,
    /// It may do nothing, for ever.
    Revoked,
}
