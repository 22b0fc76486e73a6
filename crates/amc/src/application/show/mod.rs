mod view;

use aar_cli::DocumentFormat;
use clap::Args;

use self::view::ApplicationView;
use crate::session::Session;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  amc application show candy
  amc application show candy --format json | jq '.versions | keys'")]
pub(crate) struct ShowArgs {
    /// Id or name of the application
    id: String,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: DocumentFormat,
}

pub(crate) async fn show(session: &Session, arguments: &ShowArgs) -> anyhow::Result<()> {
    let application = session.client()?.application(&arguments.id).await?;
    let view = ApplicationView::from(application);
    Ok(session.printer.document(arguments.format, &view)?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aar_cli::Printer;
    use aar_types::{ExtraData, Resources, Watchdog};
    use ams_api::{Application, ApplicationStatus, ApplicationVersion, VersionStatus};

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
        let view = ApplicationView::from(application());
        printer.document(format, &view).unwrap();
        captured.stdout()
    }

    #[test]
    fn application_is_shown_in_both_formats() {
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
