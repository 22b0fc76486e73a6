use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{InvalidValue, Revision, Role, text_form};

/// The id of a registry. It is created with the storage and kept when the metadata is rebuilt, so
/// clients detect another registry at the same address by its id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct RegistryId(String);

impl RegistryId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RegistryId {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidValue::new(
                text,
                "a registry id (1 to 64 of the characters A-Z a-z 0-9 -)",
            ))
        }
    }
}

impl fmt::Display for RegistryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_form!(RegistryId);

/// Whether a server trusts the certificate of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Auth {
    /// The certificate is trusted.
    Trusted,
    /// The certificate is missing, unknown, revoked or not valid at this time.
    Untrusted,
}

/// The public description of a registry: the body of `GET /1.0`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServerInfo {
    /// The version of the API, `1.0`.
    pub api_version: String,
    /// The extensions of the API that the server supports.
    #[serde(default)]
    pub api_extensions: Vec<String>,
    /// Whether the caller is trusted.
    pub auth: Auth,
    /// The role of a trusted caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The id of the registry.
    pub registry_id: RegistryId,
    /// The version of the server program.
    pub server_version: String,
}

/// The health of a registry: the body of `GET /1.0/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServerStatus {
    /// Whether all components that the registry needs are available.
    pub healthy: bool,
    /// One sentence for each component that is unavailable.
    #[serde(default)]
    pub problems: Vec<String>,
    /// The current revision of the catalogue.
    pub revision: Revision,
}
