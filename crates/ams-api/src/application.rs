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
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its status: that of its newest version.
    pub status: ApplicationStatus,
    /// [`ApplicationStatus::code`] of its status.
    pub status_code: i64,
    /// The instance type it asks for.
    pub instance_type: String,
    /// The Android package that is started.
    pub boot_package: String,
    /// The base image.
    pub parent_image_id: String,
    /// The variant of the base image, such as `android`.
    pub parent_image_variant: String,
    /// Whether any version is published.
    pub published: bool,
    /// Its versions, ordered by number.
    #[serde(deserialize_with = "null_as_empty")]
    pub versions: Vec<ApplicationVersion>,
    /// Addons that are enabled for it.
    #[serde(deserialize_with = "null_as_empty")]
    pub addons: Vec<String>,
    /// When it was created, in seconds since 1970.
    pub created_at: i64,
    /// Whether it came from a registry and is changed only from there.
    pub immutable: bool,
    /// Labels.
    #[serde(deserialize_with = "null_as_empty")]
    pub tags: Vec<String>,
    /// Resources that override those of the instance type.
    pub resources: Resources,
    /// The Android ABI, where it is bound to one.
    pub abi: String,
    /// Whether it keeps its base image when a newer one comes out.
    pub inhibit_auto_updates: bool,
    /// Tags of the nodes it may run on.
    #[serde(deserialize_with = "null_as_empty")]
    pub node_selector: Vec<String>,
    /// Whether it runs in a virtual machine.
    pub vm: bool,
    /// What the caller may do with it; only when asked for.
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
    /// Its number.
    pub number: u32,
    /// The version that its manifest names.
    pub manifest_version: String,
    /// The base image.
    pub parent_image_id: String,
    /// The version of the base image.
    pub parent_image_version: i64,
    /// Its status.
    pub status: VersionStatus,
    /// [`VersionStatus::code`] of its status.
    pub status_code: i64,
    /// Whether it is published.
    pub published: bool,
    /// When it was created, in seconds since 1970.
    pub created_at: i64,
    /// The activity that is started.
    pub boot_activity: String,
    /// Android permissions that are granted.
    #[serde(deserialize_with = "null_as_empty")]
    pub required_permissions: Vec<String>,
    /// Addons with their versions.
    #[serde(deserialize_with = "null_as_empty")]
    pub addons: Vec<ApplicationAddon>,
    /// Files that are placed in Android's file system.
    #[serde(deserialize_with = "null_as_empty")]
    pub extra_data: BTreeMap<String, ExtraData>,
    /// Why it is in error; else empty.
    pub error_message: String,
    /// How video is encoded.
    pub video_encoder: VideoEncoder,
    /// What may be in the foreground beside the application.
    pub watchdog: Watchdog,
    /// Ports that it serves.
    #[serde(deserialize_with = "null_as_empty")]
    pub services: Vec<NetworkService>,
    /// Features that it makes use of.
    #[serde(deserialize_with = "null_as_empty")]
    pub features: Vec<String>,
    /// Limits of its hooks.
    pub hooks: Hooks,
    /// What is kept of its package.
    pub bootstrap: Bootstrap,
    /// What its APK says of itself, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apk: Option<ApkFacts>,
}

/// An addon with the version that a version of an application uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApplicationAddon {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: i64,
}

macro_rules! status {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal, $code:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $type {
            $($(#[$variant_doc])* #[serde(rename = $name)] $variant,)+
            /// It cannot be told.
            #[default]
            #[serde(rename = "unknown", other)]
            Unknown,
        }

        impl $type {
            /// All names that it can have.
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
    /// What state an application is in.
    ApplicationStatus {
        /// Its newest version is not usable yet.
        Initializing = "initializing", 1;
        /// It can be used.
        Ready = "ready", 2;
        /// It is being deleted.
        Deleted = "deleted", 3;
        /// Its newest version failed.
        Error = "error", -1;
    }
}

status! {
    /// What state a version is in. The command line shows a version that is ready as `active`.
    VersionStatus {
        /// It is not usable yet.
        Initializing = "initializing", 1;
        /// It can be used.
        #[serde(alias = "active")]
        Ready = "ready", 3;
        /// It is being deleted.
        Deleted = "deleted", 4;
        /// It failed; the error message says why.
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
    fn bodies_of_older_and_newer_peers_are_read() {
        let body = r#"{"id": "a", "status": "frozen", "resources": {"disk-size": "3GB"},
            "versions": [{"number": 1, "status": "active", "later": true}], "later": {}}"#;
        let application: Application = serde_json::from_str(body).unwrap();
        assert_eq!(application.status, ApplicationStatus::Unknown);
        assert_eq!(application.resources.disk_size, "3GB");
        assert_eq!(application.versions[0].status, VersionStatus::Ready);
        assert_eq!(application.tags, Vec::<String>::new());
    }

    #[test]
    fn what_the_vendor_writes_for_nothing_is_read() {
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
    fn names_are_those_of_the_definition() {
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
