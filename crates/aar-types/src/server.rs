use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Invalid, Revision, Role, text_form};

/// The identity of a registry: made with its storage, the same for all its replicas, and kept when
/// its metadata is rebuilt. Clients use it to tell a registry they know from one that took its place.
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
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new(
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

/// Whether a server knows the certificate that the caller shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Auth {
    /// It does, and the caller may come in.
    Trusted,
    /// No certificate, an unknown one, or one that is no longer good.
    Untrusted,
}

/// What a registry tells anybody who asks: the body of `GET /1.0`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServerInfo {
    /// The version of the API, `1.0`.
    pub api_version: String,
    /// What this server can do beyond the first version of the API.
    #[serde(default)]
    pub api_extensions: Vec<String>,
    /// Whether the caller is trusted.
    pub auth: Auth,
    /// The role of the caller, where trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The identity of the registry.
    pub registry_id: RegistryId,
    /// The version of the program.
    pub server_version: String,
}

/// The state of a registry's parts: the body of `GET /1.0/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServerStatus {
    /// Whether everything the registry needs can be used.
    pub healthy: bool,
    /// What cannot be used, in a sentence each.
    #[serde(default)]
    pub problems: Vec<String>,
    /// The present revision of the catalogue.
    pub revision: Revision,
}
