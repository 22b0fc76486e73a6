//! Preparing a package of the user for upload.

mod archive;
mod folder;
mod source;

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use aar_cli::{Failure, Progress};
use ams_api::{AmsClient, Error, PackageBody, StatusCode};
use anyhow::Context;
use fs_err as fs;

pub(super) use self::source::PackageSource;
use crate::{paths, session::Session};

/// A package that is ready to be sent, with its progress bar.
pub(super) struct PackageUpload {
    pub(super) package: PackageBody,
    pub(super) progress: Progress,
    path: PathBuf,
}

impl PackageUpload {
    /// Packs a folder or an APK; an archive is sent unchanged.
    pub(super) async fn prepare(
        session: &Session,
        client: &AmsClient,
        source: PackageSource,
        strict: bool,
    ) -> anyhow::Result<Self> {
        let progress = session.printer.progress("packing", None);
        let path = source.path().to_owned();
        let bar = progress.clone();
        let local = client.is_local();
        let (package, length) =
            tokio::task::spawn_blocking(move || open(source, local, &bar)).await??;
        progress.finish();
        let progress = session.printer.progress("uploading", Some(length));
        Ok(Self {
            package: package.strict(strict),
            progress,
            path,
        })
    }

    /// Adds the path of the package to errors about its content.
    pub(super) fn add_path(&self, error: Error) -> anyhow::Error {
        let is_about_content = matches!(
            error,
            Error::Refused { status: 400, .. }
                | Error::Operation {
                    status: StatusCode::Failure,
                    ..
                }
        );
        let error = anyhow::Error::new(error);
        if is_about_content {
            error.context(self.path.display().to_string())
        } else {
            error
        }
    }

    /// Is called with the number of bytes sent so far.
    pub(super) fn progress_callback(&self) -> impl Fn(u64) + Send + 'static {
        let progress = self.progress.clone();
        move |bytes| progress.advance_to(bytes)
    }
}

/// The package, and its approximate length in bytes. Blocks.
fn open(
    source: PackageSource,
    local: bool,
    progress: &Progress,
) -> anyhow::Result<(PackageBody, u64)> {
    let path = match source {
        PackageSource::Package(path) => path,
        PackageSource::Apk { path, name } if local => {
            let length = apk_length(&path)?;
            let package =
                PackageBody::from_writer(move |out| Ok(archive::stream_apk(&path, &name, out)?));
            return Ok((package, length));
        }
        PackageSource::Apk { path, name } => {
            apk_length(&path)?;
            let packed = archive::pack_apk(&path, &name, &paths::scratch_dir()?, progress)?;
            return from_archive(&path, packed, local, progress);
        }
    };
    let source = fs::File::open(&path)?;
    if !source.metadata()?.is_dir() {
        return from_archive(&path, source.into_parts().0, local, progress);
    }
    folder::check(&path)?;
    let size = folder::size(&path)?;
    if local {
        let package = PackageBody::from_writer(move |out| Ok(archive::stream(&path, out)?));
        return Ok((package, size));
    }
    let packed = archive::pack(&path, &paths::scratch_dir()?, progress)?;
    from_archive(&path, packed, local, progress)
}

/// The length of an APK that can be read.
fn apk_length(apk: &Path) -> anyhow::Result<u64> {
    let length = fs::File::open(apk)?.metadata()?.len();
    if length == 0 {
        return Err(Failure::new(format!("{} is empty", apk.display())).into());
    }
    Ok(length)
}

fn from_archive(
    path: &Path,
    file: File,
    local: bool,
    progress: &Progress,
) -> anyhow::Result<(PackageBody, u64)> {
    let length = file.metadata()?.len();
    if length == 0 {
        let failure = Failure::new(format!("{} is empty", path.display()));
        return Err(failure
            .with_hint("a package is a folder, .zip or .tar.bz2 that contains a manifest.yaml")
            .into());
    }
    if local {
        return Ok((PackageBody::from_file(file, length), length));
    }
    progress.set_label("reading");
    let package = PackageBody::hashed(file, &|bytes| progress.advance_to(bytes));
    let package = package.with_context(|| format!("cannot read {}", path.display()))?;
    Ok((package, length))
}
