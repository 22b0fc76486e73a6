use std::{
    fs::File,
    path::{Path, PathBuf},
};

use aar_cli::{Failure, Progress};
use ams_api::{AmsClient, Error, Package, StatusCode};
use anyhow::Context;
use fs_err as fs;

use crate::{folder, location, session::Session};

/// A package that is ready to be sent, with the bar that shows how far it is.
pub(crate) struct Source {
    pub(crate) package: Package,
    pub(crate) progress: Progress,
    path: PathBuf,
}

impl Source {
    /// Gets a package ready: a folder is packed, an archive is taken as it is.
    pub(crate) async fn prepare(
        session: &Session,
        client: &AmsClient,
        path: PathBuf,
    ) -> anyhow::Result<Self> {
        let progress = session.printer.progress("packing", None);
        let (bar, folder_or_file) = (progress.clone(), path.clone());
        let local = client.is_local();
        let (package, length) =
            tokio::task::spawn_blocking(move || read(folder_or_file, local, &bar)).await??;
        progress.finish();
        let progress = session.printer.progress("uploading", Some(length));
        Ok(Self {
            package,
            progress,
            path,
        })
    }

    /// Names the package where AMS has something against it; what else goes wrong is not about it.
    pub(crate) fn blame(&self, error: Error) -> anyhow::Error {
        let refused = matches!(
            error,
            Error::Refused { status: 400, .. }
                | Error::Operation {
                    status: StatusCode::Failure,
                    ..
                }
        );
        let error = anyhow::Error::new(error);
        if refused {
            error.context(self.path.display().to_string())
        } else {
            error
        }
    }

    /// What hears how many bytes have been sent.
    pub(crate) fn sent(&self) -> impl Fn(u64) + Send + 'static {
        let progress = self.progress.clone();
        move |bytes| progress.advance_to(bytes)
    }
}

/// The package, and about how many bytes there are to send.
fn read(path: PathBuf, local: bool, progress: &Progress) -> anyhow::Result<(Package, u64)> {
    let named = fs::File::open(&path)?;
    if !named.metadata()?.is_dir() {
        return archive(&path, named.into_parts().0, local, progress);
    }
    folder::check(&path)?;
    let size = folder::size(&path)?;
    if local {
        return Ok((
            Package::made(move |out| Ok(folder::stream(&path, out)?)),
            size,
        ));
    }
    let packed = folder::pack(&path, &location::scratch_dir()?, progress)?;
    archive(&path, packed, local, progress)
}

fn archive(
    path: &Path,
    file: File,
    local: bool,
    progress: &Progress,
) -> anyhow::Result<(Package, u64)> {
    let length = file.metadata()?.len();
    if length == 0 {
        let failure = Failure::new(format!("{} is empty", path.display()));
        return Err(failure
            .with_hint("a package is a folder, a .zip or a .tar.bz2 with a manifest.yaml")
            .into());
    }
    if local {
        return Ok((Package::local(file, length), length));
    }
    progress.set_label("reading");
    let package = Package::read(file, &|bytes| progress.advance_to(bytes));
    let package = package.with_context(|| format!("cannot read {}", path.display()))?;
    Ok((package, length))
}
