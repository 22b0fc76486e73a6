use std::collections::BTreeMap;

use aar_types::{
    ApkFacts, Bootstrap, ExtraData, Hooks, NetworkService, Resources, VideoEncoder, Watchdog,
    null_as_empty,
};
use serde::{Deserialize, Serialize};

/// An application.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the definition of the API has them"
)]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Application {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The status of the newest version.
    pub status: ApplicationStatus,
    /// [`ApplicationStatus::code`] of the status.
    pub status_code: i64,
    /// The instance type.
    pub instance_type: String,
    /// The Android package to start.
    pub boot_package: String,
    /// The base image.
    pub parent_image_id: String,
    /// The variant of the base image, such as `android`.
    pub parent_image_variant: String,
    /// Whether any version is published.
    pub published: bool,
    /// The versions, ordered by number.
    #[serde(deserialize_with = "null_as_empty")]
    pub versions: Vec<ApplicationVersion>,
    /// The enabled addons.
    #[serde(deserialize_with = "null_as_empty")]
    pub addons: Vec<String>,
    /// When the application was created, in seconds since 1970.
    pub created_at: i64,
    /// Whether it was pulled from a registry: only the registry changes it.
    pub immutable: bool,
    /// The tags.
    #[serde(deserialize_with = "null_as_empty")]
    pub tags: Vec<String>,
    /// Resources that override those of the instance type.
    pub resources: Resources,
    /// The Android ABI; empty for any.
    pub abi: String,
    /// Whether to keep the base image when a newer one is released.
    pub inhibit_auto_updates: bool,
    /// Tags of the nodes that may run the application.
    #[serde(deserialize_with = "null_as_empty")]
    pub node_selector: Vec<String>,
    /// Whether it runs in virtual machines instead of containers.
    pub vm: bool,
    /// The permissions of the caller for the application; only if requested.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_empty"
    )]
    pub entitlements: Vec<String>,
}

/// A version of an application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApplicationVersion {
    /// The number.
    pub number: u32,
    /// The version in the manifest.
    pub manifest_version: String,
    /// The base image.
    pub parent_image_id: String,
    /// The version of the base image.
    pub parent_image_version: i64,
    /// The status.
    pub status: VersionStatus,
    /// [`VersionStatus::code`] of the status.
    pub status_code: i64,
    /// Whether the version is published.
    pub published: bool,
    /// When it was created, in seconds since 1970.
    pub created_at: i64,
    /// The activity to start.
    pub boot_activity: String,
    /// The Android permissions to grant.
    #[serde(deserialize_with = "null_as_empty")]
    pub required_permissions: Vec<String>,
    /// The addons with their versions.
    #[serde(deserialize_with = "null_as_empty")]
    pub addons: Vec<ApplicationAddon>,
    /// The files to place in Android's file system.
    #[serde(deserialize_with = "null_as_empty")]
    pub extra_data: BTreeMap<String, ExtraData>,
    /// The reason why the version failed; else empty.
    pub error_message: String,
    /// The video encoder.
    pub video_encoder: VideoEncoder,
    /// The Android packages that may be in the foreground beside the application.
    pub watchdog: Watchdog,
    /// The network services that it provides.
    #[serde(deserialize_with = "null_as_empty")]
    pub services: Vec<NetworkService>,
    /// The features that it uses.
    #[serde(deserialize_with = "null_as_empty")]
    pub features: Vec<String>,
    /// The limits of its hooks.
    pub hooks: Hooks,
    /// The parts of the package to keep after the bootstrap.
    pub bootstrap: Bootstrap,
    /// The facts in the manifest of the APK, if there is an APK.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apk: Option<ApkFacts>,
}

/// An addon of a version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApplicationAddon {
    /// The name.
    pub name: String,
    /// The version of the addon.
    pub version: i64,
}

macro_rules! status {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal, $code:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $type {
            $($(#[$variant_doc])* #[serde(rename = $name)] $variant,)+
            /// A status that this release does not know.
            #[default]
            #[serde(rename = "unknown", other)]
            Unknown,
        }

        impl $type {
            /// The names of all statuses.
            pub const NAMES: &[&str] = &[$($name,)+ "unknown"];

            /// The name in bodies and filters.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ Self::Unknown => "unknown" }
            }

            /// The number beside the name in bodies.
            pub fn code(self) -> i64 {
                match self { $(Self::$variant => $code,)+ Self::Unknown => 0 }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

status! {
    /// The status of an application.
    ApplicationStatus {
        /// Its newest version is not usable yet.
        Initializing = "initializing", 1;
        /// It is usable.
        Ready = "ready", 2;
        /// It is being deleted.
        Deleted = "deleted", 3;
        /// Its newest version failed.
        Error = "error", -1;
    }
}

status! {
    /// The status of a version. `amc` shows a version that is ready as `active`.
    VersionStatus {
        /// It is not usable yet.
        Initializing = "initializing", 1;
        /// It is usable.
        #[serde(alias = "active")]
        Ready = "ready", 3;
        /// It is being deleted.
        Deleted = "deleted", 4;
        /// It failed; `error_message` has the reason.
        Error = "error", -1;
    }
}

/// The request that deletes an application.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApplicationDelete {
    /// Whether it is deleted even if it is immutable.
    pub force: bool,
}

/// The request that deletes several applications.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApplicationsDelete {
    /// Their ids or names.
    #[serde(deserialize_with = "null_as_empty")]
    pub ids: Vec<String>,
    /// Whether they are deleted even if they are immutable.
    pub force: bool,
}

/// The request that deletes a version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApplicationVersionDelete {
    /// Whether it is deleted even if its application is immutable.
    pub force: bool,
}

/// The request that publishes or revokes a version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApplicationVersionPatch {
    /// Whether it is to be published; absent for no change.
    pub published: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn application_of_an_older_or_newer_peer_is_read() {
        let body = r#"{"id": "a", "status": "frozen", "resources": {"disk-size": "3GB"},
            "versions": [{"number": 1, "status": "active", "later": true}], "later": {}}"#;
        let application: Application = serde_json::from_str(body).unwrap();
        assert_eq!(application.status, ApplicationStatus::Unknown);
        assert_eq!(application.resources.disk_size, "3GB");
        assert_eq!(application.versions[0].status, VersionStatus::Ready);
        assert_eq!(application.tags, Vec::<String>::new());
    }

    #[test]
    fn null_in_an_application_of_the_vendor_is_read_as_empty() {
        let body = r#"{"tags": null, "addons": null, "node_selector": null,
            "resources": {"cpus": 2, "gpu-slots": -1}, "versions": [{
                "required_permissions": null, "features": null, "video_encoder": "unknown",
                "extra_data": null, "watchdog": {"disabled": true, "allowed-packages": null},
                "services": [{"name": "a", "port": 1, "protocols": null}],
                "bootstrap": {"keep": null}}]}"#;
        let application: Application = serde_json::from_str(body).unwrap();
        let (resources, version) = (&application.resources, &application.versions[0]);
        assert_eq!((resources.cpus, resources.gpu_slots), (Some(2), None));
        assert_eq!(version.video_encoder, VideoEncoder::Unknown);
        assert!(version.watchdog.disabled && version.services[0].protocols.is_empty());
        let none: Application = serde_json::from_str(r#"{"versions": null}"#).unwrap();
        assert_eq!(none, Application::default());
    }

    #[test]
    fn application_is_written_with_the_names_of_the_api_definition() {
        let application = Application {
            resources: Resources {
                gpu_slots: Some(1),
                no_disk_reserve: true,
                ..Resources::default()
            },
            versions: vec![ApplicationVersion::default()],
            ..Application::default()
        };
        let json = serde_json::to_value(&application).unwrap();
        assert_eq!(json["resources"]["gpu-slots"], 1);
        assert_eq!(json["resources"]["no_disk_reserve"], true);
        assert_eq!(json["versions"][0]["video_encoder"], "gpu-preferred");
        assert!(json["versions"][0]["watchdog"]["allowed-packages"].is_array());
    }
}
