//! `GET /1.0`: shows the extensions of the service and whether it trusts the caller.
//!
//! Clients do not call extensions that are not listed, so the list names exactly those that work.

use std::collections::BTreeMap;

use ams_api::{ServiceStatus, extensions};

use crate::http::{auth::AnyCaller, envelope::Success};

const EXTENSIONS: &[&str] = &[
    extensions::APPLICATION_APK_FACTS,
    extensions::APPLICATION_GPU_ENCODER,
    extensions::APPLICATION_IMAGE_EXPORT,
    extensions::APPLICATION_MANIFEST_DOWNLOAD,
    extensions::APPLICATION_MANIFEST_VERSION,
    extensions::APPLICATION_PARTIAL_UPDATES,
    extensions::APPLICATION_RESOURCE_CUSTOMIZATION,
    extensions::APPLICATION_SERVICES_CONFIGURATION,
    extensions::APPLICATION_WATCHDOG_SETTINGS,
    extensions::BULK_DELETE_APPLICATIONS,
    extensions::REGISTRY,
    extensions::REGISTRY_STATUS,
    extensions::VM_SUPPORT,
    extensions::ZIP_ARCHIVE_SUPPORT,
];

pub(in crate::http) async fn show(caller: AnyCaller) -> Success<ServiceStatus> {
    Success(ServiceStatus {
        api_extensions: EXTENSIONS.iter().map(ToString::to_string).collect(),
        api_status: "stable".to_owned(),
        api_version: "1.0".to_owned(),
        auth: caller.auth(),
        auth_methods: vec!["2waySSL".to_owned()],
        auth_permissions: BTreeMap::new(),
        cluster_id: String::new(),
        cluster_name: String::new(),
    })
}
