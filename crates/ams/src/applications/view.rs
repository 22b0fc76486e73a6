//! Applications as the API shows them.

use aar_types::ApplicationMetadata;
use ams_api::{
    Application, ApplicationAddon, ApplicationStatus, ApplicationVersion, VersionStatus,
};

use crate::store::{Origin, StoredApplication, StoredVersion, VersionState};

/// Versions use the addons of their application and the globally configured ones.
pub(super) fn application(stored: &StoredApplication, global_addons: &[String]) -> Application {
    let metadata = stored.metadata.clone();
    let status = application_status(stored);
    let addons = addons(&metadata.addons, global_addons);
    let version = |version| version_of(version, &metadata, &addons);
    Application {
        id: stored.id.to_string(),
        name: stored.name.to_string(),
        status,
        status_code: status.code(),
        parent_image_variant: variant(&metadata.image).to_owned(),
        published: stored.versions.iter().any(|version| version.published),
        versions: stored.versions.iter().map(version).collect(),
        created_at: stored.created_at,
        immutable: stored.origin == Origin::Imported,
        instance_type: metadata.instance_type,
        boot_package: metadata.boot_package,
        parent_image_id: metadata.image,
        addons: metadata.addons,
        tags: metadata.tags,
        resources: metadata.resources,
        abi: metadata.abi,
        inhibit_auto_updates: metadata.inhibit_auto_updates,
        node_selector: metadata.node_selector,
        vm: metadata.vm,
        entitlements: Vec::new(),
    }
}

fn version_of(
    stored: &StoredVersion,
    metadata: &ApplicationMetadata,
    addons: &[ApplicationAddon],
) -> ApplicationVersion {
    let manifest = stored.manifest.clone();
    let status = status(&stored.state);
    ApplicationVersion {
        number: stored.number.0,
        manifest_version: manifest.manifest_version,
        parent_image_id: metadata.image.clone(),
        parent_image_version: 0,
        status,
        status_code: status.code(),
        published: stored.published,
        created_at: stored.created_at,
        boot_activity: manifest.boot_activity,
        required_permissions: manifest.required_permissions,
        addons: addons.to_vec(),
        extra_data: manifest.extra_data,
        error_message: error_message(&stored.state),
        video_encoder: manifest.video_encoder,
        watchdog: manifest.watchdog,
        services: manifest.services,
        features: manifest.features,
        hooks: manifest.hooks,
        bootstrap: manifest.bootstrap,
        apk: manifest.apk,
    }
}

pub(super) fn status(state: &VersionState) -> VersionStatus {
    match state {
        VersionState::Initializing => VersionStatus::Initializing,
        VersionState::Ready(_) => VersionStatus::Ready,
        VersionState::Failed(_) => VersionStatus::Error,
    }
}

fn application_status(stored: &StoredApplication) -> ApplicationStatus {
    match stored.versions.last().map(|newest| &newest.state) {
        Some(VersionState::Initializing) => ApplicationStatus::Initializing,
        Some(VersionState::Ready(_)) => ApplicationStatus::Ready,
        Some(VersionState::Failed(_)) => ApplicationStatus::Error,
        None => ApplicationStatus::Unknown,
    }
}

fn error_message(state: &VersionState) -> String {
    match state {
        VersionState::Failed(reason) => reason.clone(),
        VersionState::Initializing | VersionState::Ready(_) => String::new(),
    }
}

fn addons(own: &[String], global: &[String]) -> Vec<ApplicationAddon> {
    let more = global.iter().filter(|addon| !own.contains(addon));
    let addon = |name: &String| ApplicationAddon {
        name: name.clone(),
        version: 0,
    };
    own.iter().chain(more).map(addon).collect()
}

/// The names of base images contain their variant, unless it is `android`.
fn variant(image: &str) -> &'static str {
    if image.contains("aaos") {
        "aaos"
    } else {
        "android"
    }
}
