use std::collections::BTreeMap;

use aar_cli::DocumentFormat;
use aar_types::{
    ApkFacts, Bootstrap, ExtraData, Hooks, NetworkService, Resources, VideoEncoder, Watchdog,
};
use ams_api::{Application, ApplicationStatus, ApplicationVersion, VersionStatus};
use clap::Args;
use serde::Serialize;

use crate::session::Session;

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Id or name of the application
    id: String,
    /// In which form to print
    #[arg(long, value_enum, default_value_t)]
    format: DocumentFormat,
}

pub(crate) async fn show(session: &Session, arguments: &ShowArgs) -> anyhow::Result<()> {
    let application = session.client()?.application(&arguments.id).await?;
    let shown = Shown::from(application);
    Ok(session.printer.document(arguments.format, &shown)?)
}

/// An application, in the form that scripts read.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::struct_excessive_bools, reason = "what is shown has them")]
struct Shown {
    id: String,
    name: String,
    status: ApplicationStatus,
    published: bool,
    immutable: bool,
    vm: bool,
    inhibit_auto_updates: bool,
    parent_image: String,
    parent_image_variant: String,
    tags: Vec<String>,
    config: Config,
    versions: BTreeMap<u32, ShownVersion>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Config {
    instance_type: String,
    boot_package: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    abi: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addons: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    node_selector: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    resources: Resources,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ShownVersion {
    image: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    manifest_version: String,
    published: bool,
    status: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    error_message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addons: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    boot_activity: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    required_permissions: Vec<String>,
    extra_data: BTreeMap<String, ExtraData>,
    video_encoder: VideoEncoder,
    #[serde(skip_serializing_if = "is_default")]
    watchdog: Watchdog,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    services: Vec<NetworkService>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    features: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    hooks: Hooks,
    #[serde(skip_serializing_if = "is_default")]
    bootstrap: Bootstrap,
    #[serde(skip_serializing_if = "Option::is_none")]
    apk: Option<ShownApk>,
}

/// What an APK says of itself.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ShownApk {
    package: String,
    version_name: String,
    version_code: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    abis: Vec<String>,
    signer: String,
}

impl From<ApkFacts> for ShownApk {
    fn from(facts: ApkFacts) -> Self {
        Self {
            package: facts.package,
            version_name: facts.version_name,
            version_code: facts.version_code,
            abis: facts.abis,
            signer: facts.signer,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl From<Application> for Shown {
    fn from(application: Application) -> Self {
        let versions = application.versions.into_iter();
        Self {
            id: application.id,
            name: application.name,
            status: application.status,
            published: application.published,
            immutable: application.immutable,
            vm: application.vm,
            inhibit_auto_updates: application.inhibit_auto_updates,
            parent_image: application.parent_image_id,
            parent_image_variant: application.parent_image_variant,
            tags: application.tags,
            config: Config {
                instance_type: application.instance_type,
                boot_package: application.boot_package,
                abi: application.abi,
                addons: application.addons,
                node_selector: application.node_selector,
                resources: application.resources,
            },
            versions: versions
                .map(|version| (version.number, version.into()))
                .collect(),
        }
    }
}

impl From<ApplicationVersion> for ShownVersion {
    fn from(version: ApplicationVersion) -> Self {
        Self {
            image: image(&version),
            manifest_version: version.manifest_version,
            published: version.published,
            status: status(version.status),
            error_message: version.error_message,
            addons: version.addons.into_iter().map(|addon| addon.name).collect(),
            boot_activity: version.boot_activity,
            required_permissions: version.required_permissions,
            extra_data: version.extra_data,
            video_encoder: version.video_encoder,
            watchdog: version.watchdog,
            services: version.services,
            features: version.features,
            hooks: version.hooks,
            bootstrap: version.bootstrap,
            apk: version.apk.map(ShownApk::from),
        }
    }
}

fn image(version: &ApplicationVersion) -> String {
    if version.parent_image_id.is_empty() {
        return String::new();
    }
    format!(
        "{} (version {})",
        version.parent_image_id, version.parent_image_version
    )
}

/// A version that is ready is called active.
fn status(status: VersionStatus) -> &'static str {
    match status {
        VersionStatus::Ready => "active",
        other => other.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use aar_cli::Printer;

    use super::*;

    fn application() -> Application {
        let ready = ApplicationVersion {
            number: 0,
            parent_image_id: "bf7u4cqkv5sg5jd5b2k0".to_owned(),
            status: VersionStatus::Ready,
            published: true,
            manifest_version: "0.1".to_owned(),
            boot_activity: "com.canonical.candy.GameApp".to_owned(),
            extra_data: BTreeMap::from([(
                "game-data-folder".to_owned(),
                ExtraData {
                    target: "/sdcard/Android/data/com.canonical.candy/".to_owned(),
                    ..ExtraData::default()
                },
            )]),
            watchdog: Watchdog {
                disabled: false,
                allowed_packages: vec!["com.android.settings".to_owned()],
            },
            ..ApplicationVersion::default()
        };
        let failed = ApplicationVersion {
            number: 1,
            status: VersionStatus::Error,
            error_message: "app.apk is not an APK".to_owned(),
            ..ApplicationVersion::default()
        };
        Application {
            id: "bcmap7u5nof07arqa2ag".to_owned(),
            name: "candy".to_owned(),
            status: ApplicationStatus::Error,
            published: true,
            parent_image_id: "jammy:android13:amd64".to_owned(),
            parent_image_variant: "android".to_owned(),
            instance_type: "a4.3".to_owned(),
            boot_package: "com.canonical.candy".to_owned(),
            resources: Resources {
                cpus: Some(4),
                ..Resources::default()
            },
            versions: vec![ready, failed],
            ..Application::default()
        }
    }

    fn printed(format: DocumentFormat) -> String {
        let (printer, captured) = Printer::captured();
        let shown = Shown::from(application());
        printer.document(format, &shown).unwrap();
        captured.stdout()
    }

    #[test]
    fn an_application_is_shown_in_both_forms() {
        insta::assert_snapshot!(printed(DocumentFormat::Yaml), @r#"
        id: bcmap7u5nof07arqa2ag
        name: candy
        status: error
        published: true
        immutable: false
        vm: false
        inhibit-auto-updates: false
        parent-image: jammy:android13:amd64
        parent-image-variant: android
        tags: []
        config:
          instance-type: a4.3
          boot-package: com.canonical.candy
          resources:
            cpus: 4
        versions:
          0:
            image: bf7u4cqkv5sg5jd5b2k0 (version 0)
            manifest-version: "0.1"
            published: true
            status: active
            boot-activity: com.canonical.candy.GameApp
            extra-data:
              game-data-folder:
                target: /sdcard/Android/data/com.canonical.candy/
            video-encoder: gpu-preferred
            watchdog:
              disabled: false
              allowed-packages:
              - com.android.settings
          1:
            image: ""
            published: false
            status: error
            error-message: app.apk is not an APK
            extra-data: {}
            video-encoder: gpu-preferred
        "#);
        insta::assert_snapshot!(printed(DocumentFormat::Json), @r#"
        {
          "id": "bcmap7u5nof07arqa2ag",
          "name": "candy",
          "status": "error",
          "published": true,
          "immutable": false,
          "vm": false,
          "inhibit-auto-updates": false,
          "parent-image": "jammy:android13:amd64",
          "parent-image-variant": "android",
          "tags": [],
          "config": {
            "instance-type": "a4.3",
            "boot-package": "com.canonical.candy",
            "resources": {
              "cpus": 4
            }
          },
          "versions": {
            "0": {
              "image": "bf7u4cqkv5sg5jd5b2k0 (version 0)",
              "manifest-version": "0.1",
              "published": true,
              "status": "active",
              "boot-activity": "com.canonical.candy.GameApp",
              "extra-data": {
                "game-data-folder": {
                  "target": "/sdcard/Android/data/com.canonical.candy/"
                }
              },
              "video-encoder": "gpu-preferred",
              "watchdog": {
                "disabled": false,
                "allowed-packages": [
                  "com.android.settings"
                ]
              }
            },
            "1": {
              "image": "",
              "published": false,
              "status": "error",
              "error-message": "app.apk is not an APK",
              "extra-data": {},
              "video-encoder": "gpu-preferred"
            }
          }
        }
        "#);
    }
}
