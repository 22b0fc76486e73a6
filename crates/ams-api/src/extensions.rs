//! Names of API extensions. A client looks for them in [`ServiceStatus`](crate::ServiceStatus) before it uses
//! the extension.

/// Packages may be zip archives.
pub const ZIP_ARCHIVE_SUPPORT: &str = "zip_archive_support";
/// The image of a version can be downloaded.
pub const APPLICATION_IMAGE_EXPORT: &str = "application_image_export";
/// Applications may run in virtual machines.
pub const VM_SUPPORT: &str = "vm_support";
/// Attributes of an application can be changed without a new package.
pub const APPLICATION_PARTIAL_UPDATES: &str = "application_partial_updates";
/// The manifest of a version can be downloaded.
pub const APPLICATION_MANIFEST_DOWNLOAD: &str = "application_manifest_download";
/// AMS can push to a registry and pull from it.
pub const REGISTRY: &str = "registry";
/// Several applications can be deleted in one request.
pub const BULK_DELETE_APPLICATIONS: &str = "bulk_delete.applications";
/// Manifests may declare resources.
pub const APPLICATION_RESOURCE_CUSTOMIZATION: &str = "application_resource_customization";
/// Manifests may configure the watchdog.
pub const APPLICATION_WATCHDOG_SETTINGS: &str = "application_watchdog_settings";
/// Manifests may declare services.
pub const APPLICATION_SERVICES_CONFIGURATION: &str = "application_services_configuration";
/// Manifests may declare a version.
pub const APPLICATION_MANIFEST_VERSION: &str = "application_manifest_version";
/// Manifests may choose the video encoder.
pub const APPLICATION_GPU_ENCODER: &str = "application_gpu_encoder";
/// Versions include facts from the manifest of their APK. Not in the vendor's AMS.
pub const APPLICATION_APK_FACTS: &str = "application_apk_facts";
/// The status of the registry agent can be read, and a round started. Not in the vendor's AMS.
pub const REGISTRY_STATUS: &str = "registry_status";
