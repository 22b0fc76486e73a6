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
    EntryError, Error, Limits, Manifest, ManifestError, apk,
    manifest::{FILE_NAME as MANIFEST, decode},
    path::EntryPath,
    progress::ImageProgress,
    read_manifest_with_warnings,
    seekable::write_image,
    source::PackageSource,
    tar::TarWriter,
    tree::{PackageEntry, PackageTree},
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
        let text = manifest_bytes(&source, limits)?;
        let (mut manifest, unknown) = check_content(&source.tree, text)?;
        let unknown = unknown.iter().map(|key| format!("{MANIFEST}: {key}"));
        let mut warnings = std::mem::take(&mut source.warnings);
        warnings.extend(unknown.chain(unused_apk(&source.tree)));
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

    /// Content without effect: unknown keys of the manifest, and APKs that are not
    /// called `app.apk`. Also names of entries that are not certain.
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
        let written = write_image(to, |out| {
            let mut tar = TarWriter::new(out);
            for (path, entry) in self.source.tree.entries() {
                progress.check_cancelled()?;
                self.write_entry(&mut tar, path, entry, &progress)
                    .map_err(|error| progress.cancelled_or(error))?;
            }
            tar.finish()?;
            Ok(())
        })?;
        self.check_expansion(&written).inspect_err(|_| {
            // A file that cannot be removed is left to the reaper.
            let _ = fs_err::remove_file(to);
        })?;
        Ok(written)
    }

    /// Refuses an image that others would refuse for its expansion. A folder has no archive that
    /// limits it.
    fn check_expansion(&self, image: &ImageInfo) -> Result<(), Error> {
        let limits = Limits::DEFAULT;
        if self.content_size() <= limits.max_content(image.size) {
            return Ok(());
        }
        let largest = self.source.tree.largest_file();
        let limit = format!("{} times the size of the image", limits.expansion);
        Err(largest.map_or(Error::NoManifest { nested: None }, |path| {
            Error::limit(path, limit)
        }))
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
pub(crate) fn is_hook(path: &str) -> bool {
    path.split_once('/')
        .is_some_and(|(folder, _)| folder == HOOKS)
}

/// Checks what a package or an image holds, and reads its manifest with the unknown keys.
pub(crate) fn check_content(
    tree: &PackageTree,
    manifest: Vec<u8>,
) -> Result<(Manifest, Vec<ManifestError>), Error> {
    check_layout(tree)?;
    let text = decode(manifest).ok_or_else(|| Error::Entry {
        entry: MANIFEST.to_owned(),
        reason: EntryError::MustBe("text in UTF-8, or in UTF-16 with a byte order mark"),
    })?;
    let (manifest, unknown) = read_manifest_with_warnings(&text)?;
    check_extra_data(tree, &manifest)?;
    Ok((manifest, unknown))
}

fn check_layout(tree: &PackageTree) -> Result<(), Error> {
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
    check_apk_name(tree)
}

/// Refuses a package whose APK has another name than `app.apk`: it would be published without its
/// application. A package with hooks may install other APKs itself.
fn check_apk_name(tree: &PackageTree) -> Result<(), Error> {
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
fn unused_apk(tree: &PackageTree) -> Option<String> {
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

/// The text of the manifest; nothing if there is none, which the check of the layout reports.
fn manifest_bytes(source: &PackageSource, limits: &Limits) -> Result<Vec<u8>, Error> {
    let Some((path, file)) = source.tree.file(MANIFEST) else {
        return Ok(Vec::new());
    };
    if file.size > limits.manifest_size {
        let reason = EntryError::TooLarge(limits.manifest_size);
        return Err(Error::entry(path, reason));
    }
    source.read(path, file, |content| {
        let mut text = Vec::new();
        content.take(file.size + 1).read_to_end(&mut text)?;
        Ok(text)
    })
}

/// Checks that the package has all files that the manifest installs.
fn check_extra_data(tree: &PackageTree, manifest: &Manifest) -> Result<(), Error> {
    let missing = manifest.version.extra_data.keys().find(|name| {
        let path = format!("{EXTRA_DATA}/{}", name.trim_end_matches('/'));
        tree.get(&path).is_none()
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
