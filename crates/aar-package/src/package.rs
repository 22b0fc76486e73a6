//! A package: a manifest, and what goes with it.
//!
//! | in the package | is |
//! |---|---|
//! | `manifest.yaml` | what the package declares; the only thing that has to be there |
//! | `app.apk` | the Android application |
//! | `extra-data/` | what the manifest's `extra-data` places in Android's file system |
//! | `hooks/` | scripts that run at points of an instance's life; always executable |
//! | anything else | is there for the hooks while the application is set up; what `bootstrap.keep` names stays there afterwards |
//!
//! Other files are therefore neither refused nor dropped: hooks may need them. What a file is
//! called is its content too, and so is whether it may be executed. Times, owners and the other
//! permissions are not.

use std::{
    cell::Cell,
    io::{self, Read},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use aar_types::{ApkFacts, ImageInfo};

use crate::{
    Error, Limits, Manifest, Problem, apk,
    path::EntryPath,
    read_manifest,
    seekable::write_image,
    source::Source,
    tar::TarWriter,
    tree::{FileNode, Node},
};

pub(crate) const MANIFEST: &str = "manifest.yaml";
const APK: &str = "app.apk";
const EXTRA_DATA: &str = "extra-data";
const HOOKS: &str = "hooks";

/// A package, opened and checked.
#[derive(Debug)]
pub struct Package {
    manifest: Manifest,
    source: Source,
}

impl Package {
    /// Opens a package: a folder, or a `.zip`, `.tar.bz2`, `.tar` or `.tar.zst` file.
    ///
    /// Content that has to be unpacked first goes to a file without a name on the volume of the
    /// folder `staging`; it is gone with the package, or with the process.
    pub fn open(path: &Path, staging: &Path, limits: &Limits) -> Result<Self, Error> {
        let mut source = Source::open(path, staging, limits)?;
        check_layout(&source)?;
        let mut manifest = read_manifest(&manifest_text(&source, limits)?)?;
        check_extra_data(&source, &manifest)?;
        if let Some(facts) = read_apk(&mut source, staging)? {
            manifest.adopt(facts)?;
        }
        Ok(Self { manifest, source })
    }

    /// What the package declares. What it does not say of the boot package is taken from the APK.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What the APK says of itself, where there is one.
    pub fn apk(&self) -> Option<&ApkFacts> {
        self.manifest.version.apk.as_ref()
    }

    /// The size of all files, in bytes: where the progress of [`Package::write_image`] ends.
    pub fn content_size(&self) -> u64 {
        self.source.tree.content_size()
    }

    /// Writes the canonical image of the package to the file `to`, which is created and synced.
    ///
    /// `progress` is told how many bytes of content are done. When writing fails or is cancelled,
    /// the file is removed.
    pub fn write_image(
        &self,
        to: &Path,
        progress: &dyn Fn(u64),
        cancelled: &AtomicBool,
    ) -> Result<ImageInfo, Error> {
        let steps = Steps::new(progress, cancelled);
        write_image(to, |out| {
            let mut tar = TarWriter::new(out);
            for (path, node) in self.source.tree.entries() {
                steps.check()?;
                self.write_entry(&mut tar, path, node, &steps)
                    .map_err(|error| steps.explain(error))?;
            }
            tar.finish()?;
            Ok(())
        })
    }

    fn write_entry(
        &self,
        tar: &mut TarWriter<&mut dyn io::Write>,
        path: &EntryPath,
        node: &Node,
        steps: &Steps<'_>,
    ) -> Result<(), Error> {
        match node {
            Node::Folder => Ok(tar.folder(path.as_str())?),
            Node::Symlink(target) => Ok(tar.symlink(path.as_str(), target)?),
            Node::File(file) => self.source.read(path, file, |content| {
                let executable = file.executable || is_hook(path.as_str());
                tar.file(
                    path.as_str(),
                    executable,
                    file.size,
                    content,
                    &mut |count| steps.done(count),
                )
            }),
        }
    }
}

/// Archives made on systems that know no such permission would otherwise hold hooks that cannot
/// run.
fn is_hook(path: &str) -> bool {
    path.split_once('/')
        .is_some_and(|(folder, _)| folder == HOOKS)
}

/// Tells the caller of progress, and stops when the caller wants it.
pub(crate) struct Steps<'a> {
    progress: &'a dyn Fn(u64),
    cancelled: &'a AtomicBool,
    total: Cell<u64>,
}

impl<'a> Steps<'a> {
    pub(crate) fn new(progress: &'a dyn Fn(u64), cancelled: &'a AtomicBool) -> Self {
        Self {
            progress,
            cancelled,
            total: Cell::new(0),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        Ok(())
    }

    /// A step is done.
    pub(crate) fn done(&self, count: usize) -> io::Result<()> {
        self.check().map_err(io::Error::other)?;
        self.total.set(self.total.get() + count as u64);
        (self.progress)(self.total.get());
        Ok(())
    }

    /// An error that came up because the work was cancelled is no error of its own.
    pub(crate) fn explain(&self, error: Error) -> Error {
        self.check().err().unwrap_or(error)
    }
}

fn check_layout(source: &Source) -> Result<(), Error> {
    let tree = &source.tree;
    if tree.get(MANIFEST).is_none() {
        let name = |path: &EntryPath| path.as_str().rsplit('/').next() == Some(MANIFEST);
        let found = tree.entries().map(|(path, _)| path).find(|path| name(path));
        return Err(Error::NoManifest {
            found: found.map(ToString::to_string),
        });
    }
    for (path, node) in tree.entries() {
        let problem = match (path.as_str(), node) {
            (MANIFEST | APK, Node::Folder | Node::Symlink(_)) => Problem::MustBe("file"),
            (EXTRA_DATA | HOOKS, Node::File(_) | Node::Symlink(_)) => Problem::MustBe("folder"),
            _ => continue,
        };
        return Err(Error::entry(path, problem));
    }
    Ok(())
}

fn manifest_text(source: &Source, limits: &Limits) -> Result<String, Error> {
    let Some((path, file)) = file_at(source, MANIFEST) else {
        return Err(Error::NoManifest { found: None });
    };
    if file.size > limits.manifest_size {
        return Err(Error::entry(path, Problem::TooLarge(limits.manifest_size)));
    }
    let text = source.read(path, file, |content| {
        let mut text = Vec::new();
        content.take(file.size + 1).read_to_end(&mut text)?;
        Ok(text)
    })?;
    String::from_utf8(text).map_err(|_| Error::entry(path, Problem::MustBe("text in UTF-8")))
}

fn file_at<'s>(source: &'s Source, wanted: &str) -> Option<(&'s EntryPath, &'s FileNode)> {
    let (path, node) = source.tree.get_entry(wanted)?;
    match node {
        Node::File(file) => Some((path, file)),
        Node::Folder | Node::Symlink(_) => None,
    }
}

/// What the manifest wants to be placed has to be there.
fn check_extra_data(source: &Source, manifest: &Manifest) -> Result<(), Error> {
    let missing = manifest.version.extra_data.keys().find(|name| {
        let path = format!("{EXTRA_DATA}/{}", name.trim_end_matches('/'));
        source.tree.get(&path).is_none()
    });
    match missing {
        Some(name) => Err(Error::NoExtraData { name: name.clone() }),
        None => Ok(()),
    }
}

fn read_apk(source: &mut Source, staging: &Path) -> Result<Option<ApkFacts>, Error> {
    let Some(entries) = source.open_seekable(APK, staging)? else {
        return Ok(None);
    };
    let Some(signatures) = source.open_seekable(APK, staging)? else {
        return Ok(None);
    };
    apk::read_facts(entries, signatures).map(Some)
}
