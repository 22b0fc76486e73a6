use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Invalid, null_as_empty};

/// What a version declares of itself. It is part of the version and never changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionManifest {
    /// The publisher's own name for the version, such as `1.4.2`.
    pub manifest_version: String,
    /// The activity that is started; empty for the package's own.
    pub boot_activity: String,
    /// Android permissions that are granted; `*` alone for all.
    pub required_permissions: Vec<String>,
    /// How video is encoded.
    pub video_encoder: VideoEncoder,
    /// What may be in the foreground beside the application.
    pub watchdog: Watchdog,
    /// Ports that the application serves.
    pub services: Vec<NetworkService>,
    /// Files that are placed in Android's file system, by their name in the package.
    pub extra_data: BTreeMap<String, ExtraData>,
    /// Scripts that run at points of an instance's life.
    pub hooks: Hooks,
    /// What is kept of the package after the application is set up.
    pub bootstrap: Bootstrap,
    /// Features that the application makes use of.
    pub features: Vec<String>,
    /// What the APK says of itself, where the package holds one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apk: Option<ApkFacts>,
}

/// How video is encoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(example = "gpu-preferred")
)]
pub enum VideoEncoder {
    /// On a GPU, or not at all.
    Gpu,
    /// On a GPU where there is one.
    #[default]
    #[serde(alias = "")]
    GpuPreferred,
    /// On the CPU.
    Software,
    /// On a video accelerator.
    Vpu,
    /// It cannot be told. No manifest asks for it; other servers say so of old versions.
    Unknown,
}

impl VideoEncoder {
    /// The name in manifests and bodies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gpu => "gpu",
            Self::GpuPreferred => "gpu-preferred",
            Self::Software => "software",
            Self::Vpu => "vpu",
            Self::Unknown => "unknown",
        }
    }
}

impl FromStr for VideoEncoder {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "gpu" => Ok(Self::Gpu),
            "gpu-preferred" | "" => Ok(Self::GpuPreferred),
            "software" => Ok(Self::Software),
            "vpu" => Ok(Self::Vpu),
            _ => Err(Invalid::new(
                text,
                "a video encoder (gpu, gpu-preferred, software or vpu)",
            )),
        }
    }
}

impl fmt::Display for VideoEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What may be in the foreground beside the application before its instance is stopped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Watchdog {
    /// Whether anything may be.
    pub disabled: bool,
    /// The packages that may be; `*` alone for all.
    #[serde(deserialize_with = "null_as_empty")]
    pub allowed_packages: Vec<String>,
}

/// A port that an application serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NetworkService {
    /// What it is for.
    pub name: String,
    /// The port, or the first of a range.
    pub port: u16,
    /// The last port of a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_end: Option<u16>,
    /// Over what it is spoken.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub protocols: Vec<NetworkProtocol>,
    /// Whether it is reachable on the public address of the node.
    #[serde(default)]
    pub expose: bool,
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum NetworkProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// Where a file of the package goes in Android's file system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExtraData {
    /// The path.
    pub target: String,
    /// Owner and group, as `owner:group`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// Permissions, in octal.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub permissions: String,
}

/// Scripts that run at points of an instance's life.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hooks {
    /// How long one may take, such as `5m`; empty for the default.
    pub timeout: String,
}

/// What happens to the package when the application is set up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Bootstrap {
    /// Patterns of the files that are kept.
    #[serde(deserialize_with = "null_as_empty")]
    pub keep: Vec<String>,
}

/// What an APK says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApkFacts {
    /// The name of the package.
    pub package: String,
    /// The version for people.
    pub version_name: String,
    /// The version for the package manager.
    pub version_code: String,
    /// The ABIs it has native code for; empty where it has none and runs on all.
    pub abis: Vec<String>,
    /// The SHA-256 of the certificate that signed it, as hexadecimal digits.
    pub signer: String,
}
