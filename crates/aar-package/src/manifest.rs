//! `manifest.yaml`: what a package declares.
//!
//! A manifest is read in two steps: the text becomes a tree of nodes that know their place, and the
//! sections of the tree are checked key by key. Nothing stops at the first mistake; whoever wrote
//! the manifest is told all of them, each with the key, the value and what is allowed.

mod check;
mod complaint;
mod document;
mod sections;
mod write;

use aar_types::{ApkFacts, ApplicationMetadata, ApplicationName, VersionManifest, rules};

use self::check::Check;
pub use self::complaint::{Complaint, ManifestErrors, Position, Reason};

/// The manifest of a package, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The name of the application.
    pub name: ApplicationName,
    /// What holds for all versions of the application.
    pub application: ApplicationMetadata,
    /// What this version declares.
    pub version: VersionManifest,
}

/// Reads the text of a `manifest.yaml`. All that is wrong with it is reported at once.
///
/// Keys that are missing take their defaults; `name` alone has none. The targets of `extra-data`
/// are checked against `boot-package`. Without one they may belong to any package, until
/// [`Package::open`](crate::Package::open) knows the package of the APK.
pub fn read_manifest(text: &str) -> Result<Manifest, ManifestErrors> {
    let mut check = Check::default();
    let manifest = match document::parse(text) {
        Ok(root) => sections::manifest(&mut check, &root),
        Err(complaint) => {
            check.complain(complaint);
            None
        }
    };
    check.finish(manifest)
}

/// Whether the text can be the name of an Android package.
pub(crate) fn is_package_name(text: &str) -> bool {
    rules::package(text).is_ok()
}

impl Manifest {
    /// The manifest as the text of a `manifest.yaml`, which [`read_manifest`] reads back.
    pub fn to_yaml(&self) -> String {
        write::to_yaml(self)
    }

    /// Adds what the APK says of itself, and starts its package where the manifest names none.
    pub(crate) fn adopt(&mut self, facts: ApkFacts) -> Result<(), ManifestErrors> {
        let boot_package = &mut self.application.boot_package;
        if boot_package.is_empty() {
            boot_package.clone_from(&facts.package);
        }
        self.version.apk = Some(facts);
        let mut check = Check::default();
        for (name, data) in &self.version.extra_data {
            check.target(name, &data.target, &self.application.boot_package);
        }
        check.finish(Some(()))
    }
}

#[cfg(test)]
mod tests;
