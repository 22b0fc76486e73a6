//! Reading and writing `manifest.yaml`.
//!
//! A manifest is read in two steps: the text is parsed into nodes with their positions, then each
//! section is checked key by key. All errors are reported at once, each with the key, the value and
//! the allowed form.

mod checker;
mod document;
mod encoding;
mod error;
mod sections;
mod write;

use aar_types::{ApkFacts, ApplicationMetadata, ApplicationName, VersionManifest};

use self::checker::ManifestChecker;
pub(crate) use self::encoding::decode;
pub use self::error::{ManifestError, ManifestErrorKind, ManifestErrors, Position};

pub(crate) const FILE_NAME: &str = "manifest.yaml";

/// The checked manifest of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub name: ApplicationName,
    pub application: ApplicationMetadata,
    pub version: VersionManifest,
}

/// Parses the text of a `manifest.yaml` and reports all errors at once.
///
/// Every key except `name` has a default. The targets of `extra-data` are checked against
/// `boot-package`. Without a boot package they may belong to any package until
/// [`Package::open`](crate::Package::open) knows the package of the APK.
///
/// Unknown keys are ignored; [`read_manifest_with_warnings`] returns them.
pub fn read_manifest(text: &str) -> Result<Manifest, ManifestErrors> {
    read_manifest_with_warnings(text).map(|(manifest, _)| manifest)
}

/// Parses the text of a `manifest.yaml` and returns its unknown keys with it.
pub fn read_manifest_with_warnings(
    text: &str,
) -> Result<(Manifest, Vec<ManifestError>), ManifestErrors> {
    let mut checker = ManifestChecker::default();
    let manifest = match document::parse(text) {
        Ok(root) => sections::manifest(&mut checker, &root),
        Err(error) => {
            checker.add(error);
            None
        }
    };
    checker.finish(manifest)
}

impl Manifest {
    /// The text of a `manifest.yaml` that [`read_manifest`] reads back.
    pub fn to_yaml(&self) -> String {
        write::to_yaml(self)
    }

    /// Adds the metadata of the APK, and its package as boot package where the manifest has none.
    pub(crate) fn apply_apk_facts(&mut self, facts: ApkFacts) -> Result<(), ManifestErrors> {
        let boot_package = &mut self.application.boot_package;
        if boot_package.is_empty() {
            boot_package.clone_from(&facts.package);
        }
        self.version.apk = Some(facts);
        let mut checker = ManifestChecker::default();
        for (name, data) in &self.version.extra_data {
            checker.check_target(name, &data.target, &self.application.boot_package);
        }
        checker.finish(Some(())).map(drop)
    }
}

#[cfg(test)]
mod tests;
