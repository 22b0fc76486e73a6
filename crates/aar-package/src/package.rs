use std::{path::Path, sync::atomic::AtomicBool};

use aar_types::{ApkFacts, ImageInfo};

use crate::{Error, Limits, Manifest};

/// A package, opened and checked.
#[derive(Debug)]
pub struct Package {
    manifest: Manifest,
    content_size: u64,
}

impl Package {
    /// Opens a package: a folder, or a `.zip`, `.tar.bz2`, `.tar` or `.tar.zst` file.
    ///
    /// Content that has to be unpacked first goes to a file without a name on the volume of the
    /// folder `staging`; it is gone with the package, or with the process.
    pub fn open(path: &Path, staging: &Path, limits: &Limits) -> Result<Self, Error> {
        todo!("{path:?} {staging:?} {limits:?}")
    }

    /// What the package declares, with what it does not say of the boot package taken from the APK.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What the APK says of itself, where there is one.
    pub fn apk(&self) -> Option<&ApkFacts> {
        self.manifest.version.apk.as_ref()
    }

    /// The size of all files, in bytes: where the progress of [`Package::write_image`] ends.
    pub fn content_size(&self) -> u64 {
        self.content_size
    }

    /// Writes the canonical image of the package to the file `to`, which is created and synced.
    ///
    /// `progress` is told the bytes of content that are done. When it fails or is cancelled, the
    /// file is removed.
    pub fn write_image(
        &self,
        to: &Path,
        progress: &dyn Fn(u64),
        cancelled: &AtomicBool,
    ) -> Result<ImageInfo, Error> {
        progress(0);
        todo!("{to:?} {cancelled:?}")
    }
}
