//! Packages for tests, made by hand so that they can be wrong in every way.

mod android;
mod content;
mod raw_tar;
mod signing;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use aar_package::{Error, Limits, Package};
use aar_types::ImageInfo;
use tempfile::TempDir;

pub(crate) use android::{Apk, axml, resources};
pub(crate) use content::{Item, Tree};
pub(crate) use raw_tar::{RawTar, bzip2};
pub(crate) use signing::sign;

/// The shortest manifest.
pub(crate) const MANIFEST: &str = "name: candy\n";

/// A folder for one test: for packages, images, and for staging.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.staging()).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn staging(&self) -> PathBuf {
        self.path("staging")
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn open(&self, package: &Path) -> Result<Package, Error> {
        Package::open(package, &self.staging(), &Limits::default())
    }

    /// Opens a package that is an archive with this content.
    pub(crate) fn open_bytes(&self, content: &[u8]) -> Result<Package, Error> {
        self.open(&self.file("package", content))
    }

    /// What is said when a package is refused, with its reasons.
    pub(crate) fn refusal(&self, content: &[u8]) -> String {
        chain(&self.open_bytes(content).unwrap_err())
    }

    pub(crate) fn write(&self, package: &Package, name: &str) -> Result<ImageInfo, Error> {
        package.write_image(&self.path(name), &|_| (), &AtomicBool::new(false))
    }

    /// The image of a package, as a path and by its hashes.
    pub(crate) fn image(&self, package: &Path) -> (PathBuf, ImageInfo) {
        let package = self.open(package).unwrap();
        let info = self.write(&package, "image.tar.zst").unwrap();
        (self.path("image.tar.zst"), info)
    }

    /// What is left in the staging folder.
    pub(crate) fn staged(&self) -> usize {
        fs::read_dir(self.staging()).unwrap().count()
    }
}

/// An error and its reasons in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
