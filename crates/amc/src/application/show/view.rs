//! Applications in the layout of `amc application show`, which scripts parse.

use std::collections::BTreeMap;

use aar_types::{
    ApkFacts, Bootstrap, ExtraData, Hooks, NetworkService, Resources, VideoEncoder, Watchdog,
};
use ams_api::{Application, ApplicationStatus, ApplicationVersion, VersionStatus};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "applications have these flags"
)]
pub(super) struct ApplicationView {
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
    config: ConfigView,
    versions: BTreeMap<u32, VersionView>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ConfigView {
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
struct VersionView {
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
    apk: Option<ApkView>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ApkView {
    package: String,
    version_name: String,
    version_code: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    abis: Vec<String>,
    signer: String,
}

impl From<ApkFacts> for ApkView {
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

impl From<Application> for ApplicationView {
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
            config: ConfigView {
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

impl From<ApplicationVersion> for VersionView {
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
            apk: version.apk.map(ApkView::from),
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

/// `amc` shows a version that is ready as active.
fn status(status: VersionStatus) -> &'static str {
    match status {
        VersionStatus::Ready => "active",
        other => other.as_str(),
    }
}
