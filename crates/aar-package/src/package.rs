//! A package: a manifest and the files that belong to it.
//!
//! | in the package | is |
//! |---|---|
//! | `manifest.yaml` | the manifest; the only required file |
//! | `app.apk` | the Android application |
//! | `extra-data/` | files that the manifest installs in Android's file system |
//! | `hooks/` | scripts that run during the life cycle of an instance; always executable |
//! | other files | available to hooks during the bootstrap; `bootstrap.keep` selects files that stay |
//!
//! Other files are kept because hooks may need them. The names of files and their executable bits
//! are part of the content. Times, owners and other permissions are not.

use std::{
    io::{self, Read},
    path::Path,
    sync::atomic::AtomicBool,
};

use aar_types::{ApkFacts, ImageInfo};

use crate::{
    EntryError, Error, Limits, Manifest, apk, path::EntryPath, progress::ImageProgress,
    read_manifest, seekable::write_image, source::PackageSource, tar::TarWriter,
    tree::PackageEntry,
};

pub(crate) const MANIFEST: &str = "manifest.yaml";
const APK: &str = "app.apk";
const EXTRA_DATA: &str = "extra-data";
const HOOKS: &str = "hooks";

/// A package that was opened and checked.
#[derive(Debug)]
pub struct Package {
    manifest: Manifest,
    source: PackageSource,
}

impl Package {
    /// Opens a package: a folder, or a `.zip`, `.tar.bz2`, `.tar` or `.tar.zst` file.
    ///
    /// Content that must be unpacked is written to an unnamed file on the volume of the folder
    /// `staging`. The file is deleted with the package, or with the process.
    pub fn open(path: &Path, staging: &Path, limits: &Limits) -> Result<Self, Error> {
        let mut source = PackageSource::open(path, staging, limits)?;
        check_layout(&source)?;
        let mut manifest = read_manifest(&manifest_text(&source, limits)?)?;
        check_extra_data(&source, &manifest)?;
        if let Some(facts) = read_apk(&mut source, staging)? {
            manifest.apply_apk_facts(facts)?;
        }
        Ok(Self { manifest, source })
    }

    /// The manifest. An empty boot package is replaced by the package of the APK.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub fn apk(&self) -> Option<&ApkFacts> {
        self.manifest.version.apk.as_ref()
    }

    /// The size of all files in bytes: the final progress of [`Package::write_image`].
    pub fn content_size(&self) -> u64 {
        self.source.tree.content_size()
    }

    /// Writes the canonical image of the package to the file `to` and syncs it.
    ///
    /// `progress` is called with the number of content bytes written so far. When writing fails or
    /// is cancelled, the file is removed.
    pub fn write_image(
        &self,
        to: &Path,
        progress: &dyn Fn(u64),
        cancelled: &AtomicBool,
    ) -> Result<ImageInfo, Error> {
        let progress = ImageProgress::new(progress, cancelled);
        write_image(to, |out| {
            let mut tar = TarWriter::new(out);
            for (path, entry) in self.source.tree.entries() {
                progress.check_cancelled()?;
                self.write_entry(&mut tar, path, entry, &progress)
                    .map_err(|error| progress.cancelled_or(error))?;
            }
            tar.finish()?;
            Ok(())
        })
    }

    fn write_entry(
        &self,
        tar: &mut TarWriter<&mut dyn io::Write>,
        path: &EntryPath,
        entry: &PackageEntry,
        progress: &ImageProgress<'_>,
    ) -> Result<(), Error> {
        let name = path.as_str();
        match entry {
            PackageEntry::Folder => Ok(tar.folder(name)?),
            PackageEntry::Symlink(target) => Ok(tar.symlink(name, target)?),
            PackageEntry::File(file) => self.source.read(path, file, |content| {
                let executable = file.executable || is_hook(name);
                let copied = &mut |count| progress.advance(count);
                tar.file(name, executable, file.size, content, copied)
            }),
        }
    }
}

/// Whether the file is a hook. Hooks are made executable, because archives from some systems lack
/// the permission.
fn is_hook(path: &str) -> bool {
    path.split_once('/')
        .is_some_and(|(folder, _)| folder == HOOKS)
}

fn check_layout(source: &PackageSource) -> Result<(), Error> {
    let tree = &source.tree;
    if tree.get(MANIFEST).is_none() {
        let is_manifest = |path: &&EntryPath| path.as_str().rsplit('/').next() == Some(MANIFEST);
        let nested = tree.entries().map(|(path, _)| path).find(is_manifest);
        return Err(Error::NoManifest {
            nested: nested.map(ToString::to_string),
        });
    }
    for (path, entry) in tree.entries() {
        let required = match (path.as_str(), entry) {
            (MANIFEST | APK, PackageEntry::Folder | PackageEntry::Symlink(_)) => "file",
            (EXTRA_DATA | HOOKS, PackageEntry::File(_) | PackageEntry::Symlink(_)) => "folder",
            _ => continue,
        };
        return Err(Error::entry(path, EntryError::MustBe(required)));
    }
    Ok(())
}

fn manifest_text(source: &PackageSource, limits: &Limits) -> Result<String, Error> {
    let Some((path, file)) = source.tree.file(MANIFEST) else {
        return Err(Error::NoManifest { nested: None });
    };
    if file.size > limits.manifest_size {
        let reason = EntryError::TooLarge(limits.manifest_size);
        return Err(Error::entry(path, reason));
    }
    let text = source.read(path, file, |content| {
        let mut text = Vec::new();
        content.take(file.size + 1).read_to_end(&mut text)?;
        Ok(text)
    })?;
    String::from_utf8(text).map_err(|_| Error::entry(path, EntryError::MustBe("text in UTF-8")))
}

/// Checks that the package has all files that the manifest installs.
fn check_extra_data(source: &PackageSource, manifest: &Manifest) -> Result<(), Error> {
    let missing = manifest.version.extra_data.keys().find(|name| {
        let path = format!("{EXTRA_DATA}/{}", name.trim_end_matches('/'));
        source.tree.get(&path).is_none()
    });
    match missing {
        Some(name) => Err(Error::NoExtraData { name: name.clone() }),
        None => Ok(()),
    }
}

fn read_apk(source: &mut PackageSource, staging: &Path) -> Result<Option<ApkFacts>, Error> {
    let Some(entries) = source.open_seekable(APK, staging)? else {
        return Ok(None);
    };
    let Some(signatures) = source.open_seekable(APK, staging)? else {
        return Ok(None);
    };
    apk::read_facts(entries, signatures).map(Some)
}
