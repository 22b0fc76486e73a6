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
    EntryError, Error, Limits, Manifest, apk,
    manifest::{FILE_NAME as MANIFEST, decode},
    path::EntryPath,
    progress::ImageProgress,
    read_manifest_with_warnings,
    seekable::write_image,
    source::PackageSource,
    tar::TarWriter,
    tree::PackageEntry,
};

const APK: &str = "app.apk";
const EXTRA_DATA: &str = "extra-data";
const HOOKS: &str = "hooks";

/// A package that was opened and checked.
#[derive(Debug)]
pub struct Package {
    manifest: Manifest,
    warnings: Vec<String>,
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
        let (mut manifest, unknown) =
            read_manifest_with_warnings(&manifest_text(&source, limits)?)?;
        let unknown = unknown.iter().map(|key| format!("{MANIFEST}: {key}"));
        let warnings = unknown.chain(unused_apk(&source)).collect();
        check_extra_data(&source, &manifest)?;
        if let Some(facts) = read_apk(&mut source, staging)? {
            manifest.apply_apk_facts(facts)?;
        }
        Ok(Self {
            manifest,
            warnings,
            source,
        })
    }

    /// The manifest. An empty boot package is replaced by the package of the APK.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What the package has that has no effect: unknown keys of the manifest, and APKs that are not
    /// called `app.apk`.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Refuses a package with warnings.
    pub fn refuse_warnings(&self) -> Result<(), Error> {
        if self.warnings.is_empty() {
            return Ok(());
        }
        Err(Error::Warnings(self.warnings.clone()))
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
    check_apk_name(source)
}

/// Refuses a package whose APK has another name than `app.apk`: it would be published without its
/// application. A package with hooks may install other APKs itself.
fn check_apk_name(source: &PackageSource) -> Result<(), Error> {
    let tree = &source.tree;
    if tree.get(APK).is_some() || tree.get(HOOKS).is_some() {
        return Ok(());
    }
    let mut names = tree.entries().map(|(path, _)| path.as_str());
    let is_at_top = |name: &&str| !name.contains('/');
    match names.find(|name| is_at_top(name) && is_application(name)) {
        Some(name) => Err(Error::ApkName(name.to_owned())),
        None => Ok(()),
    }
}

/// A warning about APKs in a package without `app.apk`.
fn unused_apk(source: &PackageSource) -> Option<String> {
    let tree = &source.tree;
    if tree.get(APK).is_some() {
        return None;
    }
    let mut names = tree.entries().map(|(path, _)| path.as_str());
    let is_data = |name: &str| {
        name.split_once('/')
            .is_some_and(|(top, _)| top == EXTRA_DATA)
    };
    let found = names.find(|name| is_application(name) && !is_data(name))?;
    Some(format!(
        "{found} is not installed: only {APK} at the top of the package is"
    ))
}

fn is_application(name: &str) -> bool {
    let extension = Path::new(name).extension().unwrap_or_default();
    ["apk", "apks", "apkm", "xapk", "aab"]
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
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
    let allowed = EntryError::MustBe("text in UTF-8, or in UTF-16 with a byte order mark");
    decode(text).ok_or_else(|| Error::entry(path, allowed))
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
