//! Packages for tests, built without checks so that they can be invalid in every way.

mod android;
mod package_content;
mod signing;
mod tar_builder;
pub(crate) mod tools;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use aar_package::{Error, Limits, Package};
use aar_types::ImageInfo;
use tempfile::TempDir;

pub(crate) use android::{Apk, Value, axml, axml_of, resource_value, resources};
pub(crate) use package_content::{PackageContent, PackageItem};
pub(crate) use signing::sign;
pub(crate) use tar_builder::{TarBuilder, bzip2};

pub(crate) const MANIFEST: &str = "name: candy\n";

/// A folder of one test for packages, images and staging.
pub(crate) struct TestFolder(TempDir);

impl TestFolder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::create_dir(folder.staging()).unwrap();
        folder
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

    pub(crate) fn open_bytes(&self, content: &[u8]) -> Result<Package, Error> {
        self.open(&self.file("package", content))
    }

    /// The error for a package that is refused, with its causes.
    pub(crate) fn refusal(&self, content: &[u8]) -> String {
        chain(&self.open_bytes(content).unwrap_err())
    }

    pub(crate) fn write(&self, package: &Package, name: &str) -> Result<ImageInfo, Error> {
        package.write_image(&self.path(name), &|_| (), &AtomicBool::new(false))
    }

    pub(crate) fn image(&self, package: &Path) -> (PathBuf, ImageInfo) {
        let package = self.open(package).unwrap();
        let info = self.write(&package, "image.tar.zst").unwrap();
        (self.path("image.tar.zst"), info)
    }

    /// The number of files in the staging folder.
    pub(crate) fn staged(&self) -> usize {
        fs::read_dir(self.staging()).unwrap().count()
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
