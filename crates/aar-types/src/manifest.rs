use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{InvalidValue, null_as_empty};

/// The manifest of a version. It is part of the version and never changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionManifest {
    /// The publisher's name for the version, such as `1.4.2`.
    pub manifest_version: String,
    /// The activity to start; empty for the main activity of the package.
    pub boot_activity: String,
    /// The granted Android permissions; `*` alone for all.
    pub required_permissions: Vec<String>,
    /// The video encoder of the instance.
    pub video_encoder: VideoEncoder,
    /// The supervision of the application in the foreground.
    pub watchdog: Watchdog,
    /// The ports that the application serves.
    pub services: Vec<NetworkService>,
    /// The files that are installed in Android's file system, by their name in the package.
    pub extra_data: BTreeMap<String, ExtraData>,
    /// The settings of the scripts that run during the life cycle of an instance.
    pub hooks: Hooks,
    /// The settings of the bootstrap, which sets the application up.
    pub bootstrap: Bootstrap,
    /// The features that the application uses.
    pub features: Vec<String>,
    /// The metadata of the APK, where the package has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apk: Option<ApkFacts>,
}

/// A video encoder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::ToSchema),
    schema(example = "gpu-preferred")
)]
pub enum VideoEncoder {
    /// A GPU is required.
    Gpu,
    /// A GPU where there is one, else the CPU.
    #[default]
    #[serde(alias = "")]
    GpuPreferred,
    /// The CPU.
    Software,
    /// A video processing unit.
    Vpu,
    /// Unknown. Manifests cannot declare it; other servers send it for old versions.
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
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "gpu" => Ok(Self::Gpu),
            "gpu-preferred" | "" => Ok(Self::GpuPreferred),
            "software" => Ok(Self::Software),
            "vpu" => Ok(Self::Vpu),
            _ => Err(InvalidValue::new(
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

/// The watchdog: it stops an instance when another package than the application comes to the
/// foreground.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Watchdog {
    /// Whether every package may be in the foreground.
    pub disabled: bool,
    /// The other packages that may be in the foreground; `*` alone for all.
    #[serde(deserialize_with = "null_as_empty")]
    pub allowed_packages: Vec<String>,
}

/// A port that an application serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NetworkService {
    /// The name of the service.
    pub name: String,
    /// The port, or the first of a range.
    pub port: u16,
    /// The last port of a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_end: Option<u16>,
    /// The transport protocols of the service.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub protocols: Vec<NetworkProtocol>,
    /// Whether the service is reachable on the public address of the node.
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

/// The destination of a file of the package in Android's file system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExtraData {
    /// The path in Android's file system.
    pub target: String,
    /// The owner and the group, as `owner:group`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// The permissions, in octal.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub permissions: String,
}

/// The settings of hooks: the scripts that run during the life cycle of an instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hooks {
    /// The time limit of a hook, such as `5m`; empty for the default.
    pub timeout: String,
}

/// The settings of the bootstrap, which sets the application up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Bootstrap {
    /// Glob patterns of the files that stay after the bootstrap.
    #[serde(deserialize_with = "null_as_empty")]
    pub keep: Vec<String>,
}

/// The metadata of an APK.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApkFacts {
    /// The name of the package.
    pub package: String,
    /// The version name, for people.
    pub version_name: String,
    /// The version code, for the package manager.
    pub version_code: String,
    /// The ABIs of its native code; empty for an APK without native code, which runs on all.
    pub abis: Vec<String>,
    /// The SHA-256 of the signer's certificate, in hexadecimal; empty for an unsigned APK.
    pub signer: String,
}
